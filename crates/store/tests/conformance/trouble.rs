//! Databases that are gone, too busy, or opened by many at once; artifacts that were damaged.

use foretell_store::{ArtifactsUrl, DatabaseUrl, Store, StoreOptions};
use foretell_tests::postgres::Postgres;
use tokio::task::JoinSet;

use crate::runtime;

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
