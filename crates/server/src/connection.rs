//! One connection, and what the connections of a thread share.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::auth::KeyShelf;
use crate::metrics::Recorder;
use crate::predict::{Desk, Shelf};
use crate::service;
use crate::state::{State, UnderWay};
use crate::turn::Turn;

/// How often idle connections are looked at: the resolution of their timeout.
const TICK: Duration = Duration::from_millis(250);
/// Bytes read ahead of a connection, at least.
const BUFFER: usize = 64 << 10;
/// How long a client may leave an answer unread.
const UNREAD: Duration = Duration::from_secs(60);

/// What the connections of one thread share.
pub(crate) struct Worker {
    /// What all threads share.
    pub(crate) state: Arc<State>,
    /// What the thread decodes and predicts with.
    pub(crate) desk: RefCell<Desk>,
    /// What the thread counts its requests with.
    pub(crate) recorder: Recorder,
    /// How long requests wait for this thread.
    pub(crate) turn: Turn,
    /// Requests of this thread that are under way.
    pub(crate) requests: Arc<UnderWay>,
    /// What the thread knows of the models.
    pub(crate) shelf: RefCell<Shelf>,
    /// What the thread knows of the keys.
    pub(crate) keys: KeyShelf,
    /// The time as of the last tick.
    pub(crate) now: Cell<Instant>,
    /// The time of day as of the last tick.
    date: Cell<SystemTime>,
    /// Wakes all connections, to look at the clock and at `closing`: their idleness and their bodies.
    wake: Notify,
    open: Cell<usize>,
    /// Wakes whoever waits for the last connection to end.
    last_closed: Notify,
    draining: Cell<bool>,
    closing: Cell<bool>,
}

impl Worker {
    /// Without connections.
    pub(crate) fn new(state: Arc<State>) -> Self {
        let requests = state.new_counter();
        let log = state.log.as_ref();
        let (desk, shelf) = (Desk::new(log), Shelf::new(log));
        Self {
            state,
            desk: RefCell::new(desk),
            recorder: Recorder::default(),
            turn: Turn::default(),
            requests,
            shelf: RefCell::new(shelf),
            keys: KeyShelf::default(),
            now: Cell::new(Instant::now()),
            date: Cell::new(SystemTime::now()),
            wake: Notify::new(),
            open: Cell::new(0),
            last_closed: Notify::new(),
            draining: Cell::new(false),
            closing: Cell::new(false),
        }
    }

    /// The time of day at an instant, without asking the system.
    pub(crate) fn date(&self, at: Instant) -> SystemTime {
        self.date.get() + at.saturating_duration_since(self.now.get())
    }

    /// Number of connections.
    pub(crate) fn open(&self) -> usize {
        self.open.get()
    }

    /// From now on each answer is the last of its connection.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
    }

    /// Whether an answer is the last of its connection.
    pub(crate) fn draining(&self) -> bool {
        self.draining.get()
    }

    /// Closes the connections that are idle; the others follow with their answers.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.wake.notify_waiters();
    }

    /// Waits until there are no connections.
    pub(crate) async fn idle(&self) {
        while self.open.get() > 0 {
            self.last_closed.notified().await;
        }
    }
}

/// Counts a connection for as long as it is open.
struct Open(Rc<Worker>);

impl Open {
    /// `None` when there are as many as allowed.
    fn new(worker: &Rc<Worker>) -> Option<Self> {
        let limit = worker.state.config.server.max_connections;
        if worker.state.connections.fetch_add(1, Relaxed) >= limit {
            worker.state.connections.fetch_sub(1, Relaxed);
            return None;
        }
        worker.open.set(worker.open.get() + 1);
        Some(Self(Rc::clone(worker)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state.connections.fetch_sub(1, Relaxed);
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0 {
            self.0.last_closed.notify_waiters();
        }
    }
}

/// Serves a connection with a peer on this thread. One too many is closed at once.
pub(crate) fn open(stream: TcpStream, peer: IpAddr, worker: &Rc<Worker>) {
    let Some(open) = Open::new(worker) else {
        tracing::debug!("a connection was closed: there are as many as allowed");
        return;
    };
    // A connection that cannot be tuned is as good, only slower.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    if worker.state.tls.is_some() {
        tokio::task::spawn_local(drive_tls(stream, peer, open));
    } else {
        tokio::task::spawn_local(drive(stream, peer, open));
    }
}

async fn drive_tls(stream: TcpStream, peer: IpAddr, open: Open) {
    let state = Arc::clone(&open.0.state);
    let Some(tls) = &state.tls else { return };
    if let Some(stream) = tls.accept(stream).await {
        drive(stream, peer, open).await;
    }
}

/// What a connection is doing.
struct Activity {
    /// Requests being answered.
    requests: Cell<usize>,
    /// When the last answer was ready, or the connection opened: as of the tick before.
    since: Cell<Instant>,
}

async fn drive(stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr, open: Open) {
    let worker = &*open.0;
    let config = &worker.state.config.server;
    let activity = &Activity { requests: Cell::new(0), since: Cell::new(worker.now.get()) };
    let service = service_fn(|request| async move {
        activity.requests.update(|count| count + 1);
        let response = service::serve(worker, peer, request).await;
        activity.requests.update(|count| count - 1);
        activity.since.set(worker.now.get());
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(config.max_head_bytes)
        .max_buf_size(config.max_head_bytes.saturating_mul(2).max(BUFFER))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut wake = pin!(worker.wake.notified());
    let mut closing = false;
    let ended = poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            if wake.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            wake.set(worker.wake.notified());
            let idle = worker.now.get().saturating_duration_since(activity.since.get());
            if activity.requests.get() == 0 && idle > config.idle_timeout {
                return Poll::Ready(Ok(()));
            }
            if worker.closing.get() && !std::mem::replace(&mut closing, true) {
                connection.as_mut().graceful_shutdown();
            }
        }
    });
    if let Err(error) = ended.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Moves the clock and lets connections look at it, for ever. One timer for all connections of the thread,
/// because a timer per request costs several per cent of a small prediction.
pub(crate) async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        worker.now.set(Instant::now());
        worker.date.set(SystemTime::now());
        // A thread without requests must not keep models that have been replaced in memory.
        worker.shelf.borrow_mut().of(&worker.state.catalog.snapshot());
        worker.wake.notify_waiters();
    }
}
