//! What schedules have done, and which of several servers does it: a row is claimed by one, who renews a lease on it
//! while it runs. Rows are kept by number; none of this raises the revision.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::database::{Row, Transaction, json_text, values};
use crate::error::{StoreError, Thing};
use crate::predictions::storable;
use crate::store::Store;

/// Runs of a schedule that are kept, the latest.
const KEPT: i64 = 200;
/// What a run that was lost has at the end of its log.
const LOST: &str = "whoever ran it has gone\n";

/// A run to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The schedule.
    pub schedule: String,
    /// The model that it makes versions of.
    pub model: String,
    /// The time at which it was due, in microseconds since 1970, UTC: what servers agree on.
    pub due_at: i64,
    /// Who would run it.
    pub host: String,
}

/// Whether a run may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It may: its number.
    Yours(i64),
    /// Another server has run or runs what was due at this time.
    Taken,
    /// What was due before is still under way.
    Busy,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// A version was added.
    Registered,
    /// A version was added, and is in production.
    Promoted,
    /// What was trained is the version in production: nothing has changed.
    Unchanged,
    /// What was trained is not good enough.
    Worse,
    /// Something went wrong.
    Failed,
    /// It took too long.
    Timeout,
    /// Whoever ran it has gone.
    Lost,
}

impl RunOutcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Registered,
        Self::Promoted,
        Self::Unchanged,
        Self::Worse,
        Self::Failed,
        Self::Timeout,
        Self::Lost,
    ];

    /// As it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Promoted => "promoted",
            Self::Unchanged => "unchanged",
            Self::Worse => "worse",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
        }
    }

    /// Whether the latest there is to learn has been learnt, and is good enough.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Registered | Self::Promoted | Self::Unchanged)
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// How it ended.
    pub outcome: RunOutcome,
    /// The version that it added.
    pub version: Option<u32>,
    /// How good it is, and what it was compared with: JSON.
    pub measured: Option<Json>,
    /// The end of what it said.
    pub log: String,
}

/// A run of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its number; rises by time.
    pub id: i64,
    /// The schedule.
    pub schedule: String,
    /// The model that it makes versions of.
    pub model: String,
    /// When it was due, in microseconds since 1970, UTC.
    pub due_at: i64,
    /// When it began.
    pub started_at: i64,
    /// When it ended; `None` while it runs.
    pub finished_at: Option<i64>,
    /// Where it runs or ran.
    pub host: String,
    /// How it ended; `None` while it runs.
    pub outcome: Option<RunOutcome>,
    /// The version that it added.
    pub version: Option<u32>,
    /// How good it is, and what it was compared with.
    pub measured: Option<Json>,
    /// The end of what it said; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// Which runs are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Those of this schedule, or that make versions of the model with this name.
    pub name: Option<String>,
    /// Those with a number below this.
    pub before: Option<i64>,
    /// At most so many, the latest.
    pub limit: u32,
}

macro_rules! columns {
    () => {
        "id, schedule, model, due_at, started_at, finished_at, host, outcome, version, measured"
    };
}

impl Store {
    /// Claims what is due, for as long as `lease` unless it is [renewed](Self::renew_run). Of all that claim the same
    /// time of a schedule one gets it, and no two runs of a schedule are under way at once.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn claim_run(&self, run: &NewRun, lease: Duration) -> Result<Claim, StoreError> {
        let mut transaction = self.database().write().await?;
        let now = clock(&mut transaction).await?;
        let insert = "INSERT INTO runs (schedule, model, due_at, started_at, lease_until, host, log)
            VALUES ($1, $2, $3, $4, $5, $6, '') ON CONFLICT DO NOTHING RETURNING id";
        let (schedule, due_at) = (run.schedule.as_str(), run.due_at);
        let values = values![schedule, run.model.as_str(), due_at, now, until(now, lease), run.host.as_str()];
        if let Some(row) = transaction.row(insert, values).await? {
            let id = row.get("id")?;
            transaction.commit().await?;
            return Ok(Claim::Yours(id));
        }
        let known = "SELECT id FROM runs WHERE schedule = $1 AND due_at = $2";
        let known = transaction.row(known, values![schedule, due_at]).await?;
        Ok(if known.is_some() { Claim::Taken } else { Claim::Busy })
    }

    /// Keeps a run that is under way, and the end of its log so far. Whether it still is ours: not when it was taken
    /// for lost.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn renew_run(&self, id: i64, lease: Duration, log: &str) -> Result<bool, StoreError> {
        let mut transaction = self.database().write().await?;
        let now = clock(&mut transaction).await?;
        let update = "UPDATE runs SET lease_until = $2, log = $3 WHERE id = $1 AND outcome IS NULL";
        let rows =
            transaction.execute(update, values![id, until(now, lease), storable(log).as_ref()]).await?;
        transaction.commit().await?;
        Ok(rows == 1)
    }

    /// Writes what became of a run that is under way, and forgets the oldest of its schedule. Whether it still was ours.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn finish_run(&self, id: i64, result: &RunResult) -> Result<bool, StoreError> {
        let mut transaction = self.database().write().await?;
        let now = clock(&mut transaction).await?;
        let update = "UPDATE runs SET finished_at = $2, outcome = $3, version = $4, measured = $5, log = $6
            WHERE id = $1 AND outcome IS NULL";
        let values = values![
            id,
            now,
            result.outcome.as_str(),
            result.version.map(i64::from),
            result.measured.as_ref().map(json_text),
            storable(&result.log).as_ref(),
        ];
        let ours = transaction.execute(update, values).await? == 1;
        let forget = "DELETE FROM runs WHERE outcome IS NOT NULL
            AND schedule = (SELECT schedule FROM runs WHERE id = $1)
            AND id NOT IN (SELECT id FROM runs
                WHERE schedule = (SELECT schedule FROM runs WHERE id = $1) ORDER BY id DESC LIMIT $2)";
        transaction.execute(forget, values![id, KEPT]).await?;
        transaction.commit().await?;
        Ok(ours)
    }

    /// Takes the runs for lost whose lease was not renewed in time; gives their numbers and schedules.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn lose_runs(&self) -> Result<Vec<(i64, String)>, StoreError> {
        // The usual case writes nothing, and takes no lock.
        let mut transaction = self.database().read().await?;
        let now = clock(&mut transaction).await?;
        let find = "SELECT id FROM runs WHERE outcome IS NULL AND lease_until < $1";
        if transaction.row(find, values![now]).await?.is_none() {
            return Ok(Vec::new());
        }
        drop(transaction);
        let mut transaction = self.database().write().await?;
        let update = "UPDATE runs SET outcome = 'lost', finished_at = $1, log = log || $2
            WHERE outcome IS NULL AND lease_until < $1 RETURNING id, schedule";
        let rows = transaction.rows(update, values![now, LOST]).await?;
        let lost = rows.iter().map(|row| Ok((row.get("id")?, row.get("schedule")?)));
        let lost = lost.collect::<Result<_, StoreError>>()?;
        transaction.commit().await?;
        Ok(lost)
    }

    /// The latest runs, the latest first, without their logs.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        let before = filter.before.unwrap_or(i64::MAX);
        let mut transaction = self.database().read().await?;
        let rows = match &filter.name {
            Some(name) => {
                let sql = concat!(
                    "SELECT ",
                    columns!(),
                    " FROM runs WHERE (schedule = $1 OR model = $1) AND id < $2 ORDER BY id DESC LIMIT $3"
                );
                transaction.rows(sql, values![storable(name).as_ref(), before, filter.limit]).await?
            }
            None => {
                let sql =
                    concat!("SELECT ", columns!(), " FROM runs WHERE id < $1 ORDER BY id DESC LIMIT $2");
                transaction.rows(sql, values![before, filter.limit]).await?
            }
        };
        rows.iter().map(read).collect()
    }

    /// A run with its log.
    ///
    /// # Errors
    /// There is no such run, or the database is gone.
    pub async fn run(&self, id: i64) -> Result<Run, StoreError> {
        let mut transaction = self.database().read().await?;
        let sql = concat!("SELECT ", columns!(), ", log FROM runs WHERE id = $1");
        let row = transaction.row(sql, values![id]).await?;
        let row = row.ok_or_else(|| StoreError::not_found(Thing::Run, id.to_string()))?;
        Ok(Run { log: Some(row.get("log")?), ..read(&row)? })
    }
}

/// Now, by the clock that all servers of a database share, in microseconds since 1970, UTC.
async fn clock(transaction: &mut Transaction) -> Result<i64, StoreError> {
    if let Transaction::Sqlite(_) = transaction {
        return Ok(crate::now());
    }
    let now = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
    transaction.row(now, []).await?.map_or_else(|| Ok(crate::now()), |row| row.get("now"))
}

fn until(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
}

fn read(row: &Row) -> Result<Run, StoreError> {
    let outcome: Option<String> = row.get("outcome")?;
    let known = |text: String| {
        let found = RunOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or(StoreError::Malformed { what: "the outcome of a run", value: text })
    };
    let version: Option<i64> = row.get("version")?;
    Ok(Run {
        id: row.get("id")?,
        schedule: row.get("schedule")?,
        model: row.get("model")?,
        due_at: row.get("due_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        host: row.get("host")?,
        outcome: outcome.map(known).transpose()?,
        version: version.and_then(|number| u32::try_from(number).ok()),
        measured: row.optional_json("measured")?,
        log: None,
    })
}
