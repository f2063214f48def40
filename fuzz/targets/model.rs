//! Any bytes as a model file. What opens must predict or refuse, the same for a row alone and among others.
#![no_main]

use std::sync::Arc;

use foretell_formats::{Limits, open};
use foretell_frame::{Frame, Predictions};
use foretell_model::{Model, Predictor, Scratch};
use libfuzzer_sys::fuzz_target;

const ROWS: usize = 3;

fn rows(model: &Model, count: usize) -> Frame {
    let mut frame = Frame::new(model.schema());
    for text in 0..model.schema().texts() {
        (0..count).for_each(|row| frame.text_mut(text).push(Some(["a", "b c", ""][row])));
    }
    frame.set_rows(count);
    let columns = model.schema().numbers();
    for (position, number) in frame.numbers_mut().iter_mut().enumerate() {
        let row = position / columns.max(1);
        *number = [0.5, -3.0, 1e6][row] + (position % columns.max(1)) as f64;
    }
    frame
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = open(bytes, &Limits::default()) else { return };
    let methods = model.methods();
    let (alone, together) = (rows(&model, 1), rows(&model, ROWS));
    let predictor = Predictor::new(Arc::new(model));
    let (mut first, mut all) = (Predictions::default(), Predictions::default());
    let mut scratch = Scratch::default();
    let one = predictor.predict_into(&alone, methods, &mut scratch, &mut first);
    let three = predictor.predict_into(&together, methods, &mut scratch, &mut all);
    if one.is_err() || three.is_err() {
        return;
    }
    for method in methods.iter() {
        let (Some(one), Some(three)) = (first.get(method), all.get(method)) else { continue };
        let same = one.values().iter().zip(three.values()).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{method:?} of a row depends on the rows after it");
    }
});
