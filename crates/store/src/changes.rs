//! Hearing of changes: a notification of PostgreSQL, or looking at the revision again and again.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::time::timeout;

use crate::database::Database;
use crate::error::StoreError;
use crate::store::Store;

/// The channel that every change notifies.
const CHANNEL: &str = "foretell";
/// How often the revision is looked at where nothing notifies.
const POLL: Duration = Duration::from_millis(200);
/// How often it is looked at behind notifications, which a pooler between us and the database may swallow.
const POLL_BEHIND: Duration = Duration::from_millis(500);
/// How long connecting for notifications may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells of changes of the registry and the keys.
#[derive(Debug)]
pub struct Changes {
    store: Store,
    /// The revision that was told last.
    seen: Option<i64>,
    listener: Option<PgListener>,
}

impl Changes {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, seen: None, listener: None }
    }

    /// Waits until the revision has moved since the last call that returned one, and returns it. The first call returns
    /// at once. After an error the next call tries again, connecting anew; it is for the caller to wait in between.
    ///
    /// May be dropped while it waits: nothing is missed.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn next(&mut self) -> Result<i64, StoreError> {
        loop {
            // Listening begins before the look, so that no change falls between the two.
            let listening = self.listen().await;
            let revision = self.store.revision().await?;
            if self.seen != Some(revision) {
                self.seen = Some(revision);
                return Ok(revision);
            }
            // Whoever cannot listen, looks more often.
            let Some(listener) = self.listener.as_mut().filter(|_| listening.is_ok()) else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            if let Ok(Ok(None) | Err(_)) = timeout(POLL_BEHIND, listener.try_recv()).await {
                // A connection that was lost is made again in the next round.
                self.listener = None;
            }
        }
    }

    /// Makes the connection that listens, where the database notifies.
    async fn listen(&mut self) -> Result<(), StoreError> {
        if let (Database::Postgres { pool }, None) = (self.store.database(), &self.listener) {
            let listener = timeout(PATIENCE, subscribe(pool)).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
            self.listener = Some(listener?);
        }
        Ok(())
    }
}

/// Connects beside the pool: a connection that listens is used for nothing else, and must not be missed there.
async fn subscribe(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let options = (*pool.connect_options()).clone();
    let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&own.connect_lazy_with(options)).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
