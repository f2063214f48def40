//! Models that are trained again and again.
//!
//! * [`Schedule`] says when, what is made of it, and how much it may cost.
//! * [`Scheduler`] has what is due done by one of all servers that share a database: it claims a row there, starts a
//!   process that trains and measures, and registers and promotes what that process found good enough.
//! * [`Trial`] is what the process says.
//!
//! The process writes to nothing but its outputs, and ends with whoever started it. So a run that fails, takes too long
//! or is lost with its server leaves the registry as it was.

mod child;
mod run;
mod scheduler;
mod tail;
mod trial;
mod when;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use self::scheduler::{NotStarted, Scheduler};
pub use self::trial::{Checked, Measured, Rival, Trial};
pub use self::when::{Pattern, WhenError, Zone};

/// The alias of versions that are good enough, for people to look at.
pub const CANDIDATE: &str = "candidate";

/// A model that is trained again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// When.
    pub pattern: Pattern,
    /// By which clock.
    pub zone: Zone,
    /// The model of which versions are made.
    pub model: String,
    /// What becomes of one that is good enough.
    pub then: Then,
    /// How long training may take.
    pub timeout: Duration,
    /// What the program is told of it.
    pub arguments: Vec<OsString>,
}

/// What becomes of a version that is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// It is added.
    Register,
    /// It also gets the alias `candidate`.
    #[default]
    Candidate,
    /// It also gets the alias `production`.
    Promote,
}

/// The program that trains. It writes a [`Trial`] to its output, and ends when its input does.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// The first of its arguments; those of the schedule follow.
    pub arguments: Vec<OsString>,
    /// What is added to its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Schedule {
    /// When it is due next after a time, both in microseconds since 1970, UTC.
    pub fn next(&self, after: i64) -> Option<i64> {
        self.pattern.next(after, &self.zone)
    }
}
