//! The part of a process that talks to the store: a runtime of its own beside the threads that serve, so that no
//! request waits for a database by accident.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foretell_store::{LocalCopy, Store, StoreError, StoreOptions};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::causes::with_causes;

/// Threads of the runtime: connecting and waiting is all they do.
const THREADS: usize = 1;
/// How often the database is asked whether it answers.
const PULSE: Duration = Duration::from_secs(1);
/// How long it may take over that.
const ANSWER: Duration = Duration::from_secs(2);

/// The runtime; ends with this value.
#[derive(Debug)]
pub struct ControlRuntime {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl ControlRuntime {
    /// Starts the runtime.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("control")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where work is handed over.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ControlRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Whatever still waits for a database must not hold up the end of the process.
            runtime.shutdown_background();
        }
    }
}

/// Why work on the store was not done.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was cut short by the end of the process, or panicked.
    #[error("the work was not finished")]
    Unfinished,
}

/// A way to the store from any thread. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Control {
    handle: Handle,
    connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection {
    options: StoreOptions,
    store: OnceCell<Store>,
    reachable: AtomicBool,
}

impl Control {
    /// Waits for nothing, so that a service starts also while its database is down. From now on the database is asked
    /// again and again whether it answers, for as long as a clone of this lives.
    pub fn new(handle: Handle, options: StoreOptions) -> Self {
        let connection =
            Arc::new(Connection { options, store: OnceCell::new(), reachable: AtomicBool::new(false) });
        handle.spawn(feel_pulse(Arc::downgrade(&connection)));
        Self { handle, connection }
    }

    /// Whether the database answered when it was asked last, at most a few seconds ago.
    pub fn is_reachable(&self) -> bool {
        self.connection.reachable.load(Relaxed)
    }

    /// The runtime that the store lives on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The store, opened now if it is not yet. To be awaited on the control runtime only.
    ///
    /// # Errors
    /// It cannot be opened; the next call tries again.
    pub async fn store(&self) -> Result<&Store, StoreError> {
        self.connection.store().await
    }

    /// The store, if it has been opened.
    pub fn opened(&self) -> Option<&Store> {
        self.connection.store.get()
    }

    /// The copy of what servers need of the store, where one is kept.
    pub fn copy(&self) -> Option<LocalCopy> {
        let options = &self.connection.options;
        let folder = options.copy.as_ref()?;
        match LocalCopy::open(folder, options.database.to_string()) {
            Ok(copy) => Some(copy),
            Err(error) => {
                tracing::warn!(error = with_causes(&error), "no copy of the registry can be kept");
                None
            }
        }
    }

    /// Does work with the store on the control runtime, and waits for it on any other.
    ///
    /// # Errors
    /// The store cannot be opened, the work fails, or the process ends.
    pub async fn with<W, F, T, E>(&self, work: W) -> Result<T, E>
    where
        W: FnOnce(Store) -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<ControlError> + Send + 'static,
    {
        let control = self.clone();
        let done = self.handle.spawn(async move {
            let store = control.store().await.map_err(ControlError::from)?.clone();
            work(store).await
        });
        done.await.unwrap_or_else(|_| Err(ControlError::Unfinished.into()))
    }
}

impl Connection {
    async fn store(&self) -> Result<&Store, StoreError> {
        self.store.get_or_try_init(|| Store::open(&self.options)).await
    }
}

async fn feel_pulse(connection: Weak<Connection>) {
    while let Some(connection) = connection.upgrade() {
        let answers = match connection.store().await {
            Ok(store) => matches!(timeout(ANSWER, store.ping()).await, Ok(Ok(()))),
            Err(_) => false,
        };
        connection.reachable.store(answers, Relaxed);
        drop(connection);
        sleep(PULSE).await;
    }
}
