//! The days of predictions on PostgreSQL: a partition each, however wrong a clock is.

use std::time::Duration;

use foretell_store::{FeedbackRow, LogBatch, Retention, SegmentSpan, Subject, now};
use foretell_tests::postgres::Postgres;

use crate::predictions::{ids, row, schema, span};
use crate::{open, runtime};

const DAY: i64 = 86_400_000_000;
const PARTITIONS: &str = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_inherits
     JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'predictions'::regclass";

fn batch_at(times: &[i64]) -> LogBatch<'static> {
    let predictions =
        (0..).zip(times).map(|(offset, at)| row(offset, &format!("{offset:02}"), *at)).collect();
    LogBatch { schemas: vec![schema("1")], predictions, feedback: Vec::new() }
}

#[test]
fn clocks_that_jump_make_no_partitions() {
    runtime().block_on(async {
        let Some(server) = Postgres::shared() else { return };
        let url = server.create();
        let store = open(Some(url.clone())).await.store;
        let now = now();
        // Fifty years back and forth, a month ahead, two days ago, now.
        let wrong: Vec<i64> =
            (0..50).flat_map(|year| [-1, 1].map(|sign| now + sign * (40 + year * 365) * DAY)).collect();
        let times = [wrong.as_slice(), &[i64::MIN, i64::MAX, now - 2 * DAY, now]].concat();
        store.append_log(&batch_at(&times), &span(0, 1000)).await.unwrap();
        assert_eq!(ids(&store).await.len(), times.len());
        let partitions = server.query_in(&url, PARTITIONS);
        assert_eq!(partitions.split(' ').count(), 4, "two days ago, today, tomorrow, others: {partitions}");
        assert_eq!(server.query_in(&url, "SELECT count(*) FROM predictions_other"), "102");
    });
}

#[test]
fn rows_that_came_before_their_day_move_into_its_partition() {
    runtime().block_on(async {
        let Some(server) = Postgres::shared() else { return };
        let url = server.create();
        let store = open(Some(url.clone())).await.store;
        let at = now() - 3 * DAY;
        server.query_in(&url, &format!(
            "INSERT INTO prediction_schemas (digest, model, version, document) VALUES ('x', 'iris', '0', '{{}}');
             INSERT INTO predictions VALUES ({at}, 1, 'early', 0, '[]', '{{}}', 1, NULL, NULL, 'primary')"
        ));
        store.append_log(&batch_at(&[at]), &span(0, 1)).await.unwrap();
        assert_eq!(ids(&store).await, ["early", "00"]);
        assert_eq!(server.query_in(&url, "SELECT count(*) FROM predictions_other"), "0");
    });
}

#[test]
fn a_reader_that_stays_stops_nobody() {
    runtime().block_on(async {
        let Some(server) = Postgres::shared() else { return };
        let url = server.create();
        let store = open(Some(url.clone())).await.store;
        let now = now();
        store.append_log(&batch_at(&[now - 5 * DAY]), &span(0, 1)).await.unwrap();
        // Someone reads the table for long: a partition can neither be made nor dropped.
        let read = "BEGIN; SELECT count(*) FROM predictions; SELECT pg_sleep(8)";
        let reader = std::thread::spawn({
            let (server, url) = (server.clone(), url.clone());
            move || server.query_in(&url, read)
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let other = SegmentSpan { segment: 2, ..span(0, 1) };
        assert_eq!(store.append_log(&batch_at(&[now - DAY]), &other).await.unwrap(), 1);
        let keep = Retention { max_age: Some(Duration::from_secs(86_400)), ..Retention::default() };
        assert_eq!(store.retain(&keep, now).await.unwrap().unwrap().days, 0);
        reader.join().unwrap();
        // Later both happen.
        let third = SegmentSpan { segment: 3, ..span(0, 1) };
        store.append_log(&batch_at(&[now - DAY]), &third).await.unwrap();
        assert_eq!(server.query_in(&url, "SELECT count(*) FROM predictions_other"), "0");
        assert_eq!(store.retain(&keep, now).await.unwrap().unwrap().days, 1);
    });
}

#[test]
fn two_servers_make_the_same_day_at_once() {
    runtime().block_on(async {
        let Some(server) = Postgres::shared() else { return };
        let url = server.create();
        let (one, two) = (open(Some(url.clone())).await.store, open(Some(url.clone())).await.store);
        let times: Vec<i64> = (0..20).map(|day| now() - day * DAY).collect();
        let batch = batch_at(&times);
        let other = SegmentSpan { journal: "02J".into(), ..span(0, 20) };
        let span = span(0, 20);
        let (first, second) = tokio::join!(one.append_log(&batch, &span), two.append_log(&batch, &other));
        assert_eq!((first.unwrap(), second.unwrap()), (20, 20));
        assert_eq!(server.query_in(&url, "SELECT count(*) FROM predictions_other"), "0");
    });
}

#[test]
fn of_a_batch_that_fails_nothing_stays() {
    runtime().block_on(async {
        let Some(server) = Postgres::shared() else { return };
        let url = server.create();
        let store = open(Some(url.clone())).await.store;
        let mut batch = batch_at(&[now()]);
        let subject = Subject::Request("00".into());
        batch.feedback =
            vec![FeedbackRow { offset: 0, subject, model: None, row: 0, actual: "1".into(), at: now() }];
        // Predictions are written first, then the known answers fail.
        server.query_in(&url, "ALTER TABLE feedback RENAME TO elsewhere");
        assert!(!store.append_log(&batch, &span(0, 1)).await.unwrap_err().is_transient());
        assert_eq!(server.query_in(&url, "SELECT count(*) FROM predictions"), "0");
        server.query_in(&url, "ALTER TABLE elsewhere RENAME TO feedback");
        assert_eq!(store.append_log(&batch, &span(0, 1)).await.unwrap(), 1);
        assert_eq!(ids(&store).await, ["00"]);
    });
}
