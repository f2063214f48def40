//! Runs of schedules: one server runs what is due, what is lost is found, and the history is bounded.

use std::time::Duration;

use foretell_store::{Claim, NewRun, RunFilter, RunOutcome, RunResult, Store, StoreError, now};
use serde_json::json;
use tokio::task::JoinSet;

use crate::on_both;

const LEASE: Duration = Duration::from_secs(60);
const GONE: Duration = Duration::ZERO;

fn due(schedule: &str, due_at: i64) -> NewRun {
    NewRun { schedule: schedule.into(), model: "boston".into(), due_at, host: "a".into() }
}

fn result(outcome: RunOutcome) -> RunResult {
    RunResult { outcome, version: None, measured: None, log: String::new() }
}

fn all() -> RunFilter {
    RunFilter { limit: 1000, ..RunFilter::default() }
}

async fn claim(store: &Store, run: &NewRun) -> i64 {
    match store.claim_run(run, LEASE).await.expect("the database answers") {
        Claim::Yours(id) => id,
        other @ (Claim::Taken | Claim::Busy) => panic!("{other:?}"),
    }
}

#[test]
fn of_several_servers_one_runs_what_is_due() {
    on_both(|place| async move {
        for round in 0..5 {
            let mut race = JoinSet::new();
            for _ in 0..8 {
                let store = place.store.clone();
                race.spawn(async move { store.claim_run(&due("nightly", round), LEASE).await.unwrap() });
            }
            let claims = race.join_all().await;
            let ids: Vec<i64> = claims
                .iter()
                .filter_map(|claim| match claim {
                    Claim::Yours(id) => Some(*id),
                    Claim::Taken => None,
                    Claim::Busy => panic!("the same time is not another run"),
                })
                .collect();
            assert_eq!(ids.len(), 1, "{claims:?}");
            assert!(place.store.finish_run(ids[0], &result(RunOutcome::Worse)).await.unwrap());
        }
        assert_eq!(place.store.runs(&all()).await.unwrap().len(), 5);
    });
}

#[test]
fn no_two_runs_of_a_schedule_are_under_way() {
    on_both(|place| async move {
        let store = &place.store;
        let first = claim(store, &due("nightly", 1)).await;
        assert_eq!(store.claim_run(&due("nightly", 2), LEASE).await.unwrap(), Claim::Busy);
        assert_eq!(store.claim_run(&due("nightly", 1), LEASE).await.unwrap(), Claim::Taken);
        claim(store, &due("weekly", 2)).await;
        assert!(store.finish_run(first, &result(RunOutcome::Failed)).await.unwrap());
        claim(store, &due("nightly", 2)).await;
    });
}

#[test]
fn a_run_is_kept_with_all_that_is_known_of_it() {
    on_both(|place| async move {
        let store = &place.store;
        let before = now() - 1_000_000;
        let id = claim(store, &due("nightly", 5)).await;
        let run = store.run(id).await.unwrap();
        assert_eq!((run.outcome, run.finished_at, run.log.as_deref()), (None, None, Some("")));
        assert!(store.renew_run(id, LEASE, "halfway\n").await.unwrap());
        assert_eq!(store.run(id).await.unwrap().log.as_deref(), Some("halfway\n"));
        let measured = json!({ "candidate": { "rmse": 4.5 }, "production": { "rmse": 4.6 } });
        let done = RunResult {
            outcome: RunOutcome::Promoted,
            version: Some(3),
            measured: Some(measured.clone()),
            log: "für \0 alle\n".into(),
        };
        assert!(store.finish_run(id, &done).await.unwrap());
        let run = store.run(id).await.unwrap();
        assert_eq!((run.schedule.as_str(), run.model.as_str(), run.due_at), ("nightly", "boston", 5));
        assert_eq!((run.outcome, run.version, run.measured), (Some(done.outcome), Some(3), Some(measured)));
        assert!(run.started_at >= before && run.finished_at.unwrap() >= run.started_at);
        assert_eq!(run.log.as_deref(), Some("für \u{fffd} alle\n"));
        assert_eq!(store.runs(&all()).await.unwrap()[0].log, None);
        let missing = store.run(id + 1).await.unwrap_err();
        assert!(matches!(missing, StoreError::NotFound { .. }), "{missing:?}");
    });
}

#[test]
fn what_is_not_renewed_is_lost_and_stays_so() {
    on_both(|place| async move {
        let store = &place.store;
        let kept = claim(store, &due("weekly", 1)).await;
        let Claim::Yours(lost) = store.claim_run(&due("nightly", 1), GONE).await.unwrap() else {
            panic!("nobody else runs it")
        };
        assert_eq!(store.lose_runs().await.unwrap(), [(lost, "nightly".to_owned())]);
        assert_eq!(store.lose_runs().await.unwrap(), []);
        let run = store.run(lost).await.unwrap();
        assert_eq!(run.outcome, Some(RunOutcome::Lost));
        assert!(run.log.unwrap().contains("has gone"));
        // Whoever comes back too late hears of it, and changes nothing.
        assert!(!store.renew_run(lost, LEASE, "").await.unwrap());
        assert!(!store.finish_run(lost, &result(RunOutcome::Promoted)).await.unwrap());
        assert_eq!(store.run(lost).await.unwrap().outcome, Some(RunOutcome::Lost));
        assert!(store.renew_run(kept, LEASE, "").await.unwrap());
        claim(store, &due("nightly", 2)).await;
    });
}

#[test]
fn the_latest_runs_are_listed_and_the_oldest_forgotten() {
    on_both(|place| async move {
        let store = &place.store;
        let other = claim(store, &due("weekly", 1)).await;
        let mut ids = Vec::new();
        for time in 0..205 {
            let id = claim(store, &due("nightly", time)).await;
            assert!(store.finish_run(id, &result(RunOutcome::Worse)).await.unwrap());
            ids.push(id);
        }
        let named = RunFilter { name: Some("nightly".into()), ..all() };
        let found: Vec<i64> = store.runs(&named).await.unwrap().iter().map(|run| run.id).collect();
        assert_eq!(found, ids[5..].iter().rev().copied().collect::<Vec<_>>());
        let of_model = RunFilter { name: Some("boston".into()), ..all() };
        assert_eq!(store.runs(&of_model).await.unwrap().len(), 201);
        let page = RunFilter { before: Some(ids[7]), limit: 2, name: None };
        let found: Vec<i64> = store.runs(&page).await.unwrap().iter().map(|run| run.id).collect();
        assert_eq!(found, [ids[6], ids[5]]);
        assert!(store.run(ids[0]).await.is_err());
        store.run(other).await.unwrap();
    });
}
