//! The end of what a process says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are kept.
const KEPT: usize = 32 << 10;

/// The end of a log that grows. Clones are of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// Adds bytes.
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        kept.extend_from_slice(bytes);
        // Rarely, so that each byte is moved once or twice.
        if kept.len() > 2 * KEPT {
            let surplus = kept.len() - KEPT;
            kept.drain(..surplus);
        }
    }

    /// Adds a line.
    pub(super) fn line(&self, line: &str) {
        self.push(line.as_bytes());
        self.push(b"\n");
    }

    /// The last lines.
    pub(super) fn text(&self) -> String {
        let kept = self.lock();
        let start = kept.len().saturating_sub(KEPT);
        let cut = kept[start..].iter().position(|byte| *byte == b'\n').filter(|_| start > 0);
        String::from_utf8_lossy(&kept[start + cut.map_or(0, |end| end + 1)..]).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // Bytes are bytes whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_whole() {
        let tail = Tail::default();
        tail.push(b"first ");
        tail.line("line");
        assert_eq!(tail.text(), "first line\n");
        for number in 0..100_000 {
            tail.line(&number.to_string());
        }
        let text = tail.text();
        assert!(text.len() <= KEPT && text.len() > KEPT - 10);
        assert!(text.ends_with("99998\n99999\n"));
        let first: u32 = text.lines().next().unwrap().parse().unwrap();
        assert_eq!(text.lines().count() as u32, 100_000 - first);
    }
}
