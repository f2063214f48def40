//! Loss functions: what raw scores mean (`PrepareEval` in `catboost/libs/eval_result/eval_helpers.cpp` of the library, and
//! `predict` of the Python classes).

use foretell_frame::{Labels, Shape};
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};
use foretell_model::{Head, Task};
use serde_json::Value as Json;

use crate::{FormatError, Problem};

use super::content::Content;

/// Who answers: the same model gives other answers through another class of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    /// The class that fits the loss function: `CatBoostClassifier`, `CatBoostRegressor` or `CatBoostRanker`.
    OfLoss,
    /// `CatBoost`, whose prediction is the raw score.
    Raw,
}

/// A loss function, as far as prediction depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    /// Classes: two of one raw score, or one a raw score.
    Classes,
    /// One a raw score, each against the rest.
    OneVersusAll,
    /// Several labels at once, one a raw score.
    Labels,
    /// Values under a link.
    Regression(Link),
    /// A score to sort by.
    Ranking,
    /// The user's own.
    Custom,
}

impl Loss {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "Logloss" | "CrossEntropy" | "Focal" | "MultiClass" => Self::Classes,
            "MultiClassOneVsAll" => Self::OneVersusAll,
            "MultiLogloss" | "MultiCrossEntropy" => Self::Labels,
            "RMSE" | "MAE" | "Quantile" | "LogLinQuantile" | "Expectile" | "MAPE" | "Lq" | "Huber" => {
                Self::Regression(Link::Identity)
            }
            "LogCosh" | "MultiQuantile" | "MultiRMSE" | "MultiRMSEWithMissingValues" => {
                Self::Regression(Link::Identity)
            }
            "SurvivalAft" | "Cox" => Self::Regression(Link::Identity),
            "Poisson" | "Tweedie" => Self::Regression(Link::Exp),
            "RMSEWithUncertainty" => Self::Regression(Link::MeanAndVariance),
            "PairLogit" | "PairLogitPairwise" | "YetiRank" | "YetiRankPairwise" | "QueryRMSE" => {
                Self::Ranking
            }
            "GroupQuantile" | "QuerySoftMax" | "QueryCrossEntropy" => Self::Ranking,
            "StochasticFilter" | "StochasticRank" | "LambdaMart" | "Combination" => Self::Ranking,
            "PythonUserDefinedPerObject" | "PythonUserDefinedMultiTarget" => Self::Custom,
            "UserPerObjMetric" | "UserQuerywiseMetric" => Self::Custom,
            _ => return None,
        })
    }
}

/// What the raw scores mean, and what the model is for; and the class of the library that answers so.
pub(super) fn head(
    content: &Content<'_>,
    interface: Interface,
) -> Result<(Head, Task, &'static str), FormatError> {
    let name = loss_name(content);
    let loss = match &name {
        Some(name) => Loss::of(name).ok_or_else(|| unsupported(content, "loss_function", name))?,
        None => Loss::Custom,
    };
    let raw = interface == Interface::Raw;
    match (loss, labels(content)?) {
        (Loss::Regression(_), _) if raw => Ok(regression(content, Link::Identity)),
        (Loss::Regression(link), _) => Ok(regression(content, link)),
        (Loss::Ranking, _) => {
            let (head, _, _) = regression(content, Link::Identity);
            Ok((head, Task::Ranking, "CatBoostRanker"))
        }
        (Loss::Custom, None) => Ok(regression(content, Link::Identity)),
        (Loss::Labels, _) => {
            let head = multi_label(content, raw);
            Ok((head, Task::Classification, "CatBoostClassifier"))
        }
        (loss, labels) => {
            let classes = labels.unwrap_or_else(|| Labels::range(content.outputs.max(2)));
            let head = classification(content, loss == Loss::OneVersusAll, classes, raw)?;
            Ok((head, Task::Classification, "CatBoostClassifier"))
        }
    }
}

fn unsupported(content: &Content<'_>, option: &str, value: &str) -> FormatError {
    let value = format!("`{}`", value.chars().take(60).collect::<String>());
    let supported = "one of CatBoost 0.26 to 1.2".to_owned();
    content.error(Problem::UnsupportedOption { option: option.into(), value, supported })
}

fn shape(content: &Content<'_>) -> Shape {
    if content.outputs == 1 { Shape::Vector } else { Shape::Matrix(content.outputs) }
}

fn regression(content: &Content<'_>, link: Link) -> (Head, Task, &'static str) {
    let head = Head::Regression(Regression { shape: shape(content), link, margin: true, rounds: 1.0 });
    (head, Task::Regression, "CatBoostRegressor")
}

fn classification(
    content: &Content<'_>,
    one_versus_all: bool,
    classes: Labels,
    raw: bool,
) -> Result<Head, FormatError> {
    let expected = content.outputs.max(2);
    if classes.len() != expected {
        let (expected, got) = (format!("{expected} classes, as there are raw scores"), classes.len());
        let problem = Problem::Mismatch { expected, got: got.to_string() };
        return Err(content.error(problem).at("class_params"));
    }
    let binary = content.outputs == 1;
    let (label, probability, predict) = match binary {
        true => (above(content)?, Probability::Sigmoid { scale: 1.0 }, ClassPredict::Label),
        false if one_versus_all => {
            (LabelRule::LargestScore, Probability::SigmoidEach { scale: 1.0 }, ClassPredict::LabelColumn)
        }
        false => (LabelRule::LargestScore, Probability::Softmax, ClassPredict::LabelColumn),
    };
    Ok(Head::Classification(Classification {
        classes: vec![classes],
        multi_target: false,
        label,
        probability: Some(probability),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
        margin: Some(shape(content)),
        predict: if raw { ClassPredict::Margin } else { predict },
        rounds: 1.0,
    }))
}

/// The second class when the score is above that of a threshold of its probability: 1/2 unless it was set.
fn above(content: &Content<'_>) -> Result<LabelRule, FormatError> {
    let Some(stated) = content.info.get("binclass_probability_threshold") else {
        return Ok(LabelRule::Positive);
    };
    let threshold = stated.as_f64().filter(|threshold| *threshold > 0.0 && *threshold < 1.0);
    match threshold {
        Some(0.5) => Ok(LabelRule::Positive),
        Some(threshold) => Ok(LabelRule::Above((threshold / (1.0 - threshold)).ln())),
        None => Err(unsupported(content, "binclass_probability_threshold", &stated.to_string())),
    }
}

fn multi_label(content: &Content<'_>, raw: bool) -> Head {
    Head::Classification(Classification {
        classes: vec![Labels::range(2); content.outputs],
        multi_target: true,
        label: LabelRule::EachPositive,
        probability: Some(Probability::LabelSigmoid),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
        margin: Some(shape(content)),
        predict: if raw { ClassPredict::Margin } else { ClassPredict::Label },
        rounds: 1.0,
    })
}

/// The name of the loss function, without its parameters.
fn loss_name(content: &Content<'_>) -> Option<String> {
    let of_params = content.info.get("params").and_then(|params| params.get("loss_function"));
    let loss = of_params.or_else(|| content.info.get("loss_function"))?;
    loss.get("type")?.as_str().map(str::to_owned)
}

/// The classes, where the file tells (`TFullModel::GetModelClassLabels`).
fn labels(content: &Content<'_>) -> Result<Option<Labels>, FormatError> {
    let info = &content.info;
    let params = info.get("class_params").or_else(|| info.get("multiclass_params"));
    let listed = |json: Option<&Json>, name: &str| -> Option<Vec<Json>> {
        json?.get(name)?.as_array().filter(|list| !list.is_empty()).cloned()
    };
    if let Some(names) = listed(params, "class_names") {
        return parse_labels(content, &names).map(Some);
    }
    if let Some(count) =
        params.and_then(|params| params.get("classes_count")?.as_u64()).filter(|count| *count > 0)
    {
        // Their number is checked against that of the raw scores.
        return Ok(Some(Labels::range(count.min(content.outputs.max(2) as u64 + 1) as usize)));
    }
    if let Some(values) = listed(params, "class_to_label") {
        let whole = |value: &Json| value.as_f64().map(|value| value as i64);
        return Ok(values.iter().map(whole).collect::<Option<Vec<_>>>().map(Labels::Int));
    }
    let options = info.get("params").and_then(|params| params.get("data_processing_options"));
    listed(options, "class_names").map(|names| parse_labels(content, &names)).transpose()
}

/// Labels of one type.
fn parse_labels(content: &Content<'_>, names: &[Json]) -> Result<Labels, FormatError> {
    let texts = || names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let integers = || names.iter().map(Json::as_i64).collect::<Option<Vec<_>>>();
    let floats = || names.iter().map(Json::as_f64).collect::<Option<Vec<_>>>();
    let flags = || names.iter().map(Json::as_bool).collect::<Option<Vec<_>>>();
    let labels = texts().map(Labels::Text).or_else(|| integers().map(Labels::Int));
    let labels = labels.or_else(|| floats().map(Labels::Float)).or_else(|| flags().map(Labels::Bool));
    labels.ok_or_else(|| {
        let expected = "classes of one type (text, integers, floats or bools)".to_owned();
        let problem = Problem::Mismatch { expected, got: "several types".into() };
        content.error(problem).at("class_names")
    })
}
