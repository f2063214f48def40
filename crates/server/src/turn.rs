//! How long a request has waited for its thread: what has waited too long is refused before its body is read.
//!
//! A thread learns what is ready from the system, works it off in that order, and asks again. One such turn takes as
//! long as everything in it, and who comes last in it has waited so long already. Without a bound on that, a service
//! that is offered more than it can do would answer everyone late; with it, it answers some in time and refuses the
//! rest at once, which costs next to nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::connection::Worker;

/// The turn of a thread that is under way.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// When it began; `None` while there is nothing to do.
    began: Cell<Option<Instant>>,
    /// The processor time that the thread had used by then. Known only where the turn before was long: reading it costs
    /// a system call.
    used: Cell<Option<Duration>>,
    /// Whether a request has come in it.
    asked: Cell<bool>,
    /// Tells of the first request after a pause.
    first: Notify,
}

impl Turn {
    /// Whether a request that is looked at now has waited longer than this, because others were worked off before it. A
    /// thread that had to leave its processor to another program has not worked: refusing would not help then.
    pub(crate) fn is_late(&self, now: Instant, limit: Duration) -> bool {
        self.asked.set(true);
        let Some(began) = self.began.get() else {
            self.began.set(Some(now));
            self.first.notify_one();
            return false;
        };
        let Some(used) = self.used.get() else { return false };
        now.saturating_duration_since(began) > limit && processor_time().saturating_sub(used) > limit
    }

    /// Begins the next turn.
    fn next(&self, limit: Duration) {
        let now = Instant::now();
        let last = self.began.replace(Some(now)).map_or(Duration::ZERO, |began| now - began);
        // One that is refused to leaves a turn shorter than one that is not: a quarter keeps the measure on.
        self.used.set((last > limit / 4).then(processor_time));
    }
}

/// The processor time that this thread has used.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Tells one turn from the next, for ever.
pub(crate) async fn turns(worker: Rc<Worker>) {
    let (turn, limit) = (&worker.turn, worker.state.config.server.max_wait);
    loop {
        turn.first.notified().await;
        while turn.asked.replace(false) {
            // Comes back behind everything that was ready when the system was asked again.
            yield_now().await;
            turn.next(limit);
        }
        turn.began.set(None);
        turn.used.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(5);

    fn work(time: Duration) {
        let start = processor_time();
        while processor_time() - start < time {}
    }

    #[test]
    fn what_waits_for_long_turns_is_late() {
        let turn = Turn::default();
        let late = || turn.is_late(Instant::now(), LIMIT);
        assert!(!late());
        work(2 * LIMIT);
        assert!(!late(), "the first long turn is only noticed");
        turn.next(LIMIT);
        assert!(!late());
        work(2 * LIMIT);
        assert!(late());
        turn.next(LIMIT);
        assert!(!late());
    }

    #[test]
    fn a_thread_that_only_sleeps_has_nobody_waiting() {
        let turn = Turn::default();
        turn.is_late(Instant::now(), LIMIT);
        std::thread::sleep(2 * LIMIT);
        turn.next(LIMIT);
        std::thread::sleep(2 * LIMIT);
        assert!(!turn.is_late(Instant::now(), LIMIT));
    }
}
