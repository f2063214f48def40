//! The clock: what is due, and who has it done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foretell_store::{Claim, RunOutcome, StoreError, now};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Program, Schedule};
use crate::causes::with_causes;
use crate::control::Control;
use crate::open::OpenLimits;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How often runs are looked for whose servers have gone.
const LOOK: Duration = Duration::from_secs(5);

/// The schedules of a process. Clones are the same.
#[derive(Debug, Clone)]
pub struct Scheduler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    control: Control,
    schedules: Vec<Schedule>,
    program: Program,
    host: String,
    limits: OpenLimits,
    counts: Mutex<BTreeMap<(String, RunOutcome), u64>>,
    stop: watch::Sender<bool>,
    /// Runs under way.
    runs: watch::Sender<usize>,
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// There is no such schedule.
    #[error("there is no schedule `{0}`")]
    Unknown(String),
    /// Its last run is not over.
    #[error("a run of `{0}` is under way")]
    Busy(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Scheduler {
    /// Nothing is done before [`follow`](Self::follow).
    pub fn new(control: Control, schedules: Vec<Schedule>, program: Program, limits: OpenLimits) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (stop, runs) = (watch::Sender::new(false), watch::Sender::new(0));
        let counts = Mutex::default();
        Self(Arc::new(Inner { control, schedules, program, host, limits, counts, stop, runs }))
    }

    /// The schedules.
    pub fn schedules(&self) -> &[Schedule] {
        &self.0.schedules
    }

    /// How often runs ended in which way, in this process.
    pub fn counts(&self) -> Vec<(String, RunOutcome, u64)> {
        self.lock_counts()
            .iter()
            .map(|((schedule, outcome), count)| (schedule.clone(), *outcome, *count))
            .collect()
    }

    /// Has done what is due until it is told to stop. To be awaited on the control runtime. A time at which no server
    /// runs, or at which the run before is not over, is passed over.
    pub async fn follow(self) {
        let schedules = self.schedules();
        let first = now();
        let mut due: Vec<_> = schedules.iter().map(|schedule| schedule.next(first)).collect();
        let (mut seen, mut looked) = (first, None::<Instant>);
        loop {
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                self.find_lost().await;
            }
            tokio::select! { () = sleep(TICK) => {}, () = self.stopped() => return }
            let now = now();
            for (schedule, due) in schedules.iter().zip(&mut due) {
                // A clock that was set back, or a time that has come.
                if now >= seen && due.is_none_or(|due| now < due) {
                    continue;
                }
                // Of several times that have passed meanwhile, the last.
                let at = schedule.pattern.last(now, &schedule.zone).filter(|_| now >= seen);
                *due = schedule.next(now);
                if let Some(at) = at {
                    let (scheduler, schedule) = (self.clone(), schedule.clone());
                    tokio::spawn(async move { scheduler.attempt(&schedule, at).await });
                }
            }
            seen = now;
        }
    }

    /// Begins a run now, whatever the time is; gives its number. To be awaited on the control runtime.
    ///
    /// # Errors
    /// There is no such schedule, its last run is not over, or the database is gone.
    pub async fn start(&self, name: &str) -> Result<i64, NotStarted> {
        let (schedule, id) = self.claim_now(name).await?;
        let scheduler = self.clone();
        tokio::spawn(async move { scheduler.carry_out_counted(&schedule, id).await });
        Ok(id)
    }

    /// Does a run now and waits for its end; gives its number. To be awaited on the control runtime.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn run(&self, name: &str) -> Result<i64, NotStarted> {
        let (schedule, id) = self.claim_now(name).await?;
        self.carry_out_counted(&schedule, id).await;
        Ok(id)
    }

    /// Ends what is under way, for as long as `patience` allows.
    pub async fn stop(&self, patience: Duration) {
        self.0.stop.send_replace(true);
        let mut runs = self.0.runs.subscribe();
        // The sender lives as long as this does.
        let _ = timeout(patience, runs.wait_for(|count| *count == 0)).await;
    }

    async fn claim_now(&self, name: &str) -> Result<(Schedule, i64), NotStarted> {
        let schedule = self.schedules().iter().find(|schedule| schedule.name == name);
        let schedule = schedule.ok_or_else(|| NotStarted::Unknown(name.to_owned()))?.clone();
        self.find_lost().await;
        match self.claim(&schedule, now()).await? {
            Claim::Yours(id) => Ok((schedule, id)),
            Claim::Busy | Claim::Taken => Err(NotStarted::Busy(name.to_owned())),
        }
    }

    async fn attempt(&self, schedule: &Schedule, due_at: i64) {
        match self.claim(schedule, due_at).await {
            Ok(Claim::Yours(id)) => self.carry_out_counted(schedule, id).await,
            Ok(Claim::Taken) => {}
            Ok(Claim::Busy) => {
                tracing::warn!(schedule = schedule.name, "passed over: the run before is not over");
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(schedule = schedule.name, error, "passed over: the database is away");
            }
        }
    }

    async fn carry_out_counted(&self, schedule: &Schedule, id: i64) {
        let _under_way = UnderWay::new(&self.0.runs);
        self.carry_out(schedule, id).await;
    }

    /// Looks for runs whose servers have gone.
    async fn find_lost(&self) {
        let lost = async { self.control().store().await?.lose_runs().await };
        match lost.await {
            Ok(lost) => {
                for (id, schedule) in lost {
                    tracing::warn!(schedule, run = id, "a run is lost: whoever ran it has gone");
                    self.count(&schedule, RunOutcome::Lost);
                }
            }
            Err(error) => tracing::debug!(error = with_causes(&error), "lost runs cannot be looked for"),
        }
    }

    pub(super) fn control(&self) -> &Control {
        &self.0.control
    }

    pub(super) fn program(&self) -> &Program {
        &self.0.program
    }

    pub(super) fn host(&self) -> &str {
        &self.0.host
    }

    pub(super) fn limits(&self) -> &OpenLimits {
        &self.0.limits
    }

    pub(super) fn count(&self, schedule: &str, outcome: RunOutcome) {
        *self.lock_counts().entry((schedule.to_owned(), outcome)).or_default() += 1;
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Waits until it is told to stop.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as this does.
        let _ = self.0.stop.subscribe().wait_for(|stop| *stop).await;
    }

    fn lock_counts(&self) -> MutexGuard<'_, BTreeMap<(String, RunOutcome), u64>> {
        // Numbers are whole whoever panicked.
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run under way.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn new(runs: &'a watch::Sender<usize>) -> Self {
        runs.send_modify(|count| *count += 1);
        Self(runs)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
