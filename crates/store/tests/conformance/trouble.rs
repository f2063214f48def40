//! Databases that are gone, too busy, too new, or opened by many at once.

use std::time::{Duration, Instant};

use foretell_store::{ArtifactsUrl, DatabaseUrl, Store, StoreError, StoreOptions};
use foretell_tests::postgres::Postgres;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::task::JoinSet;

use crate::{on_both, runtime, version_of};

#[test]
fn many_may_migrate_at_once() {
    let race = async |options: StoreOptions| {
        let mut race = JoinSet::new();
        for _ in 0..8 {
            let options = options.clone();
            race.spawn(async move { Store::open(&options).await.map(drop) });
        }
        race.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    };
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
        let file = DatabaseUrl::file(folder.path().join("foretell.db"));
        race(StoreOptions::new(file, artifacts.clone())).await;
        if let Some(server) = Postgres::shared() {
            race(StoreOptions::new(server.create().parse().unwrap(), artifacts)).await;
        }
    });
}

#[test]
fn a_newer_schema_is_refused() {
    on_both(|place| async move {
        let newer = Store::schema() + 1;
        let sql = "INSERT INTO schema_migrations (number, name, migrated_at) VALUES ($1, 'later', 0)";
        let url = place.options.database.to_string();
        if place.options.database.is_server() {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::query(sql).bind(newer).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(sql).bind(newer).execute(&mut connection).await.unwrap();
        }
        let error = Store::open(&place.options).await.unwrap_err();
        assert!(
            matches!(error, StoreError::NewerSchema { database, known } if database == newer && known == newer - 1)
        );
        assert!(!error.is_transient());
        assert!(error.to_string().contains("use the release that wrote it"), "{error}");
    });
}

#[test]
fn what_cannot_be_opened_says_so() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
        let options = |database: DatabaseUrl| StoreOptions::new(database, artifacts.clone());
        let not_a_database = folder.path().join("notes.txt");
        std::fs::write(&not_a_database, "not a database, and longer than the header of one. ".repeat(100))
            .unwrap();
        let error = Store::open(&options(DatabaseUrl::file(&not_a_database))).await.unwrap_err();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
        // Nothing listens on a port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nobody = format!("postgres://anna:geheim@127.0.0.1:{port}/models").parse().unwrap();
        let started = Instant::now();
        let error = Store::open(&options(nobody)).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(!format!("{error} {error:?}").contains("geheim"));
    });
}

/// A store on a server of its own, with a short patience.
async fn on_server(server: &Postgres) -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
    let mut options = StoreOptions::new(server.url().parse().expect("a URL"), artifacts);
    options.patience = Duration::from_secs(2);
    (Store::open(&options).await.expect("a store"), folder)
}

#[test]
fn a_database_may_go_and_come_back() {
    let Some(mut server) = Postgres::start() else { return };
    runtime().block_on(async {
        let (store, _folder) = on_server(&server).await;
        let mut changes = store.changes();
        let first = changes.next().await.unwrap();
        server.kill();
        let error = store.add_version(version_of("iris")).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert!(changes.next().await.unwrap_err().is_transient());
        server.restart();
        store.ping().await.unwrap();
        store.add_version(version_of("iris")).await.unwrap();
        assert_eq!(changes.next().await.unwrap(), first + 1);
        server.stop();
        server.restart();
        let started = Instant::now();
        store.add_version(version_of("iris")).await.unwrap();
        assert_eq!(changes.next().await.unwrap(), first + 2);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    });
}

#[test]
fn a_server_may_have_no_connection_to_spare() {
    let settings = "max_connections = 6\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0";
    let Some(server) = Postgres::start_with(settings) else { return };
    runtime().block_on(async {
        let (_store, _folder) = on_server(&server).await;
        let mut others = Vec::new();
        while let Ok(connection) = PgConnection::connect(&server.url()).await {
            others.push(connection);
        }
        // A store that has none says that trying later can help.
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
        let options = StoreOptions::new(server.url().parse().unwrap(), artifacts);
        assert!(Store::open(&options).await.unwrap_err().is_transient());
        for connection in others {
            connection.close().await.unwrap();
        }
        Store::open(&options).await.unwrap();
    });
}

#[test]
fn one_connection_is_enough() {
    on_both(|place| async move {
        let options = StoreOptions { max_connections: 1, ..place.options };
        let store = Store::open(&options).await.unwrap();
        let mut changes = store.changes();
        changes.next().await.unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..20 {
            let store = store.clone();
            callers.spawn(async move { store.add_version(version_of("iris")).await.map(|new| new.version) });
        }
        let numbers: Result<Vec<u32>, _> = callers.join_all().await.into_iter().collect();
        let mut numbers = numbers.unwrap();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
        changes.next().await.unwrap();
    });
}
