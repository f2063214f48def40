//! The record of predictions: every row once, with what really happened beside it, and no more than may be kept.

use std::time::Duration;

use foretell_store::{
    Export, FeedbackRow, Joined, LogBatch, LogFilter, LoggedPrediction, PredictionRow, PredictionSchema,
    Retention, SegmentSpan, ServedAs, Store, Subject, now,
};

use crate::{Place, on_both};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

pub(crate) fn schema(version: &str) -> PredictionSchema {
    PredictionSchema {
        model: "iris".into(),
        version: version.into(),
        document: r#"{"classes":[0,1]}"#.into(),
    }
}

pub(crate) fn row(offset: u64, id: &str, at: i64) -> PredictionRow<'static> {
    PredictionRow {
        offset,
        schema: 0,
        request_id: id.to_owned().into(),
        row: 0,
        at,
        features: r#"[4.8,null,"a\tb\\c"]"#.into(),
        outputs: r#"{"prediction":1}"#.into(),
        latency_us: 150,
        key_id: None,
        caller_id: None,
        role: ServedAs::Primary,
    }
}

pub(crate) fn span(start: u64, end: u64) -> SegmentSpan {
    SegmentSpan { journal: "01J".into(), segment: 1, start, end }
}

fn batch(predictions: Vec<PredictionRow<'static>>) -> LogBatch<'static> {
    LogBatch { schemas: vec![schema("1")], predictions, feedback: Vec::new() }
}

fn truth(subject: Subject<'static>, actual: &'static str, at: i64) -> FeedbackRow<'static> {
    FeedbackRow { offset: 0, subject, model: None, row: 0, actual: actual.into(), at }
}

fn request(id: &'static str) -> Subject<'static> {
    Subject::Request(id.into())
}

async fn all(mut export: Export) -> Vec<(String, LoggedPrediction)> {
    let mut rows = Vec::new();
    while let Some((stored, page)) = export.next().await.expect("the database answers") {
        rows.extend(page.into_iter().map(|row| (stored.schema.version.clone(), row)));
    }
    rows
}

pub(crate) async fn exported(store: &Store, filter: LogFilter) -> Vec<(String, LoggedPrediction)> {
    all(store.export(filter).await.expect("the database answers")).await
}

pub(crate) async fn ids(store: &Store) -> Vec<String> {
    let filter = LogFilter { shadow: true, ..LogFilter::new("iris") };
    exported(store, filter).await.into_iter().map(|(_, row)| row.request_id).collect()
}

async fn joined(store: &Store, model: Option<&str>, since: i64) -> Vec<Joined> {
    let mut pages = store.joined(model, since);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await.expect("the database answers") {
        rows.extend(page);
    }
    rows
}

#[test]
fn a_row_comes_back_as_it_went_in() {
    on_both(async |Place { store, .. }| {
        let at = now();
        let first = PredictionRow {
            row: 7,
            key_id: Some("k1".into()),
            caller_id: Some("order 5 – ü\0".into()),
            role: ServedAs::Canary,
            ..row(0, "r1", at)
        };
        let written = store.append_log(&batch(vec![first]), &span(0, 10)).await.unwrap();
        assert_eq!(written, 1);
        let expected = LoggedPrediction {
            at,
            request_id: "r1".into(),
            row: 7,
            features: r#"[4.8,null,"a\tb\\c"]"#.into(),
            outputs: r#"{"prediction":1}"#.into(),
            latency_us: 150,
            key_id: Some("k1".into()),
            caller_id: Some("order 5 – ü\u{fffd}".into()),
            role: ServedAs::Canary,
            actual: None,
        };
        assert_eq!(exported(&store, LogFilter::new("iris")).await, [("1".to_owned(), expected)]);
        assert_eq!(store.logged_models().await.unwrap(), ["iris"]);
        assert_eq!(exported(&store, LogFilter::new("rose")).await, []);
    });
}

#[test]
fn a_batch_that_comes_again_is_written_once() {
    on_both(async |Place { store, .. }| {
        let at = now();
        let rows = |ids: &[(u64, &str)]| batch(ids.iter().map(|(offset, id)| row(*offset, id, at)).collect());
        let first = rows(&[(0, "a"), (10, "b")]);
        assert_eq!(store.append_log(&first, &span(0, 20)).await.unwrap(), 2);
        assert_eq!(store.append_log(&first, &span(0, 20)).await.unwrap(), 0);
        // Read again with other bounds, only what is new is written.
        let overlapping = rows(&[(10, "b"), (20, "c")]);
        assert_eq!(store.append_log(&overlapping, &span(10, 30)).await.unwrap(), 1);
        assert_eq!(ids(&store).await, ["a", "b", "c"]);
        // Another segment has a position of its own, and a forgotten one begins anew.
        let other = SegmentSpan { segment: 2, ..span(0, 10) };
        assert_eq!(store.append_log(&rows(&[(0, "d")]), &other).await.unwrap(), 1);
        store.forget_segment("01J", 2).await.unwrap();
        assert_eq!(store.append_log(&rows(&[(0, "e")]), &other).await.unwrap(), 1);
    });
}

#[test]
fn several_servers_write_at_once() {
    on_both(async |Place { store, .. }| {
        let at = now();
        let write = |journal: u64| {
            let store = store.clone();
            async move {
                for number in 0..10_u64 {
                    let rows =
                        (0..100).map(|n| row(number * 100 + n, &format!("{journal}-{number}-{n}"), at));
                    let span = SegmentSpan {
                        journal: format!("{journal}"),
                        segment: 1,
                        start: number * 100,
                        end: (number + 1) * 100,
                    };
                    // Each batch is sent twice, as after an answer that was lost.
                    let batch = batch(rows.collect());
                    store.append_log(&batch, &span).await.unwrap();
                    store.append_log(&batch, &span).await.unwrap();
                }
            }
        };
        tokio::join!(write(1), write(2), write(3));
        let mut found = ids(&store).await;
        assert_eq!(found.len(), 3000);
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 3000);
    });
}

#[test]
fn an_export_is_filtered_and_ordered_and_has_pages() {
    on_both(async |Place { store, .. }| {
        let start = now() - DAY / 2;
        let mut rows: Vec<_> =
            (0..2500_i64).map(|n| row(n as u64, &format!("{n:05}"), start + n / 3)).collect();
        rows[1].role = ServedAs::Shadow;
        // In a request of several rows all have one time.
        rows[2].request_id = "00000".into();
        rows[2].row = 1;
        rows.reverse();
        rows.iter_mut().enumerate().for_each(|(offset, row)| row.offset = offset as u64);
        store.append_log(&batch(rows), &span(0, 2500)).await.unwrap();
        let second = LogBatch { schemas: vec![schema("2")], ..batch(vec![row(2500, "z", start)]) };
        store.append_log(&second, &span(2500, 2501)).await.unwrap();

        let found = exported(&store, LogFilter::new("iris")).await;
        assert_eq!(found.len(), 2500);
        let keys: Vec<_> = found.iter().map(|(v, row)| (v, row.at, &row.request_id, row.row)).collect();
        assert!(keys.is_sorted());
        assert_eq!((found[0].1.row, found[1].1.row), (0, 1));

        let filter = || LogFilter::new("iris");
        let count = async |filter| exported(&store, filter).await.len();
        assert_eq!(count(LogFilter { shadow: true, ..filter() }).await, 2501);
        assert_eq!(count(LogFilter { version: Some("2".into()), ..filter() }).await, 1);
        let some = LogFilter { since: Some(start + 1), until: Some(start + 3), ..filter() };
        assert_eq!(count(some).await, 6);
    });
}

#[test]
fn known_answers_stand_beside_predictions() {
    on_both(async |Place { store, .. }| {
        let at = now() - 100 * SECOND;
        let mut rows = vec![row(0, "a", at), row(1, "b", at), row(2, "c", at)];
        rows[1].caller_id = Some("order 1".into());
        store.append_log(&batch(rows), &span(0, 3)).await.unwrap();
        let rows = [
            truth(request("a"), "0", at + 5),
            // A later answer counts, whichever comes first.
            truth(request("a"), "1", at + 9),
            truth(request("a"), "2", at + 7),
            truth(Subject::Caller("order 1".into()), r#""yes""#, at + 6),
            truth(request("unknown"), "1", at + 6),
        ];
        store.add_feedback(&rows).await.unwrap();
        store.add_feedback(&rows[..1]).await.unwrap();

        let labelled = LogFilter { only_labelled: true, ..LogFilter::new("iris") };
        let found = exported(&store, labelled).await;
        let actual: Vec<_> = found.iter().map(|(_, row)| row.actual.as_deref()).collect();
        assert_eq!(actual, [Some("1"), Some(r#""yes""#)]);
        assert_eq!(exported(&store, LogFilter::new("iris")).await.len(), 3);

        let mut found: Vec<_> =
            joined(&store, Some("iris"), at).await.into_iter().map(|row| row.actual).collect();
        found.sort();
        assert_eq!(found, [r#""yes""#, "1"]);
        assert_eq!(joined(&store, None, at + 1).await, []);
        assert_eq!(joined(&store, Some("rose"), at).await, []);
        assert_eq!(store.last_feedback().await.unwrap(), Some(at + 9));

        // The id of the request says more than the caller's own.
        store.add_feedback(&[truth(request("b"), "3", at + 1)]).await.unwrap();
        let mut found: Vec<_> = joined(&store, None, at).await.into_iter().map(|row| row.actual).collect();
        found.sort();
        assert_eq!(found, ["1", "3"]);
    });
}

#[test]
fn known_answers_are_read_in_pages() {
    on_both(async |Place { store, .. }| {
        let at = now();
        let rows = (0..2500).map(|n| row(n, &format!("{n:05}"), at)).collect();
        let mut batch = batch(rows);
        batch.feedback = (0..2500)
            .map(|n| FeedbackRow {
                offset: n,
                ..truth(Subject::Request(format!("{n:05}").into()), "1", at + n as i64 / 7)
            })
            .collect();
        store.append_log(&batch, &span(0, 2500)).await.unwrap();
        let mut pages = store.joined(None, 0);
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            let schema = page[0].schema;
            assert_eq!(pages.schema(schema).await.unwrap().unwrap().schema.version, "1");
            sizes.push(page.len());
        }
        assert_eq!(sizes, [1000, 1000, 500]);
    });
}

#[test]
fn the_last_requests_are_those_of_all_versions() {
    on_both(async |Place { store, .. }| {
        let at = now();
        let mut rows: Vec<_> = (0..6).map(|n| row(n, &format!("{n}"), at + n as i64)).collect();
        rows[5].role = ServedAs::Shadow;
        rows[3].schema = 1;
        let batch = LogBatch { schemas: vec![schema("1"), schema("2")], ..batch(rows) };
        store.append_log(&batch, &span(0, 6)).await.unwrap();
        let mut found: Vec<_> = all(store.last_requests("iris", 2).await.unwrap()).await;
        found.sort_by_key(|(_, row)| row.at);
        let found: Vec<_> = found.iter().map(|(version, row)| (&version[..], &row.request_id[..])).collect();
        assert_eq!(found, [("2", "3"), ("1", "4")]);
        assert_eq!(all(store.last_requests("rose", 2).await.unwrap()).await, []);
    });
}

#[test]
fn what_is_old_is_forgotten() {
    on_both(async |Place { store, .. }| {
        let now = now();
        let rows = [40, 9, 3, 0].map(|days| row(days, &format!("{days:02}"), now - days as i64 * DAY));
        let mut batch = batch(rows.into());
        let ids_of = ["40", "09", "03", "00"];
        batch.feedback =
            ids_of.map(|id| truth(request(id), "1", now - id.parse::<i64>().unwrap() * DAY + 1)).into();
        store.append_log(&batch, &span(0, 50)).await.unwrap();
        let keep = |days: u64| Retention {
            max_age: Some(Duration::from_secs(days * 86_400)),
            ..Retention::default()
        };
        let removed = store.retain(&keep(100), now).await.unwrap().unwrap();
        assert_eq!((removed.rows + removed.days, removed.feedback), (0, 0));
        let removed = store.retain(&keep(5), now).await.unwrap().unwrap();
        assert_eq!((removed.rows + removed.days, removed.feedback), (2, 2));
        assert_eq!(ids(&store).await, ["03", "00"]);
        assert_eq!(joined(&store, None, 0).await.len(), 2);
    });
}

#[test]
fn what_is_too_much_is_forgotten_oldest_first() {
    on_both(async |Place { store, .. }| {
        let now = now();
        let rows: Vec<_> = (0..300_u64)
            .map(|n| PredictionRow {
                features: format!("[{}]", "1,".repeat(2000) + "1").into(),
                ..row(n, &format!("{n:03}"), now - (2 - n as i64 / 100) * DAY)
            })
            .collect();
        store.append_log(&batch(rows), &span(0, 300)).await.unwrap();
        let rows = Retention { max_rows: Some(200), ..Retention::default() };
        store.retain(&rows, now).await.unwrap().unwrap();
        let found = ids(&store).await;
        assert_eq!((found.len(), found[0].as_str()), (200, "100"));
        // Less than one row: everything goes that may go, which on PostgreSQL is every day before today.
        let bytes = Retention { max_bytes: Some(1), ..Retention::default() };
        store.retain(&bytes, now).await.unwrap().unwrap();
        assert!(ids(&store).await.iter().all(|id| id.as_str() >= "200"));
    });
}
