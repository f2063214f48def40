//! Damaged model files: a few bytes changed in every committed golden file. Whatever comes of it, opening ends with a
//! model or an error, and a model that opens predicts or refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretell_formats::{Limits, container, open};
use foretell_frame::{Frame, Predictions};
use foretell_model::{Model, Predictor, Scratch};

const CHANGES_PER_FILE: usize = 20;

/// Marsaglia's xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn damage(&mut self, bytes: &mut [u8]) {
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len());
            bytes[at] = match self.below(3) {
                0 => bytes[at] ^ 1 << self.below(8),
                1 => 0xff,
                _ => self.below(256) as u8,
            };
        }
    }
}

fn model_files() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let paths = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder is readable");
        entries.map(|entry| entry.expect("the folder is readable").path()).collect()
    };
    let is_model =
        |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("model"));
    let cases = paths(&golden).into_iter().filter(|case| case.join("expected.json").is_file());
    cases.flat_map(|case| paths(&case)).filter(is_model).collect()
}

fn predict_one_row(model: Model) {
    let mut frame = Frame::new(model.schema());
    for text in 0..model.schema().texts() {
        frame.text_mut(text).push(Some("text"));
    }
    frame.set_rows(1);
    frame.numbers_mut().fill(0.5);
    let methods = model.methods();
    let predictor = Predictor::new(Arc::new(model));
    // Either answer is right: a damaged model may refuse the row.
    let _ = predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut Predictions::default());
}

#[test]
fn damaged_files_are_opened_or_refused_without_a_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let limits = Limits::default();
    let files = model_files();
    assert!(files.len() > 100, "only {} model files under tests/golden", files.len());
    let mut refused = 0;
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let content = container::inflate(&bytes[..], &limits).unwrap();
        for _ in 0..CHANGES_PER_FILE {
            let mut damaged = content.to_vec();
            random.damage(&mut damaged);
            match open(&damaged, &limits) {
                Ok(model) => predict_one_row(model),
                Err(_) => refused += 1,
            }
        }
    }
    let runs = files.len() * CHANGES_PER_FILE;
    assert!(refused > runs / 3, "only {refused} of {runs} damaged files were refused");
}
