//! When a queue refuses: not before somebody has waited for long, and from then on all that would have to wait again.
//!
//! A queue that drains is good: it takes a burst, or a few patient clients, and refuses nobody. A queue that stands is
//! overload: everybody waits in it, and nobody is served faster for it. So nothing is refused until a wait was longer
//! than allowed. From then on the queue is kept so short that those who are taken are answered almost as fast as by an
//! idle service, until there is time to spare again. The difference between good and standing queues is that of
//! `CoDel` (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012), the two lengths are those of
//! Facebook's servers (Maurer, "Fail at Scale", ACM Queue 13(8), 2015).

use std::time::{Duration, Instant};

/// Over so long it is judged whether there is time to spare.
const WINDOW: Duration = Duration::from_millis(100);
/// The part of a window, as its reciprocal, in which there must have been nothing to do for the overload to be over.
const SPARE: u32 = 10;

/// Whether a queue is short for now, and since when. Knows the time only from its callers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shedding(Option<Window>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    rest: Duration,
}

impl Shedding {
    /// Whether the queue is to be kept short.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Somebody has waited for too long.
    pub fn begin(&mut self, now: Instant) {
        self.0.get_or_insert(Window { began: now, rest: Duration::ZERO });
    }

    /// There was nothing to do for so long, up to now.
    pub fn rested(&mut self, rest: Duration, now: Instant) {
        let Some(window) = &mut self.0 else { return };
        window.rest += rest;
        let length = now.saturating_duration_since(window.began);
        if length < WINDOW {
            return;
        }
        let spare = window.rest >= length / SPARE;
        self.0 = (!spare).then_some(Window { began: now, rest: Duration::ZERO });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_until_a_window_had_time_to_spare() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut shedding = Shedding::default();
        shedding.rested(ms(500), start);
        assert!(!shedding.is_on());
        shedding.begin(start);
        shedding.begin(start + ms(90));
        shedding.rested(ms(50), start + ms(99));
        assert!(shedding.is_on(), "the window is not over");
        shedding.rested(ms(1), start + ms(520));
        assert!(shedding.is_on(), "51 of 520");
        shedding.rested(ms(9), start + ms(630));
        assert!(shedding.is_on(), "9 of 110: 51 ms were in the window before");
        shedding.rested(ms(70), start + ms(720));
        assert!(shedding.is_on(), "70 of 90 in a window that is not over");
        shedding.rested(ms(1), start + ms(740));
        assert!(!shedding.is_on(), "71 of 110");
    }
}
