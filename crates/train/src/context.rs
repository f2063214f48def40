//! What fitting is given besides data and parameters.

use std::fmt;

use crate::FitError;

/// Hears how far a fit is, and may end it.
pub trait Progress: Sync {
    /// `done` of `total` rounds, trees or epochs are done; `loss` is what the last one came to, where it is known.
    /// Whether to go on.
    fn step(&self, done: usize, total: usize, loss: Option<f64>) -> bool;
}

/// Hears nothing, and lets every fit come to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: usize, _: usize, _: Option<f64>) -> bool {
        true
    }
}

/// What fitting is given besides data and parameters.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where everything random comes from.
    pub seed: u64,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// With this seed and without progress.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, progress: &Silent }
    }

    /// Begins a fit of one step.
    pub(crate) fn begin(&self) -> Result<(), FitError> {
        if self.progress.step(0, 1, None) { Ok(()) } else { Err(FitError::Stopped) }
    }
}
