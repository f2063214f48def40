//! Waiting for what happens soon.

use std::time::{Duration, Instant};

/// Far longer than anything takes, so that a slow machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds, and tells how long that took.
///
/// # Panics
/// If it does not within a minute.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    started.elapsed()
}
