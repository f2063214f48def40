//! Linear models: regressors, classifiers and linear discriminants.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::Linear;
use foretell_model::head::{LabelRule, Link, LogProbability, Outlier, Probability, Regression};
use foretell_model::step::{Arithmetic, Scale};
use foretell_model::{Estimator, Head, Step};

use super::classes::{Classifier, MultiLabel, labels, regressor};
use super::{Input, Lowered, Result, Version, bounded, count, features, numbered, present};
use crate::pickle::Value;

/// `Ridge`, `Lasso` and all others that predict `X coef_^T + intercept_`.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let weights = Weights::read(value, None)?;
    let shape = if weights.vector { Shape::Vector } else { Shape::Matrix(weights.linear.intercept.len()) };
    Ok(weights.lowered(regressor(shape)))
}

/// `PoissonRegressor` and `GammaRegressor`: the exponential of a weighted sum.
pub(super) fn log_link_regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let link =
        Head::Regression(Regression { shape: Shape::Vector, link: Link::Exp, margin: false, rounds: 1.0 });
    Ok(Weights::read(value, None)?.lowered(link))
}

/// `TweedieRegressor`: its link may depend on its power.
pub(super) fn tweedie_regression(value: &Value<'_>, input: Input) -> Result<Lowered> {
    match value.field("link")?.text()? {
        "identity" => regression(value, input),
        "auto" if value.field("power")?.float()? <= 0.0 => regression(value, input),
        "log" | "auto" => log_link_regression(value, input),
        other => Err(value.unsupported_option("link", other, "`auto`, `identity` or `log`")),
    }
}

/// `SGDOneClassSVM`.
pub(super) fn one_class(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let coefficients = value.field("coef_")?.f64_vector(None)?;
    let offset = value.field("offset_")?;
    let offset = offset.f64_vector(1)?[0];
    let features = coefficients.len();
    let linear = Linear { features, coefficients, intercept: vec![0.0] };
    let head = Head::Outlier(Outlier { offset, equal_inlier: true, column: false });
    Ok(Lowered::estimator(features, Estimator::Linear(linear), head))
}

/// `LogisticRegression`: one sigmoid per class, or a softmax, by solver, setting and version.
pub(super) fn logistic_regression(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let binary = classes.len() <= 2;
    // Since 1.8 there is no `multi_class`: several classes are always multinomial.
    let one_versus_rest = match present(value, "multi_class")? {
        None => binary,
        Some(setting) => match setting.text()? {
            "ovr" | "warn" => true,
            "auto" | "deprecated" => binary || value.field("solver")?.text()? == "liblinear",
            "multinomial" => false,
            other => {
                return Err(value.unsupported_option("multi_class", other, "`auto`, `ovr` or `multinomial`"));
            }
        },
    };
    let coef = value.field("coef_")?;
    let single = input.single && coef.is_array() && coef.array()?.dtype().is_float32();
    let probability = match (one_versus_rest, binary) {
        (true, true) if single => Probability::SigmoidSingle,
        (false, false) if single => Probability::SoftmaxSingle,
        (true, true) => Probability::Sigmoid { scale: 1.0 },
        (true, false) => Probability::SigmoidNormalized,
        (false, true) => Probability::SoftmaxOfBoth,
        (false, false) => Probability::Softmax,
    };
    classification(value, classes, Some(probability), LogProbability::OfProbability)
}

/// `LinearSVC` and all others without probabilities.
pub(super) fn classification_without_probability(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    classification(value, classes, None, LogProbability::OfProbability)
}

/// `RidgeClassifier`, of classes or of several labels at once.
pub(super) fn ridge_classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let binarizer = value.field("_label_binarizer")?;
    let classes = labels(&binarizer.field("classes_")?)?;
    match binarizer.field("y_type_")?.text()? {
        "binary" | "multiclass" => classification(value, classes, None, LogProbability::OfProbability),
        "multilabel-indicator" => {
            let count = classes.len();
            let weights = Weights::read(value, Some(count))?;
            let head = MultiLabel {
                count,
                label: LabelRule::EachPositive,
                probability: None,
                log_probability: None,
                decision: Some(Shape::Matrix(count)),
            };
            Ok(weights.lowered(head.head()))
        }
        other => Err(binarizer.unsupported_option("y_type_", other, "classes or labels")),
    }
}

/// `SGDClassifier`: probabilities depend on the loss.
pub(super) fn sgd_classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let probability = match value.field("loss")?.text()? {
        "log" | "log_loss" if classes.len() <= 2 => Some(Probability::Sigmoid { scale: 1.0 }),
        "log" | "log_loss" => Some(Probability::SigmoidNormalized),
        "modified_huber" => Some(Probability::ModifiedHuber),
        _ => None,
    };
    classification(value, classes, probability, LogProbability::OfProbability)
}

/// `LinearDiscriminantAnalysis`, which classifies, and transforms unless its solver is `lsqr`.
pub(super) fn linear_discriminant_analysis(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let version = Version::of(value)?;
    let probability = match classes.len() {
        2 => Probability::Sigmoid { scale: 1.0 },
        _ if version.is_before(0, 21) => Probability::SigmoidNormalized,
        _ => Probability::Softmax,
    };
    let logarithm = if version.is_before(0, 24) {
        LogProbability::OfProbability
    } else {
        LogProbability::OfPositiveProbability
    };
    let mut lowered = classification(value, classes, Some(probability), logarithm)?;
    let features = features(value, &["coef_"])?;
    lowered.pipeline.transform = match value.field("solver")?.text()? {
        "svd" => {
            let centre = Arithmetic::Subtract(value.field("xbar_")?.f64_vector(features)?);
            let centre = Scale { operations: vec![centre], ..Scale::default() };
            Some(vec![Step::Scale(centre), discriminants(value, features)?])
        }
        "eigen" => Some(vec![discriminants(value, features)?]),
        "lsqr" => None,
        other => return Err(value.unsupported_option("solver", other, "`svd`, `lsqr` or `eigen`")),
    };
    if let Some([.., Step::Project(projection)]) = lowered.pipeline.transform.as_deref() {
        lowered.naming = numbered(value, projection.intercept.len());
    }
    Ok(lowered)
}

/// The projection on the first discriminants: the first columns of `scalings_`.
fn discriminants(value: &Value<'_>, features: usize) -> Result<Step> {
    let scalings = value.field("scalings_")?.f64_matrix(features, None)?;
    let kept = count(&value.field("_max_components")?)?.min(scalings.cols);
    let coefficients = (0..kept)
        .flat_map(|column| (0..features).map(move |row| (row, column)))
        .map(|(row, column)| scalings.row(row)[column]);
    let linear = Linear { features, coefficients: coefficients.collect(), intercept: vec![0.0; kept] };
    Ok(Step::Project(linear))
}

/// One score and two classes, or one score per class.
fn classification(
    value: &Value<'_>,
    classes: Labels,
    probability: Option<Probability>,
    log_probability: LogProbability,
) -> Result<Lowered> {
    let outputs = match classes.len() {
        0 | 1 => return Err(value.field("classes_")?.mismatch("at least 2 classes", classes.len())),
        2 => 1,
        more => more,
    };
    let weights = Weights::read(value, Some(outputs))?;
    let head = Classifier {
        classes,
        label: if outputs == 1 { LabelRule::Positive } else { LabelRule::LargestScore },
        probability,
        log_probability: probability.map(|_| log_probability),
        decision: Some(if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) }),
    };
    Ok(weights.lowered(head.head()))
}

/// `coef_` and `intercept_`.
struct Weights {
    linear: Linear,
    /// Whether `coef_` has one dimension.
    vector: bool,
}

impl Weights {
    fn read(value: &Value<'_>, outputs: Option<usize>) -> Result<Self> {
        let features = present(value, "n_features_in_")?.map(|features| count(&features)).transpose()?;
        let coef = value.field("coef_")?;
        let vector = outputs.is_none_or(|outputs| outputs == 1)
            && (coef.is_list() || coef.is_array() && coef.array()?.shape().len() == 1);
        let (outputs, coefficients) = if vector {
            (1, coef.f64_vector(features)?)
        } else {
            let matrix = coef.f64_matrix(outputs, features)?;
            (bounded(&coef, matrix.rows)?, matrix.data)
        };
        let intercept = value.field("intercept_")?;
        let intercept = match intercept.float() {
            Ok(shared) => vec![shared; outputs],
            Err(_) => intercept.f64_vector(outputs)?,
        };
        let features = coefficients.len() / outputs.max(1);
        Ok(Self { linear: Linear { features, coefficients, intercept }, vector })
    }

    fn lowered(self, head: Head) -> Lowered {
        Lowered::estimator(self.linear.features, Estimator::Linear(self.linear), head)
    }
}
