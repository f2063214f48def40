//! Models as loaders build them, checked and predicted with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod artifact;
mod checks;
mod components;
mod heads;
mod invariance;
mod schema;
mod statistics;
mod steps;
mod wide;
mod zoo;

use std::sync::Arc;

use foretell_frame::{Frame, Method, MethodSet, Predictions};
use foretell_model::{Model, PredictError, Predictor, Scratch};

/// Predictions of one frame.
fn predict(model: Model, frame: &Frame, methods: MethodSet) -> Result<Predictions, PredictError> {
    let mut out = Predictions::default();
    Predictor::new(Arc::new(model)).predict_into(frame, methods, &mut Scratch::default(), &mut out)?;
    Ok(out)
}

/// One output for rows of numbers.
fn output(model: Model, rows: &[&[f64]], method: Method) -> Vec<f64> {
    let mut frame = Frame::new(model.schema());
    rows.iter().for_each(|row| frame.push_numbers(row));
    predict(model, &frame, MethodSet::EMPTY.with(method)).unwrap().get(method).unwrap().values().to_vec()
}
