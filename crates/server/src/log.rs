//! The log: structured events, as lines for people or as JSON, written by a thread of its own so that a request
//! never waits for the log and costs no system call for it.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::Level;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Bytes that may wait to be written; lines beyond are lost, and counted.
const BUFFERED: usize = 4 << 20;
/// How long the writer lets lines gather.
const GATHER: Duration = Duration::from_millis(10);

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system gives no thread.
    #[error("cannot start the log's thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// The process has a log already.
    #[error("the process has a log already")]
    Taken {
        /// Why.
        source: SetGlobalDefaultError,
    },
}

/// Keeps the log going; dropping it writes what is left.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Sends all events of the process to `output`: for people when `terminal` says that people read it, as JSON
    /// otherwise, unless the configuration asks for one of them.
    ///
    /// # Errors
    /// The process has a log already, or the system gives no thread.
    pub fn start(
        config: &LogConfig,
        terminal: bool,
        output: impl Write + Send + 'static,
    ) -> Result<Self, LogError> {
        let log = Self::spawn(output)?;
        let events = tracing_subscriber::fmt()
            .with_max_level(level(config.level))
            .with_target(false)
            .with_writer(log.lines.clone());
        let human = match config.format {
            LogFormat::Auto => terminal,
            LogFormat::Human => true,
            LogFormat::Json => false,
        };
        let set = if human {
            tracing::subscriber::set_global_default(events.with_ansi(terminal).finish())
        } else {
            tracing::subscriber::set_global_default(events.json().flatten_event(true).finish())
        };
        set.map(|()| log).map_err(|source| LogError::Taken { source })
    }

    fn spawn(mut output: impl Write + Send + 'static) -> Result<Self, LogError> {
        let lines = Lines::default();
        let source = lines.clone();
        let thread = thread::Builder::new()
            .name("log".into())
            .spawn(move || while source.write_some(&mut output) {})
            .map_err(|source| LogError::Thread { source })?;
        Ok(Self { lines, thread: Some(thread) })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.lock().closed = true;
        self.lines.0.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // Its panic has been reported by then, and there is nothing left to log it with.
            let _ = thread.join();
        }
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    }
}

/// Lines that wait to be written.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    /// Whether the writer has nothing to do and must be woken.
    asleep: bool,
    closed: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while it holds the lock and has changed half of it.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > BUFFERED {
            waiting.lost += 1;
            return;
        }
        waiting.bytes.extend_from_slice(line);
        if mem::take(&mut waiting.asleep) {
            drop(waiting);
            self.0.changed.notify_one();
        }
    }

    /// Waits for lines and writes them; `false` once there will be no more.
    fn write_some(&self, output: &mut impl Write) -> bool {
        let mut waiting = self.lock();
        while waiting.bytes.is_empty() && !waiting.closed {
            waiting.asleep = true;
            waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.closed {
            drop(waiting);
            thread::sleep(GATHER);
            waiting = self.lock();
        }
        let (bytes, lost, closed) =
            (mem::take(&mut waiting.bytes), mem::take(&mut waiting.lost), waiting.closed);
        drop(waiting);
        // A log that cannot be written must not end the service.
        let _ = output.write_all(&bytes);
        if lost > 0 {
            let _ = writeln!(
                output,
                "{{\"level\":\"WARN\",\"message\":\"log lines were lost\",\"lines\":{lost}}}"
            );
        }
        let _ = output.flush();
        !closed
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Channel(mpsc::Sender<Vec<u8>>);

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_written_in_order_and_few_at_a_time() {
        let (sender, written) = mpsc::channel();
        let log = Log::spawn(Channel(sender)).unwrap();
        let mut expected = Vec::new();
        for number in 0..10_000 {
            let line = format!("line {number}\n");
            log.lines.push(line.as_bytes());
            expected.extend_from_slice(line.as_bytes());
        }
        drop(log);
        let writes: Vec<_> = written.iter().collect();
        assert!(writes.len() < 1000, "{} writes", writes.len());
        assert_eq!(writes.concat(), expected);
    }

    #[test]
    fn a_full_buffer_loses_lines_and_says_so() {
        let lines = Lines::default();
        let line = vec![b'x'; BUFFERED / 2];
        (0..3).for_each(|_| lines.push(&line));
        lines.lock().closed = true;
        let mut output = Vec::new();
        assert!(!lines.write_some(&mut output));
        assert!(output.ends_with(b"\"lines\":1}\n"));
        assert_eq!(output.iter().filter(|byte| **byte == b'x').count(), 2 * line.len());
    }
}
