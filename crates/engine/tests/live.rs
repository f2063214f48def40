//! Live models over real files: naming, prediction in parts, overload, datasets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use foretell_engine::dataset::{Dataset, DatasetError};
use foretell_engine::table::{Chunk, ReadOptions, TableError, TableReader, Target};
use foretell_engine::{
    Catalog, FileFacts, Given, Job, LiveModel, LoadError, Naming, OpenError, OpenLimits, Pool, PoolOptions,
    PredictError, Worker, open,
};
use foretell_frame::{Cell, Frame, Method, MethodSet};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn model_file(name: &str) -> PathBuf {
    let files = std::fs::read_dir(case(name)).expect("the case is there");
    let mut paths = files.map(|file| file.expect("a file").path());
    let is_model =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("model."));
    paths.find(is_model).expect("a model file")
}

fn load(name: &str) -> LiveModel {
    let opened = open::open(&model_file(name), &OpenLimits::default()).expect("it opens");
    LiveModel::new(opened, Naming { name: "m".into(), ..Naming::default() }).expect("it loads")
}

/// The rows of a case, again and again.
fn rows(name: &str, model: &LiveModel, count: usize) -> Frame {
    let table = std::fs::File::open(case(name).join("input.csv")).expect("a table");
    let mut reader = TableReader::open(table, model.schema(), &ReadOptions::default()).expect("it fits");
    let (mut chunk, mut frame) = (Chunk::default(), Frame::new(model.schema()));
    assert!(reader.read(&mut chunk).expect("it is whole"));
    assert_eq!(chunk.violations, []);
    while frame.rows() < count {
        frame.append(&chunk.frame);
    }
    frame
}

/// Cases of every kind of model, and one whose output has texts.
const CASES: [&str; 8] = [
    "sk0.24-ser-pickle4-tree",
    "sk1.1-extratrees-cls",
    "sk1.1-gradientboosting-binary",
    "sk1.9-mlp-reg-relu",
    "sk1.9-lin-gaussiannb-priors",
    "sk0.24-onehot-drop-first",
    "sk1.9-impute-strings",
    "xgb3.2-multi-softprob-ubj",
];

#[test]
fn answers_do_not_depend_on_how_a_batch_is_split() {
    let pool = Pool::new(PoolOptions { threads: 3, ..PoolOptions::default() });
    for name in CASES {
        let model = load(name);
        // Enough rows that the fastest model's batch is split.
        let frame = rows(name, &model, 200_000);
        let methods = model.methods();
        let mut worker = Worker::new();
        let whole = worker.predict(&model, &frame, methods).expect("valid rows");
        let split = pool.predict(pool.admit_unread().unwrap(), &model, &frame, methods).expect("valid rows");
        assert_eq!(split.rows(), whole.rows(), "{name}");
        assert_eq!(split.table(), whole.table(), "{name}");
        for method in methods.iter() {
            let bits = |answer: &foretell_frame::Predictions| -> Vec<u64> {
                answer.get(method).expect("asked for").values().iter().map(|value| value.to_bits()).collect()
            };
            assert!(bits(&split) == bits(whole), "{name}: {}", method.as_str());
        }
    }
}

#[test]
fn refused_rows_keep_their_numbers_in_a_split_batch() {
    let name = "sk0.24-ser-pickle4-tree";
    let model = load(name);
    let mut frame = rows(name, &model, 200_000);
    let bad = frame.rows() - 5;
    let width = frame.width();
    // In the first and in the last part.
    frame.numbers_mut()[7 * width] = f64::INFINITY;
    frame.numbers_mut()[bad * width] = f64::NAN;
    let pool = Pool::new(PoolOptions { threads: 3, ..PoolOptions::default() });
    match pool.predict(pool.admit_unread().unwrap(), &model, &frame, model.methods()) {
        Err(PredictError::Invalid { violations }) => {
            assert_eq!(violations.iter().map(|violation| violation.row).collect::<Vec<_>>(), [7, bad]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn overload_is_a_value_and_every_admitted_job_ends() {
    let name = "sk0.24-ser-pickle4-tree";
    let model = Arc::new(load(name));
    let frame = rows(name, &model, 20_000);
    let methods = MethodSet::EMPTY.with(Method::Predict);
    let job = || Job { model: Arc::clone(&model), frame: frame.clone(), methods };
    let none = Pool::new(PoolOptions { threads: 1, max_jobs: 0, ..PoolOptions::default() });
    assert!(matches!(none.submit(job(), |_| {}), Err(PredictError::Overloaded(_))));
    let pool = Pool::new(PoolOptions { threads: 2, max_jobs: 4, ..PoolOptions::default() });
    let (sender, done) = mpsc::channel();
    let mut admitted = 0;
    for _ in 0..50 {
        let sender = sender.clone();
        match pool.submit(job(), move |done| {
            sender.send(done.result.map(|answer| answer.rows())).expect("the test waits")
        }) {
            Ok(()) => admitted += 1,
            Err(error) => assert!(matches!(error, PredictError::Overloaded(_)), "{error}"),
        }
        assert!(pool.jobs() <= 4);
    }
    drop(sender);
    let answers: Vec<_> = done.iter().collect();
    assert!(admitted >= 4);
    assert_eq!(answers.len(), admitted);
    assert!(answers.iter().all(|rows| rows.as_ref().is_ok_and(|rows| *rows == frame.rows())));
    assert_eq!(pool.jobs(), 0);
}

#[test]
fn a_model_without_names_takes_those_it_is_given() {
    let file = model_file("sk0.24-ser-pickle4-tree");
    let named = |names: &[&str]| {
        let opened = open::open(&file, &OpenLimits::default()).expect("it opens");
        let features = Some(names.iter().map(|name| (*name).to_owned()).collect());
        LiveModel::new(
            opened,
            Naming { name: "m".into(), given: Given { features, ..Given::default() }, ..Naming::default() },
        )
    };
    let model = named(&["a", "b", "c", "d", "e", "f"]).expect("six names");
    assert!(model.schema().named());
    assert_eq!(model.schema().position("f"), Some(5));
    let FileFacts { sha256, bytes, path } = model.facts();
    assert!(sha256.starts_with(model.version()) && model.version().len() == 12);
    assert_eq!(
        (*bytes, path.as_deref()),
        (std::fs::metadata(&file).expect("a file").len(), Some(file.as_path()))
    );
    assert!(matches!(named(&["a"]), Err(LoadError::Features { .. })));
    assert!(matches!(named(&["a", "a", "c", "d", "e", "f"]), Err(LoadError::Features { .. })));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let limits = OpenLimits { max_file_bytes: 100, ..OpenLimits::default() };
    let result = open::open(&model_file("sk0.24-ser-pickle4-tree"), &limits);
    assert!(matches!(result, Err(OpenError::TooLarge { limit: 100 })));
    assert!(matches!(open::open_bytes(&[0; 101], &limits), Err(OpenError::TooLarge { .. })));
    assert!(matches!(open::open_bytes(&[0; 10], &limits), Err(OpenError::Refused { .. })));
}

#[test]
fn a_catalog_finds_names_and_versions() {
    let live = |name: &str, version: &str| {
        let opened =
            open::open(&model_file("sk0.24-ser-pickle4-tree"), &OpenLimits::default()).expect("it opens");
        let naming = Naming { name: name.into(), version: Some(version.into()), ..Naming::default() };
        Arc::new(LiveModel::new(opened, naming).expect("it loads"))
    };
    let catalog = Catalog::new(vec![live("a", "1"), live("a", "2"), live("b", "1")]).expect("all differ");
    assert_eq!(catalog.default_model().map(|model| (model.name(), model.version())), Some(("a", "1")));
    assert_eq!(catalog.get("a").map(|model| model.version()), Some("1"));
    assert_eq!(catalog.version("a", "2").map(|model| model.version()), Some("2"));
    assert!(catalog.get("c").is_none() && catalog.version("b", "2").is_none());
    let error = Catalog::new(vec![live("a", "1"), live("a", "1")]).expect_err("they are the same");
    assert_eq!(error.to_string(), "model `a` version `1` is listed twice");
}

const TABLE: &str = "f0,f1,f2,f3,f4,f5,kind\n0.5,-1,0,1,2,3,mid\n-0.5,1,0,1,2,3,low\n";

fn dataset(text: &str, target: &str) -> Result<Dataset, DatasetError> {
    Dataset::load(text.as_bytes(), Some(Target::Name(target.into())), 1 << 20)
}

#[test]
fn a_dataset_gives_rows_predictions_and_scores() {
    let model = load("sk0.24-ser-pickle4-tree");
    let data = dataset(TABLE, "kind").expect("a table");
    assert_eq!(data.rows(), 2);
    let row = data.row(1).expect("a row");
    assert_eq!(row[0], ("f0", Cell::Number(-0.5)));
    assert_eq!(row[6], ("kind", Cell::Text("low".into())));
    assert!(matches!(data.row(2), Err(DatasetError::NoSuchRow { row: 2, rows: 2 })));
    assert_eq!(data.frame(&model, 0).expect("a frame").numbers(), [0.5, -1.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(data.score(&model).expect("labelled rows"), 0.5);
}

#[test]
fn a_dataset_without_a_header_is_read_by_position() {
    let model = load("sk0.24-ser-pickle4-tree");
    let data = dataset("mid,0.5,-1,0,1,2,3\n", "0").expect("a table");
    assert_eq!(data.frame(&model, 0).expect("a frame").numbers(), [0.5, -1.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(data.row(0).expect("a row")[0], ("0", Cell::Text("mid".into())));
    assert_eq!(data.score(&model).expect("labelled rows"), 1.0);
}

#[test]
fn datasets_that_cannot_be_used_say_why() {
    let model = load("sk0.24-ser-pickle4-tree");
    assert!(matches!(dataset("", "kind"), Err(DatasetError::Table(TableError::Empty))));
    assert!(matches!(dataset(TABLE, "sort"), Err(DatasetError::Table(TableError::NoTarget { .. }))));
    assert!(matches!(
        dataset("a,b\n1,2\n1\n", "b"),
        Err(DatasetError::Ragged { line: 3, expected: 2, got: 1 })
    ));
    assert!(matches!(Dataset::load(TABLE.as_bytes(), None, 10), Err(DatasetError::TooLarge { limit: 10 })));
    let narrow = dataset("f0,kind\n1,mid\n", "kind").expect("a table");
    assert!(matches!(narrow.frame(&model, 0), Err(DatasetError::Table(TableError::WrongColumnCount { .. }))));
    let words = dataset(&TABLE.replace("-1", "x"), "kind").expect("a table");
    assert!(matches!(words.frame(&model, 0), Err(DatasetError::Predict(PredictError::Invalid { .. }))));
}

#[test]
fn a_crowd_that_has_waited_makes_the_pool_take_no_more_than_it_can_do_at_once() {
    let options = PoolOptions { threads: 1, max_jobs: 100, max_wait: Duration::ZERO };
    let pool = Pool::new(options);
    let few: Vec<_> = (0..4).map(|_| pool.admit_unread().expect("few are no crowd")).collect();
    few[0].started();
    let fifth = pool.admit_unread().expect("nobody of a crowd has waited");
    std::thread::sleep(Duration::from_millis(1));
    fifth.started();
    assert!(pool.admit_unread().is_err());
    drop(few);
    let second = pool.admit_unread().expect("one runs");
    assert!(pool.admit_unread().is_err(), "one runs and one waits");
    drop((fifth, second));
    std::thread::sleep(Duration::from_millis(200));
    let calm: Vec<_> = (0..100).map(|_| pool.admit_unread().expect("there was time to spare")).collect();
    assert!(pool.admit_unread().is_err(), "as many as allowed");
    drop(calm);
    assert_eq!(pool.jobs(), 0);
}
