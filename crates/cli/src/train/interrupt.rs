//! What Ctrl-C does to a training: nothing is left half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// What the process is doing: reading, of which nothing remains; fitting, which ends at its next step; stopping; or
/// writing, which is over in a moment and not interrupted.
const READING: u8 = 0;
const FITTING: u8 = 1;
const STOPPING: u8 = 2;
const WRITING: u8 = 3;

/// Hears Ctrl-C and the request to terminate.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new("cannot wait for signals").because(&error);
        let interrupt = Self(Arc::new(AtomicU8::new(READING)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let (mut interrupted, mut terminated) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt()).map_err(failed)?,
                signal(SignalKind::terminate()).map_err(failed)?,
            )
        };
        let heard = interrupt.clone();
        let wait = move || loop {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                }
            });
            heard.hear();
        };
        thread::Builder::new().name("signals".into()).spawn(wait).map_err(failed)?;
        Ok(interrupt)
    }

    /// The first time fitting is told to stop; where it does not come to a step, the second time ends it.
    fn hear(&self) {
        let stop = self.0.compare_exchange(FITTING, STOPPING, Ordering::SeqCst, Ordering::SeqCst);
        if let Err(READING | STOPPING) = stop {
            std::process::exit(Failure::STOPPED.into());
        }
    }

    /// From now on something is fitted.
    pub(super) fn fit(&self) {
        self.0.store(FITTING, Ordering::SeqCst);
    }

    /// Whether fitting is to go on.
    pub(super) fn goes_on(&self) -> bool {
        self.0.load(Ordering::SeqCst) != STOPPING
    }

    /// From now on something is written, unless it was told to stop before.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let begun = self.0.compare_exchange(FITTING, WRITING, Ordering::SeqCst, Ordering::SeqCst);
        begun.map(drop).map_err(|_| Failure::stopped())
    }
}
