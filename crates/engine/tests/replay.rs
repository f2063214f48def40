//! A promotion shows first what it would change, and is refused when that is too much.

use foretell_engine::OpenLimits;
use foretell_engine::log::{Document, DocumentFeature};
use foretell_engine::registry::{
    Promoted, Promotion, Registration, RegistryError, ReplayOptions, promote, register,
};
use foretell_engine::store::{
    Actor, ArtifactsUrl, DatabaseUrl, LogBatch, PredictionRow, PredictionSchema, Role, SegmentSpan, ServedAs,
    Store, StoreOptions, now,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A LightGBM model of one feature `x`: `low` up to 5, `high` above.
fn stump(objective: &str, low: f64, high: f64) -> String {
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\n\
         objective={objective}\nfeature_names=x\nfeature_infos=[0:10]\n\n\
         Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=5\ndecision_type=2\n\
         left_child=-1\nright_child=-2\nleaf_value={low} {high}\nleaf_weight=1 1\nleaf_count=1 1\n\
         internal_value=0\ninternal_weight=2\ninternal_count=2\nis_linear=0\nshrinkage=1\n\n\nend of trees\n"
    )
}

/// A registry with two versions of a model, the first in production, and rows that it was asked for.
async fn recorded(objective: &str, leaves: [(f64, f64); 2], rows: &[Value]) -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = DatabaseUrl::file(folder.path().join("foretell.db"));
    let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
    let store = Store::open(&StoreOptions::new(database, artifacts)).await.expect("a store");
    for (low, high) in leaves {
        let registration = Registration {
            name: "m".into(),
            bytes: stump(objective, low, high).into_bytes().into(),
            file_name: None,
            given: Default::default(),
            checks: None,
            metadata: Map::new(),
            actor: Actor::cli("test"),
        };
        register(&store, registration, &OpenLimits::default()).await.expect("it is registered");
    }
    try_promote(&store, 1, None, false).await.expect("nothing stands against it");
    let document = Document {
        task: "regression".into(),
        features: vec![DocumentFeature { name: "x".into(), kind: "number".into() }],
        classes: Vec::new(),
    };
    let schema = PredictionSchema { model: "m".into(), version: "1".into(), document: document.to_json() };
    let predictions = rows.iter().zip(0_u64..).map(|(x, position)| PredictionRow {
        offset: position,
        schema: 0,
        request_id: format!("r{position:03}").into(),
        row: 0,
        at: now() + position as i64,
        features: json!([x]).to_string().into(),
        outputs: "{}".into(),
        latency_us: 1,
        key_id: None,
        caller_id: None,
        role: ServedAs::Primary,
    });
    let batch = LogBatch { schemas: vec![schema], predictions: predictions.collect(), feedback: Vec::new() };
    let span = SegmentSpan { journal: "01J".into(), segment: 1, start: 0, end: rows.len() as u64 };
    store.append_log(&batch, &span).await.expect("it is recorded");
    (folder, store)
}

async fn try_promote(
    store: &Store,
    version: u32,
    replay: Option<ReplayOptions>,
    force: bool,
) -> Result<Promoted, RegistryError> {
    let promotion = Promotion {
        model: "m".into(),
        version,
        alias: "production".into(),
        role: Role::None,
        force,
        replay,
        actor: Actor::cli("test"),
        note: None,
    };
    promote(store, promotion, &OpenLimits::default()).await
}

fn last(requests: u32, max_changed: Option<f64>, tolerance: f64) -> Option<ReplayOptions> {
    Some(ReplayOptions { requests, max_changed, tolerance })
}

async fn production(store: &Store) -> u32 {
    store.alias("m", "production").await.expect("an alias").version
}

#[tokio::test]
async fn numbers_that_move_are_counted_and_too_many_are_refused() {
    // Of the last ten requests four are above 5, and one is masked.
    let rows: Vec<Value> = [9, 9, 9, 1, 7, 2, 8, 3, 9]
        .iter()
        .map(|x| json!(x))
        .chain([json!("masked"), json!(6), json!(4)])
        .collect();
    let (_folder, store) = recorded("regression", [(1.0, 10.0), (1.0, 12.5)], &rows).await;
    let error = try_promote(&store, 2, last(10, Some(0.4), 0.0), false).await.expect_err("too much changes");
    assert_eq!(
        error.to_string(),
        "`m@2` would change 55.6 % of 9 predictions of `m@1`, at most 40.0 % may change"
    );
    assert_eq!(production(&store).await, 1);
    let acts = store.audit_log(1, None).await.expect("acts");
    assert!(acts[0].outcome.contains("55.6 %"), "{acts:?}");
    let promoted = try_promote(&store, 2, last(10, Some(0.4), 2.5), false).await.expect("none moves by more");
    let replay = promoted.replay.expect("it was asked for");
    assert_eq!((replay.rows, replay.changed, replay.refused, replay.unusable), (9, 0, 0, 1));
    assert_eq!((replay.moves.p50, replay.moves.max), (2.5, 2.5));
    assert_eq!(production(&store).await, 2);
    let back = try_promote(&store, 1, last(3, None, 0.0), false).await.expect("nothing is limited");
    let replay = back.replay.expect("it was asked for");
    assert_eq!((replay.rows, replay.changed, replay.unusable), (2, 1, 1));
    let largest = &replay.largest[0];
    assert_eq!(
        (largest.request_id.as_str(), &largest.old, &largest.new),
        ("r010", &json!(12.5), &json!(10.0))
    );
}

#[tokio::test]
async fn classes_that_take_the_place_of_others_are_counted() {
    let rows = [1, 2, 7].map(|x| json!(x));
    let (_folder, store) = recorded("binary sigmoid:1", [(-2.0, 2.0), (-1.0, -2.0)], &rows).await;
    let promoted = try_promote(&store, 2, last(10, None, 0.0), false).await.expect("nothing is limited");
    let replay = promoted.replay.expect("it was asked for");
    assert_eq!((replay.rows, replay.changed), (3, 1));
    let pair = &replay.classes[0];
    assert_eq!((&pair.from, &pair.to, pair.rows), (&json!(1), &json!(0), 1));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert!((replay.moves.max - (sigmoid(2.0) - sigmoid(-2.0))).abs() < 1e-12, "{:?}", replay.moves);
    assert!((replay.moves.p50 - (sigmoid(-1.0) - sigmoid(-2.0))).abs() < 1e-12, "{:?}", replay.moves);
}

#[tokio::test]
async fn without_a_record_only_force_helps() {
    let (_folder, store) = recorded("regression", [(1.0, 1.0), (1.0, 1.0)], &[]).await;
    let refused = try_promote(&store, 2, last(10, None, 0.0), false).await;
    assert!(matches!(refused, Err(RegistryError::NothingToReplay { .. })), "{refused:?}");
    let forced = try_promote(&store, 2, last(10, None, 0.0), true).await.expect("it is forced");
    assert_eq!(forced.replay, None);
}
