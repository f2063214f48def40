//! One connection, and what the connections of a thread share.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::metrics::Recorder;
use crate::predict::Desk;
use crate::service;
use crate::state::State;

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
    clock: Arc<Clock>,
    /// Wakes all connections, to look at the clock and at `closing`.
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
        let clock = Clock { start: Instant::now(), elapsed_ms: AtomicU64::new(0) };
        Self {
            state,
            desk: RefCell::default(),
            recorder: Recorder::default(),
            clock: Arc::new(clock),
            wake: Notify::new(),
            open: Cell::new(0),
            last_closed: Notify::new(),
            draining: Cell::new(false),
            closing: Cell::new(false),
        }
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

/// Serves a connection on this thread. One too many is closed at once.
pub(crate) fn open(stream: TcpStream, worker: &Rc<Worker>) {
    let Some(open) = Open::new(worker) else {
        tracing::debug!("a connection was closed: there are as many as allowed");
        return;
    };
    // A connection that cannot be tuned is as good, only slower.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    tokio::task::spawn_local(drive(stream, open));
}

async fn drive(stream: TcpStream, open: Open) {
    let worker = &open.0;
    let config = &worker.state.config.server;
    let service = service_fn(|request| async { Ok::<_, Infallible>(service::serve(worker, request).await) });
    let connection = http1::Builder::new()
        .timer(ClockTimer(Arc::clone(&worker.clock)))
        .header_read_timeout(config.idle_timeout)
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
        let elapsed = worker.clock.start.elapsed();
        worker.clock.elapsed_ms.store(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), Relaxed);
        worker.wake.notify_waiters();
    }
}

/// The time as of the last tick.
#[derive(Debug)]
struct Clock {
    start: Instant,
    elapsed_ms: AtomicU64,
}

impl Clock {
    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed_ms.load(Relaxed))
    }
}

/// A timer for connections that [`tick`] wakes: its sleeps look at the clock and register nowhere.
#[derive(Debug)]
struct ClockTimer(Arc<Clock>);

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(ClockSleep { clock: Arc::clone(&self.0), deadline })
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

#[derive(Debug)]
struct ClockSleep {
    clock: Arc<Clock>,
    deadline: Instant,
}

impl Future for ClockSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.deadline { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for ClockSleep {}
