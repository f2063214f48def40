//! Sockets and threads: one runtime of one thread per processor, each with a socket of its own on the same port,
//! so that a request never changes threads on its way.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foretell_engine::LiveCatalog;
use foretell_engine::control::Control;
use foretell_engine::fleet::FleetHandle;
use foretell_engine::log::Log;
use foretell_engine::schedule::Scheduler;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::auth;
use crate::config::{Config, ServerConfig};
use crate::connection::{self, Worker};
use crate::quality;
use crate::state::{Phase, StartError, State};
use crate::turn;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long a stopping service goes on taking requests, so that those which clients send at that moment on open
/// connections are answered and not cut off.
const LINGER: Duration = Duration::from_millis(250);
/// Threads that each I/O thread may start for large bodies and answers.
const BLOCKING_THREADS: usize = 4;
/// Files that are open beside connections.
const OTHER_FILES: u64 = 64;
/// How long accepting pauses when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The service cannot listen where it should.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{host}`, port {port}")]
pub struct BindError {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Why.
    pub source: io::Error,
}

/// Why the service did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration does not fit the models.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A thread or its runtime could not be started.
    #[error("cannot start an I/O thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// An I/O thread panicked.
    #[error("an I/O thread panicked")]
    Panicked,
}

/// What a service is made of.
#[derive(Debug)]
pub struct Parts {
    /// What it is told.
    pub config: Config,
    /// The models, replaced while it runs.
    pub catalog: Arc<LiveCatalog>,
    /// Who replaces them; `None` where nobody does.
    pub fleet: Option<FleetHandle>,
    /// The way to the database; `None` for a service without one.
    pub control: Option<Control>,
    /// The record of predictions; `None` for a service without one.
    pub log: Option<Arc<Log>>,
    /// What is trained again and again; `None` for a service that trains nothing.
    pub scheduler: Option<Scheduler>,
}

/// Sockets that are bound and listening: clients can connect, and wait until [`run`] accepts them.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    address: SocketAddr,
}

impl Listeners {
    /// Where the service listens; with the port that was chosen when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Binds the sockets of a service.
///
/// # Errors
/// The host is unknown, the port is taken or not allowed.
pub fn bind(config: &ServerConfig) -> Result<Listeners, BindError> {
    let fail = |source| BindError { host: config.host.clone(), port: config.port, source };
    let unknown = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let mut address = (config.host.as_str(), config.port)
        .to_socket_addrs()
        .and_then(|mut addresses| addresses.next().ok_or_else(unknown))
        .map_err(fail)?;
    probe(address).map_err(fail)?;
    let mut sockets = Vec::new();
    for _ in 0..config.worker_count() {
        let socket = listen(address).map_err(fail)?;
        address = socket.local_addr().map_err(fail)?;
        sockets.push(socket);
    }
    Ok(Listeners { sockets, address })
}

/// Fails when something listens already: sockets that reuse ports would share the port with another service of the
/// same user, unnoticed.
fn probe(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a service that has just ended are no obstacle.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until `shutdown` is done, then finishes the requests under way, for as long as the configuration
/// allows, and returns. Blocks the calling thread.
///
/// # Errors
/// The configuration does not fit the models, or threads cannot be started.
pub fn run(parts: Parts, listeners: Listeners, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    allow_connections(parts.config.server.max_connections);
    let (phase, phases) = watch::channel(Phase::Serving);
    let state = Arc::new(State::new(parts, listeners.address, phases.clone())?);
    let following = follow(&state);
    let scheme = if state.tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{}", listeners.address);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(thread_error)?;
    let mut workers = Vec::new();
    for (number, socket) in listeners.sockets.into_iter().enumerate() {
        let (state, phases) = (Arc::clone(&state), phases.clone());
        let worker = thread::Builder::new()
            .name(format!("http-{number}"))
            .spawn(move || work(&state, socket, phases))
            .map_err(thread_error)?;
        workers.push(worker);
    }
    runtime.block_on(async {
        match &state.tls {
            Some(tls) => tokio::select! { () = shutdown => {}, () = tls.watch() => {} },
            None => shutdown.await,
        }
        phase.send_replace(Phase::Draining);
    });
    following.iter().for_each(JoinHandle::abort);
    for worker in workers {
        worker.join().map_err(|_| RunError::Panicked)??;
    }
    Ok(())
}

/// Reads the API keys, and goes on reading them when they change; measures how good the models are.
fn follow(state: &Arc<State>) -> Vec<JoinHandle<()>> {
    let Some(control) = &state.control else { return Vec::new() };
    let spawn = |control: &Control| control.handle().spawn(auth::follow(Arc::clone(state), control.clone()));
    let mut following = vec![spawn(control)];
    if state.log.is_some() {
        following.push(control.handle().spawn(quality::follow(Arc::clone(state), control.clone())));
    }
    following
}

/// Raises the number of files that the process may have open, as far as the system lets it.
fn allow_connections(count: usize) {
    let wanted = (count as u64).saturating_add(OTHER_FILES);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => tracing::warn!(limit, wanted, "the system allows fewer open files than connections"),
        Err(error) => tracing::warn!(%error, wanted, "cannot raise the number of open files"),
    }
}

fn thread_error(source: io::Error) -> RunError {
    RunError::Thread { source }
}

/// One I/O thread from its first to its last connection.
fn work(state: &Arc<State>, socket: TcpListener, mut phases: watch::Receiver<Phase>) -> Result<(), RunError> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build_local(LocalOptions::default())
        .map_err(thread_error)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(socket).map_err(thread_error)?;
        let worker = Rc::new(Worker::new(Arc::clone(state)));
        tokio::task::spawn_local(connection::tick(Rc::clone(&worker)));
        tokio::task::spawn_local(turn::turns(Rc::clone(&worker)));
        tokio::select! {
            // The sender lives until all workers have ended.
            _ = phases.wait_for(|phase| *phase == Phase::Draining) => {}
            () = accept(&listener, &worker) => {}
        }
        worker.drain();
        tokio::select! {
            () = accept(&listener, &worker) => {}
            () = worker.idle() => {}
            () = sleep(LINGER) => {}
        }
        // Those that the system has accepted for us were told that we are there.
        let _ = timeout(Duration::ZERO, accept(&listener, &worker)).await;
        drop(listener);
        worker.close();
        if timeout(state.config.server.drain_timeout, worker.idle()).await.is_err() {
            tracing::warn!(connections = worker.open(), "requests were cut off at the end of the drain time");
        }
        Ok(())
    })
}

/// Accepts connections for ever.
async fn accept(listener: &tokio::net::TcpListener, worker: &Rc<Worker>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => connection::open(stream, peer.ip(), worker),
            Err(error) if is_about_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether accepting failed because the client was gone already.
fn is_about_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}
