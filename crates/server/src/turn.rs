//! How long requests wait for their thread: what an overloaded thread cannot answer soon is refused before its body is
//! read.
//!
//! A thread learns what is ready from the system, works it off in that order, and asks again. One such turn takes as
//! long as everything in it, and who comes last in it has waited so long already. Nobody is refused for that until
//! turns take longer than `max_wait`. Then the thread takes only the first few of each turn and refuses the rest at
//! once, which costs next to nothing: turns stay short, and with them the wait of those who are taken.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use foretell_engine::Shedding;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::connection::Worker;

/// So many requests in one turn are no crowd, however long they take.
const FEW: usize = 8;
/// So many of each turn an overloaded thread takes in any case: it waits for the system no longer than they take.
const TAKEN: usize = 2;
/// And as many as begin in this time.
const TAKEN_WITHIN: Duration = Duration::from_micros(250);
/// And in this part of the turn before, as its reciprocal: where refusing alone takes all the time, some of it still goes
/// to answers.
const SHARE: u32 = 4;

/// The turn of a thread that is under way.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// When it began; `None` while there is nothing to do.
    began: Cell<Option<Instant>>,
    /// The processor time that the thread had used by then. Known only where the turn before was long: reading it costs
    /// a system call.
    used: Cell<Option<Duration>>,
    /// How long the one before took.
    last: Cell<Duration>,
    /// Requests that have come in it.
    asked: Cell<usize>,
    /// Those of them that were taken.
    taken: Cell<usize>,
    /// Since when there is nothing to do.
    idle: Cell<Option<Instant>>,
    /// Whether most are refused for now.
    shedding: Cell<Shedding>,
    /// Tells of the first request after a pause.
    first: Notify,
}

impl Turn {
    /// Whether a request that is looked at now is taken. A thread that had to leave its processor to another program
    /// has not worked: refusing would not help then. `used` is the processor time that the thread has used.
    pub(crate) fn takes(&self, now: Instant, max_wait: Duration, used: impl Fn() -> Duration) -> bool {
        self.asked.update(|count| count + 1);
        let mut shedding = self.shedding.get();
        let taken = match self.began.get() {
            None => {
                self.began.set(Some(now));
                self.first.notify_one();
                if let Some(idle) = self.idle.take() {
                    shedding.rested(now.saturating_duration_since(idle), now);
                }
                true
            }
            Some(began) => {
                let wait = now.saturating_duration_since(began);
                let worked = |since: Duration| used().saturating_sub(since) > max_wait;
                if self.asked.get() > FEW && wait > max_wait && self.used.get().is_some_and(worked) {
                    shedding.begin(now);
                }
                let soon = wait <= TAKEN_WITHIN.max(self.last.get() / SHARE);
                !shedding.is_on() || self.taken.get() < TAKEN || soon
            }
        };
        self.shedding.set(shedding);
        self.taken.update(|count| count + usize::from(taken));
        taken
    }

    /// Ends the turn. Whether anybody asked in it, so that there is a next one.
    fn next(&self, now: Instant, max_wait: Duration, used: impl Fn() -> Duration) -> bool {
        self.taken.set(0);
        if self.asked.replace(0) == 0 {
            self.idle.set(self.began.take());
            self.used.set(None);
            self.last.set(Duration::ZERO);
            return false;
        }
        let last = self.began.replace(Some(now)).map_or(Duration::ZERO, |began| now - began);
        self.used.set((last > max_wait / 2).then(used));
        self.last.set(last);
        true
    }
}

/// The processor time that this thread has used.
pub(crate) fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Tells one turn from the next, for ever.
pub(crate) async fn turns(worker: Rc<Worker>) {
    let (turn, max_wait) = (&worker.turn, worker.state.config.server.max_wait);
    loop {
        turn.first.notified().await;
        loop {
            // Comes back behind everything that was ready when the system was asked again.
            yield_now().await;
            if !turn.next(Instant::now(), max_wait, processor_time) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const MAX_WAIT: Duration = Duration::from_millis(50);
    /// What refusing costs.
    const REFUSAL: Duration = Duration::from_micros(12);

    /// A thread whose time passes only when it works or waits.
    struct Thread {
        turn: Turn,
        start: Instant,
        now: Duration,
        /// Time in which another program had the processor.
        away: Duration,
        service: Duration,
    }

    impl Thread {
        fn new(service: Duration) -> Self {
            let (now, away) = (Duration::ZERO, Duration::ZERO);
            Self { turn: Turn::default(), start: Instant::now(), now, away, service }
        }

        /// Works off a turn. Returns the latencies of those taken and those refused, from when they came.
        fn turn(&mut self, ready: impl IntoIterator<Item = Duration>) -> (Vec<Duration>, Vec<Duration>) {
            let (mut taken, mut refused) = (Vec::new(), Vec::new());
            for came in ready {
                let used = self.now - self.away;
                if self.turn.takes(self.start + self.now, MAX_WAIT, || used) {
                    self.now += self.service;
                    taken.push(self.now - came);
                } else {
                    self.now += REFUSAL;
                    refused.push(self.now - came);
                }
            }
            let used = self.now - self.away;
            self.turn.next(self.start + self.now, MAX_WAIT, || used);
            (taken, refused)
        }

        /// Requests at a rate, evenly mixed by a fixed generator, whether or not answers come; over at most so many
        /// connections. Returns sorted latencies of those that come after the first second.
        fn open_loop(
            &mut self,
            rate: f64,
            seconds: f64,
            connections: usize,
        ) -> (Vec<Duration>, Vec<Duration>) {
            let mut state = 7_u64;
            let mut gap = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let uniform = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
                Duration::from_secs_f64(-uniform.ln() / rate)
            };
            let (mut next, mut ready) = (self.now + gap(), VecDeque::new());
            let begin = self.now + Duration::from_secs(1);
            let end = begin + Duration::from_secs_f64(seconds);
            let (mut taken, mut refused) = (Vec::new(), Vec::new());
            while self.now < end {
                while next <= self.now {
                    if ready.len() < connections {
                        ready.push_back(next);
                    }
                    next += gap();
                }
                if ready.is_empty() {
                    self.turn(None);
                    self.now = next;
                    continue;
                }
                let counts = self.now > begin;
                let (answers, refusals) = self.turn(ready.drain(..));
                if counts {
                    taken.extend(answers);
                    refused.extend(refusals);
                }
            }
            taken.sort_unstable();
            refused.sort_unstable();
            (taken, refused)
        }
    }

    fn p99(sorted: &[Duration]) -> Duration {
        sorted[sorted.len() * 99 / 100]
    }

    #[test]
    fn at_ten_times_capacity_those_taken_are_answered_almost_as_fast_as_ever() {
        for micros in [100, 300, 500] {
            let service = Duration::from_micros(micros);
            let capacity = 1.0 / service.as_secs_f64();
            let (unloaded, none) = Thread::new(service).open_loop(capacity / 4.0, 20.0, 1000);
            assert!(none.is_empty());
            for times in [2.0, 4.0, 10.0] {
                // The part of the time that refusing leaves.
                let left = 1.0 - (times - 1.0) * REFUSAL.as_secs_f64() * capacity;
                if left < 0.3 {
                    continue;
                }
                let mut thread = Thread::new(service);
                let (taken, refused) = thread.open_loop(times * capacity, 20.0, 2000);
                let ratio = p99(&taken).as_secs_f64() / p99(&unloaded).as_secs_f64();
                assert!(ratio < 5.0, "{micros} us, {times} x: {ratio}");
                assert!(p99(&refused) < Duration::from_millis(10), "{:?}", p99(&refused));
                let (answered, possible) = (taken.len() as f64, 20.0 * left / service.as_secs_f64());
                assert!(answered > 0.9 * possible, "{micros} us, {times} x: {answered} of {possible}");
            }
        }
    }

    #[test]
    fn nobody_is_refused_below_capacity_and_again_once_the_crowd_is_gone() {
        let service = Duration::from_micros(300);
        let capacity = 1.0 / service.as_secs_f64();
        let mut thread = Thread::new(service);
        for load in [0.5, 0.8, 0.9] {
            let (_, refused) = thread.open_loop(load * capacity, 30.0, 1000);
            assert!(refused.is_empty(), "{load}");
            let (_, refused) = thread.open_loop(10.0 * capacity, 2.0, 1000);
            assert!(!refused.is_empty());
        }
    }

    #[test]
    fn where_refusing_alone_takes_all_the_time_some_are_still_answered() {
        let service = Duration::from_micros(100);
        let (taken, refused) = Thread::new(service).open_loop(2.0 / REFUSAL.as_secs_f64(), 20.0, 1000);
        assert!(refused.len() > taken.len());
        let busy = taken.len() as f64 * service.as_secs_f64();
        assert!(busy > 0.2 * 20.0, "{busy}");
        assert!(p99(&taken) < Duration::from_millis(50), "{:?}", p99(&taken));
    }

    #[test]
    fn a_burst_is_taken() {
        let mut thread = Thread::new(Duration::from_micros(45));
        for _ in 0..20 {
            let came = thread.now;
            assert!(thread.turn((0..1000).map(|_| came)).1.is_empty());
            thread.turn(None);
            thread.now += Duration::from_millis(100);
        }
    }

    #[test]
    fn few_clients_are_never_refused_however_slow_the_model() {
        let mut thread = Thread::new(Duration::from_millis(400));
        for _ in 0..100 {
            let came = thread.now;
            assert!(thread.turn((0..FEW).map(|_| came)).1.is_empty());
        }
    }

    #[test]
    fn a_thread_that_only_waits_for_its_processor_refuses_nobody() {
        let mut thread = Thread::new(Duration::from_micros(100));
        for _ in 0..100 {
            let came = thread.now;
            thread.now += MAX_WAIT * 4;
            thread.away += MAX_WAIT * 4;
            assert!(thread.turn((0..100).map(|_| came)).1.is_empty());
        }
    }
}
