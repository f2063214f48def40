//! One run: claimed, trained, measured, registered, written down.

use std::time::{Duration, Instant};

use foretell_store::{Actor, Claim, Digest, NewRun, Role, RunOutcome, RunResult, Store, StoreError, Version};
use serde_json::json;
use tokio::time::sleep;

use super::child::{self, Ended};
use super::tail::Tail;
use super::{CANDIDATE, Schedule, Scheduler, Then, Trial};
use crate::causes::with_causes;
use crate::fleet::PRODUCTION;
use crate::given::Given;
use crate::registry::{self, Promotion, Registration};

/// How long a run is kept without a word of its server.
const LEASE: Duration = Duration::from_secs(30);
/// How often the server says so.
const RENEW: Duration = Duration::from_secs(7);
/// How long the database may be away when something is due, or when it is done.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a log says of why it did not come to a version: its last error, or its last line.
fn why(log: &str) -> &str {
    let error = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
    error.or(log.lines().last()).unwrap_or_default()
}

impl Scheduler {
    /// Claims what was due at a time. A database that is away for a moment is waited for.
    pub(super) async fn claim(&self, schedule: &Schedule, due_at: i64) -> Result<Claim, StoreError> {
        let run = NewRun {
            schedule: schedule.name.clone(),
            model: schedule.model.clone(),
            due_at,
            host: self.host().to_owned(),
        };
        let claim = |store: Store| {
            let run = run.clone();
            async move { store.claim_run(&run, LEASE).await }
        };
        self.patiently(claim).await
    }

    /// Does what was claimed, and writes down what became of it.
    pub(super) async fn carry_out(&self, schedule: &Schedule, id: i64) -> RunOutcome {
        tracing::info!(schedule = schedule.name, run = id, "training begins");
        let log = Tail::default();
        let mut result = self.result(schedule, id, &log).await;
        result.log = log.text();
        let RunResult { outcome, version, .. } = result;
        let finish = |store: Store| {
            let result = result.clone();
            async move { store.finish_run(id, &result).await }
        };
        match self.patiently(finish).await {
            Ok(true) => {
                let schedule = &schedule.name;
                if outcome.is_success() {
                    tracing::info!(
                        schedule,
                        run = id,
                        outcome = outcome.as_str(),
                        version,
                        "training is over"
                    );
                } else {
                    let why = why(&result.log);
                    tracing::warn!(schedule, run = id, outcome = outcome.as_str(), why, "training is over");
                }
                self.count(schedule, outcome);
                outcome
            }
            // Whoever took it for lost has counted it.
            Ok(false) => {
                tracing::warn!(schedule = schedule.name, run = id, "the run was taken for lost");
                RunOutcome::Lost
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(schedule = schedule.name, run = id, error, "a run cannot be written down");
                outcome
            }
        }
    }

    async fn result(&self, schedule: &Schedule, id: i64, log: &Tail) -> RunResult {
        let result = |outcome| RunResult { outcome, version: None, measured: None, log: String::new() };
        let ended = |(outcome, why): Ended| {
            log.line(&why);
            result(outcome)
        };
        let (kept, most) = (self.keep(id, log), self.limits().max_file_bytes);
        tokio::pin!(kept);
        let trained = tokio::select! {
            trained = child::train(self.program(), schedule, most, log) => trained,
            () = &mut kept => Err((RunOutcome::Lost, "the database was away for too long".to_owned())),
            () = self.stopped() => Err((RunOutcome::Lost, "the service was stopped".to_owned())),
        };
        let (trial, artifact) = match trained {
            Ok(trained) => trained,
            Err(why) => return ended(why),
        };
        let measured = Some(json!(trial.measured));
        if !trial.met {
            return RunResult { measured, ..result(RunOutcome::Worse) };
        }
        // From here on all is done: a server that is told to stop waits for it.
        let adopted = self.adopt(schedule, id, trial, artifact, log);
        tokio::pin!(adopted);
        let adopted = tokio::select! {
            adopted = &mut adopted => adopted,
            () = kept => adopted.await,
        };
        match adopted {
            Ok((outcome, version)) => RunResult { version, measured, ..result(outcome) },
            Err((version, why)) => RunResult { version, measured, ..ended((RunOutcome::Failed, why)) },
        }
    }

    /// Keeps a run, for as long as the database lets it.
    async fn keep(&self, id: i64, log: &Tail) {
        let mut kept = Instant::now();
        while kept.elapsed() < LEASE {
            sleep(RENEW).await;
            let renewed = async { self.control().store().await?.renew_run(id, LEASE, &log.text()).await };
            match renewed.await {
                Ok(true) => kept = Instant::now(),
                Ok(false) => return,
                Err(error) => tracing::debug!(error = with_causes(&error), run = id, "a run is not renewed"),
            }
        }
    }

    /// Makes a version of what was found good enough, and points the alias to it. The number of the version, also where
    /// the rest fails.
    async fn adopt(
        &self,
        schedule: &Schedule,
        id: i64,
        trial: Trial,
        artifact: Vec<u8>,
        log: &Tail,
    ) -> Result<(RunOutcome, Option<u32>), (Option<u32>, String)> {
        let before = |error: &dyn std::error::Error| (None, with_causes(error));
        let store = self.control().store().await.map_err(|error| before(&error))?;
        if !store.renew_run(id, LEASE, &log.text()).await.map_err(|error| before(&error))? {
            return Err((None, "the run was taken for lost".to_owned()));
        }
        let current = |alias: &'static str| async move {
            match store.alias(&schedule.model, alias).await {
                Ok(alias) => Ok(Some(alias)),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err((None, with_causes(&error))),
            }
        };
        let compared = trial.measured.production.as_ref().map(|rival| rival.version);
        let now = current(PRODUCTION).await?.map(|alias| alias.version);
        if schedule.then == Then::Promote && now != compared {
            let shown =
                |version: Option<u32>| version.map_or("none".to_owned(), |version| version.to_string());
            let (compared, now) = (shown(compared), shown(now));
            return Err((None, format!("production has moved from {compared} to {now} meanwhile")));
        }
        if let Some(known) =
            self.known(store, schedule, now, &artifact).await.map_err(|error| before(&error))?
        {
            log.line(&format!("the same as {known}, to the last bit"));
            return Ok((RunOutcome::Unchanged, None));
        }
        let actor = Actor::schedule(&schedule.name);
        let mut metadata = trial.metadata;
        metadata.insert("schedule".to_owned(), json!(schedule.name));
        metadata.insert("run".to_owned(), json!(id));
        let registration = Registration {
            name: schedule.model.clone(),
            bytes: artifact.into(),
            file_name: None,
            given: Given::default(),
            checks: None,
            metadata,
            actor: actor.clone(),
        };
        let version = registry::register(store, registration, self.limits()).await;
        let version = version.map_err(|error| before(&error))?.version;
        log.line(&format!("registered as {}@{version}", schedule.model));
        let (alias, role) = match schedule.then {
            Then::Register => return Ok((RunOutcome::Registered, Some(version))),
            Then::Promote => (PRODUCTION, Role::None),
            // Whoever made a shadow or a canary of it wants the next one to be one too.
            Then::Candidate => (CANDIDATE, current(CANDIDATE).await?.map_or(Role::None, |alias| alias.role)),
        };
        let promotion = Promotion {
            model: schedule.model.clone(),
            version,
            alias: alias.to_owned(),
            role,
            force: false,
            replay: None,
            actor,
            note: Some(format!("run {id} of the schedule `{}`", schedule.name)),
        };
        registry::promote(store, promotion, self.limits())
            .await
            .map_err(|error| (Some(version), format!("no alias `{alias}`: {}", with_causes(&error))))?;
        log.line(&format!("{}@{alias} is {version}", schedule.model));
        let promoted = schedule.then == Then::Promote;
        Ok((if promoted { RunOutcome::Promoted } else { RunOutcome::Registered }, Some(version)))
    }

    /// The version that is the same as an artifact, if there is one in the way of it: that in production, or the latest
    /// where nothing is promoted. Whoever learns the same from the same makes the same bytes.
    async fn known(
        &self,
        store: &Store,
        schedule: &Schedule,
        production: Option<u32>,
        artifact: &[u8],
    ) -> Result<Option<String>, StoreError> {
        let versions = match store.model(&schedule.model).await {
            Ok(model) => model.versions,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let latest =
            versions.last().map(|version| version.version).filter(|_| schedule.then != Then::Promote);
        let (digest, beside) = (Digest::of(artifact), [production, latest]);
        let mut beside = versions.iter().filter(|version| beside.contains(&Some(version.version)));
        Ok(beside.find(|version| version.artifact == digest).map(Version::reference))
    }

    /// Asks the database, again while it is away.
    async fn patiently<T, F>(&self, ask: impl Fn(Store) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let started = Instant::now();
        loop {
            let asked = match self.control().store().await {
                Ok(store) => ask(store.clone()).await,
                Err(error) => Err(error),
            };
            match asked {
                Err(error) if error.is_transient() && started.elapsed() < PATIENCE && !self.is_stopped() => {
                    sleep(PAUSE).await;
                }
                asked => return asked,
            }
        }
    }
}
