//! One thread's way to the series of the endpoints that it answers.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foretell_engine::LiveModel;

use super::{Labels, Metrics, Series};

/// Remembers which series belongs to which endpoint and model, so that recording a request compares no texts and takes
/// no lock that another thread may hold.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Few, and often the same again: looking through them costs less than hashing.
    known: RefCell<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    /// Pattern and model, both by their addresses.
    key: (usize, usize),
    series: Arc<Series>,
    /// As long as this is held, no other model can have the same address.
    alive: Weak<LiveModel>,
}

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered<'a> {
    /// The path pattern of the endpoint, at an address that stays the same; `None` for paths that are not there.
    pub(crate) pattern: Option<&'a str>,
    /// The model, where there was one.
    pub(crate) model: Option<&'a Arc<LiveModel>>,
    /// The status.
    pub(crate) status: u16,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Rows predicted.
    pub(crate) rows: usize,
}

/// What paths that are not there are counted under: callers must not be able to make new series.
const UNKNOWN: &str = "unknown";

impl Recorder {
    /// Counts a request.
    pub(crate) fn record(&self, metrics: &Metrics, answered: Answered<'_>) {
        let Answered { pattern, model, status, elapsed, rows } = answered;
        let pattern = pattern.unwrap_or(UNKNOWN);
        let key = (pattern.as_ptr() as usize, model.map_or(0, |model| Arc::as_ptr(model) as usize));
        let mut all = self.known.borrow_mut();
        let position = all.iter().position(|known| known.key == key).unwrap_or_else(|| {
            // Models that have been replaced are not recorded again.
            all.retain(|known| known.key.1 == 0 || known.alive.strong_count() > 0);
            all.push(Known {
                key,
                series: metrics.series(Labels {
                    route: pattern.to_owned(),
                    model: model.map_or_else(String::new, |model| model.name().to_owned()),
                    version: model.map_or_else(String::new, |model| model.version().to_owned()),
                }),
                alive: model.map_or_else(Weak::new, Arc::downgrade),
            });
            all.len() - 1
        });
        all[position].series.record(status, elapsed, rows);
    }
}
