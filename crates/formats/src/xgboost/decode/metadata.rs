//! What a scikit-learn wrapper leaves in the attribute `scikit_learn` of a native file, as JSON text.

use foretell_frame::Labels;

use crate::{FileKind, FormatError, Limits};

use super::document::Cursor;
use super::json;

/// The parts of the metadata that matter for prediction.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Metadata {
    /// `classifier`, `regressor` or `ranker`.
    pub estimator_type: Option<String>,
    /// The classes, which only releases of 1.x store.
    pub classes: Option<Labels>,
    /// The value that counts as missing besides NaN (1.x).
    pub missing: Option<f64>,
    /// Number of boosting rounds times parallel trees to predict with (before 1.4).
    pub best_ntree_limit: Option<usize>,
}

impl Metadata {
    /// Reads the attribute's text.
    pub(in super::super) fn parse(text: &str, limits: &Limits) -> Result<Self, FormatError> {
        let document = json::parse(text.as_bytes(), limits)?;
        let root = Cursor::root(&document, FileKind::XgboostJson);
        let estimator_type = match (root.find("_estimator_type")?, root.find("type")?) {
            (Some(field), _) => Some(field.text()?.to_owned()),
            // Releases of 1.x name the class.
            (None, Some(field)) => estimator_type(field.text()?),
            (None, None) => None,
        };
        let encoder = root.find("_le")?.and_then(|encoder| encoder.find("classes_").transpose());
        let classes = match (root.find("classes_")?, encoder) {
            (Some(field), _) => Some(labels(&field)?),
            (None, Some(field)) => Some(labels(&field?)?),
            (None, None) => None,
        };
        Ok(Self {
            estimator_type,
            classes,
            missing: root.find("missing")?.and_then(|field| field.number()).filter(|value| !value.is_nan()),
            best_ntree_limit: root
                .find("best_ntree_limit")?
                .and_then(|field| field.number())
                .map(|limit| limit as usize),
        })
    }
}

fn estimator_type(class: &str) -> Option<String> {
    let kind = match class {
        "XGBClassifier" | "XGBRFClassifier" => "classifier",
        "XGBRegressor" | "XGBRFRegressor" => "regressor",
        "XGBRanker" => "ranker",
        _ => return None,
    };
    Some(kind.into())
}

/// Labels as JSON has them: texts, or whole numbers.
fn labels(field: &Cursor<'_>) -> Result<Labels, FormatError> {
    if let Ok(texts) = field.elements().and_then(|elements| {
        elements.map(|element| element.text().map(str::to_owned)).collect::<Result<Vec<_>, _>>()
    }) && !texts.is_empty()
    {
        return Ok(Labels::Text(texts));
    }
    Ok(Labels::Int(field.integers()?.into_iter().map(i64::from).collect()))
}
