//! What every model that opens must keep, whatever its file: answers that depend on the row alone, refusals instead of
//! panics, and an artifact that is the same model.
//!
//! The cases under `tests/golden` are always read, those of `../shared/golden` (or `$FORETELL_SHARED/golden`) where they are present.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a skipped test says so, and one that cannot go on fails"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretell_formats::{Limits, open};
use foretell_frame::{Cell, Frame, Kind, Predictions, Schema, validate};
use foretell_model::{Kernels, Model, PredictError, Predictor, Scratch, artifact};

/// Rows of a batch: more than a block of any kernel.
const ROWS: usize = 70;

/// The model files below a folder of cases.
fn files(cases: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(cases).unwrap().flatten();
    let files = folders.filter_map(|case| std::fs::read_dir(case.path()).ok()).flatten().flatten();
    let is_model = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("model.");
    let mut paths: Vec<_> =
        files.map(|file| file.path()).filter(|path| path.is_file() && is_model(path)).collect();
    paths.sort();
    paths
}

/// Rows that the schema allows: missing values and infinities where they are accepted, known categories and unknown ones.
fn rows(schema: &Schema) -> Frame {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut frame = Frame::new(schema);
    let texts = schema.features().iter().filter(|feature| feature.kind == Kind::Text);
    for (text, feature) in texts.enumerate() {
        let known = feature.categories.as_deref().unwrap_or_default();
        for _ in 0..ROWS {
            let pick = next() as usize;
            let value = match known.get(pick % known.len().max(1)) {
                Some(Cell::Text(value)) => Some(value.as_str()),
                Some(Cell::Number(_) | Cell::Missing) | None => Some("the quick brown fox"),
            };
            frame.text_mut(text).push(value.filter(|_| !(feature.nullable && pick.is_multiple_of(7))));
        }
    }
    frame.set_rows(ROWS);
    let numbers: Vec<_> = schema.features().iter().filter(|feature| feature.kind == Kind::Number).collect();
    for row in frame.numbers_mut().chunks_exact_mut(numbers.len().max(1)) {
        for (value, feature) in row.iter_mut().zip(&numbers) {
            let pick = next();
            let known = feature.categories.as_deref().unwrap_or_default();
            *value = match known.get(pick as usize % known.len().max(1)) {
                Some(Cell::Number(value)) => *value,
                Some(Cell::Text(_) | Cell::Missing) | None => (pick >> 40) as f64 / 4e6 - 0.5,
            };
            match pick % 11 {
                0 if feature.nullable => *value = f64::NAN,
                1 if feature.infinite => *value = f64::INFINITY,
                2 if feature.infinite => *value = f64::NEG_INFINITY,
                _ => {}
            }
        }
    }
    frame
}

type Bits = Vec<Vec<u64>>;

fn bits(predictor: &Predictor, frame: &Frame) -> Result<Bits, PredictError> {
    let methods = predictor.model().methods();
    let (mut scratch, mut out) = (Scratch::default(), Predictions::default());
    predictor.predict_into(frame, methods, &mut scratch, &mut out)?;
    Ok(methods
        .iter()
        .map(|method| out.get(method).unwrap().values().iter().map(|x| x.to_bits()).collect())
        .collect())
}

fn part(frame: &Frame, rows: std::ops::Range<usize>) -> Frame {
    let mut part = Frame::default();
    part.copy_rows(frame, rows.start, rows.end);
    part
}

/// Fails unless a batch is answered as a whole as its parts are.
fn in_parts(predictor: &Predictor, frame: &Frame, whole: &Result<Bits, PredictError>) -> Result<(), String> {
    for step in [1, 3, 16, 33, ROWS - 1] {
        let parts = (0..ROWS).step_by(step).map(|start| part(frame, start..(start + step).min(ROWS)));
        let mut joined: Bits = Vec::new();
        for part in parts {
            // A row that is refused is refused alone as well.
            match (bits(predictor, &part), whole) {
                (Ok(bits), _) => {
                    joined.resize(bits.len(), Vec::new());
                    joined.iter_mut().zip(bits).for_each(|(all, more)| all.extend(more));
                }
                (Err(_), Err(_)) => {}
                (Err(error), Ok(_)) => return Err(format!("a part of a batch is refused: {error}")),
            }
        }
        if whole.as_ref().is_ok_and(|whole| *whole != joined) {
            return Err(format!("batches of {step} rows answer otherwise"));
        }
    }
    Ok(())
}

/// Fails with the promise that a model does not keep.
fn keeps(model: Model) -> Result<(), String> {
    let encoded = artifact::encode(&model, "{}");
    let read =
        artifact::decode(&encoded, 1 << 30).map_err(|error| format!("its artifact is refused: {error}"))?;
    if read.model.schema() != model.schema() || artifact::encode(&read.model, "{}") != encoded {
        return Err("its artifact is another model".to_owned());
    }
    let frame = rows(model.schema());
    let (mut predictor, again) = (Predictor::new(Arc::new(model)), Predictor::new(Arc::new(read.model)));
    let whole = bits(&predictor, &frame);
    if bits(&again, &frame) != whole {
        return Err("its artifact answers otherwise".to_owned());
    }
    let chosen = predictor.kernels();
    let mut kernels = predictor.choices();
    if kernels.is_empty() {
        kernels.push(chosen.batch);
    }
    for kernel in kernels {
        predictor.set_kernels(Kernels::all(kernel));
        if bits(&predictor, &frame) != whole {
            return Err(format!("the kernel {kernel:?} answers otherwise"));
        }
        in_parts(&predictor, &frame, &whole)
            .map_err(|error| format!("with the kernel {kernel:?} {error}"))?;
    }
    predictor.set_kernels(chosen);
    let threads = std::thread::scope(|scope| {
        let threads = [0; 3].map(|_| scope.spawn(|| bits(&predictor, &frame)));
        threads.into_iter().all(|thread| thread.join().unwrap() == whole)
    });
    if !threads {
        return Err("threads answer otherwise".to_owned());
    }
    let empty = bits(&predictor, &part(&frame, 0..0)).map_err(|error| format!("no rows: {error}"))?;
    if empty.iter().any(|values| !values.is_empty()) {
        return Err("no rows have answers".to_owned());
    }
    let wrong = Schema::new(vec![foretell_frame::Feature::number("a"); 1], false).unwrap();
    let wrong = Frame::new(&wrong);
    let schema = predictor.model().schema();
    let refused = matches!(bits(&predictor, &wrong), Err(PredictError::Layout { .. }));
    if refused == ((schema.numbers(), schema.texts()) == (1, 0)) {
        return Err("another number of columns is taken".to_owned());
    }
    not_finite(&predictor, frame)
}

/// Values that the schema does not accept are found by the validation, and do no harm to the predictor.
fn not_finite(predictor: &Predictor, mut frame: Frame) -> Result<(), String> {
    let schema = predictor.model().schema();
    let numbers: Vec<_> = schema.features().iter().filter(|feature| feature.kind == Kind::Number).collect();
    for (column, feature) in numbers.iter().enumerate() {
        for (value, accepted) in [(f64::NAN, feature.nullable), (f64::INFINITY, feature.infinite)] {
            let before = std::mem::replace(&mut frame.numbers_mut()[column], value);
            let mut found = Vec::new();
            validate(schema, &part(&frame, 0..1), 10, &mut found);
            if !accepted && found.is_empty() {
                return Err(format!("{value} in `{}` is not found", feature.name));
            }
            // It may well be refused; it must not panic.
            let _ = bits(predictor, &part(&frame, 0..1));
            frame.numbers_mut()[column] = before;
        }
    }
    Ok(())
}

/// Checks all files on all processors; the number of those that opened.
fn check(files: &[PathBuf]) -> usize {
    let (next, opened) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    let broken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    // What does not open is the business of `make golden`.
                    let Ok(model) = open(&std::fs::read(path).unwrap(), &Limits::default()) else { continue };
                    opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if let Err(problem) = keeps(model) {
                        broken.lock().unwrap().push(format!("{}: {problem}", path.display()));
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{} of {}:\n{}", broken.len(), files.len(), broken.join("\n"));
    opened.into_inner()
}

#[test]
fn every_committed_model_keeps_the_contract() {
    let opened = check(&files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")));
    assert!(opened >= 100, "{opened} models opened");
}

#[test]
fn every_model_of_the_full_corpus_keeps_the_contract() {
    let shared = std::env::var_os("FORETELL_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let golden = shared.join("golden");
    if !golden.is_dir() {
        eprintln!("skipped: no corpus at {}", golden.display());
        return;
    }
    let opened = check(&files(&golden));
    eprintln!("{opened} models keep the contract");
    assert!(opened >= 1500, "{opened} models opened");
}
