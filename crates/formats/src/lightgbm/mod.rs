//! LightGBM models: text files, and the pickled `Booster` and scikit-learn wrappers, which hold the same text.
//!
//! [`text`] cuts the text into fields; [`forest`] turns its trees, [`objective`] the meaning of their scores and
//! [`categories`] the categories of a data frame into plain data; [`wrapper`] knows what the classes around a text add.

mod categories;
mod fields;
mod forest;
mod objective;
mod text;
mod wrapper;

use foretell_model::{Estimator, Fitted, ModelParts, Part, Pipeline, Provenance};

use crate::sklearn::{Lowered, Naming};
use crate::{FileKind, FormatError, Limits, Problem};

use objective::{Interface, Objective};
use text::Text;

pub(crate) use wrapper::estimator;

/// How the trees of a text are used.
struct Use {
    /// Who answers.
    interface: Interface,
    /// The class that users see.
    class: String,
    /// Number of rounds from the first on; `None` for all.
    rounds: Option<usize>,
}

/// Reads a text model file.
///
/// # Errors
/// Text that does not follow the format, more than the limits allow, an objective that is not supported, a model that
/// contradicts itself: each with its place in the file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<ModelParts, FormatError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| corrupt(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    let text = Text::parse(text, limits)?;
    let usage = Use { interface: Interface::Booster, class: "Booster".into(), rounds: None };
    let provenance = Provenance {
        format: FileKind::LightgbmText.to_string(),
        library: "LightGBM".into(),
        library_version: None,
    };
    Ok(lower(&text, usage)?.into_parts(provenance))
}

/// Lowers a text.
fn lower(text: &Text<'_>, usage: Use) -> Result<Lowered, FormatError> {
    let objective = Objective::of(text)?;
    let all = text.trees.len() / text.per_round;
    let rounds = usage.rounds.map_or(all, |rounds| rounds.min(all));
    let steps = categories::recode(text)?;
    let estimator: Estimator = forest::estimator(text, rounds * text.per_round)?;
    let averaged = if text.average_output { rounds } else { 1 };
    let head = objective.head(text, &usage.interface, averaged)?;
    Ok(Lowered {
        pipeline: Pipeline { steps, estimator: Some(Fitted { estimator, head }), ..Pipeline::default() },
        features: Some(text.features),
        names: text.names(),
        task: objective.task(&usage.interface),
        part: Part { class: usage.class, ..Part::default() },
        sparse: false,
        library_version: None,
        naming: Naming::Unknown,
    })
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(FileKind::LightgbmText, problem)
}

fn invalid(detail: impl Into<String>) -> FormatError {
    error(Problem::Invalid { detail: detail.into() })
}

fn corrupt(detail: impl Into<String>) -> FormatError {
    error(Problem::Corrupt { detail: detail.into() })
}

fn unsupported(option: &str, value: &str, supported: &str) -> FormatError {
    let value = format!("`{}`", shown(value));
    error(Problem::UnsupportedOption { option: option.into(), value, supported: supported.into() })
}

/// The beginning of a value, for a message.
fn shown(value: &str) -> &str {
    &value[..value.floor_char_boundary(60)]
}
