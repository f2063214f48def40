//! ONNX models, as far as they compute each row for itself: classical models (`ai.onnx.ml`) as skl2onnx and
//! onnxmltools convert them, and small neural networks.
//!
//! [`wire`], [`proto`] and [`tensor`] decode the messages. [`graph`] follows the values through the graph, node by node:
//! [`operators`] names the function of each operator, and what these emit becomes a [`program`] of branches, in which
//! trees, linear models and networks are the same estimators as those of other libraries. [`answer`] turns the
//! graph's outputs into predictions.
//!
//! Numbers are float64 that are rounded to float32 where the graph says float; ONNX Runtime's kernels differ from that
//! in the order of their sums.

mod answer;
mod arithmetic;
mod call;
mod classify;
mod encode;
mod ensemble;
mod graph;
mod linear;
mod operators;
mod program;
mod proto;
mod reduce;
mod reshape;
mod scan;
mod support;
mod tensor;
mod tree_ensemble;
mod value;
mod wire;

use foretell_model::ModelParts;

pub(crate) use self::operators::supported_operators;

use crate::{FileKind, FormatError, Limits, Problem};

/// The result of reading a file.
type Result<T> = std::result::Result<T, FormatError>;

/// Reads a model.
///
/// # Errors
/// Bytes that do not follow the format, more than the limits allow, an operator or attribute that is not known, a
/// graph that contradicts itself: each with its place in the file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<ModelParts> {
    let budget = wire::Budget::new(limits);
    let model = proto::model(wire::Message::new(bytes, &budget))?;
    graph::lower(model, limits)
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(FileKind::Onnx, problem)
}

fn mismatch(expected: &str, got: &str) -> FormatError {
    error(Problem::Mismatch { expected: expected.into(), got: got.into() })
}

fn invalid(detail: impl Into<String>) -> FormatError {
    error(Problem::Invalid { detail: detail.into() })
}

fn unsupported(option: &str, value: impl ToString, supported: &str) -> FormatError {
    let (option, supported) = (option.into(), supported.into());
    error(Problem::UnsupportedOption { option, value: value.to_string(), supported })
}
