//! Dummies: the same answer for every row.

use foretell_frame::{Labels, Shape};
use foretell_model::Estimator;

use super::classes::{labels_of_targets, proportions, regressor};
use super::{Input, Lowered, Result, count, present};
use crate::pickle::Value;

/// `DummyClassifier` of the strategies that do not draw at random.
pub(super) fn classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let targets = count(&value.field("n_outputs_")?)?;
    let classes = labels_of_targets(&value.field("classes_")?, targets)?;
    let strategy = match present(value, "_strategy")? {
        Some(strategy) => strategy.text()?,
        None => value.field("strategy")?.text()?,
    };
    let of_target = |name: &'static str, target: usize| {
        let all = value.field(name)?;
        if targets == 1 { Ok(all) } else { all.at(target) }
    };
    let mut probabilities = Vec::new();
    for (target, classes) in classes.iter().enumerate() {
        let of_class = match strategy {
            "prior" => of_target("class_prior_", target)?.f64_vector(classes.len())?,
            "most_frequent" => {
                let prior = of_target("class_prior_", target)?.f64_vector(classes.len())?;
                let most =
                    prior.iter().enumerate().fold(0, |most, (i, p)| if *p > prior[most] { i } else { most });
                certain(most, classes.len())
            }
            "constant" => {
                let constant = constant_of(value, target, targets)?;
                let position = position(classes, &constant)?;
                certain(position, classes.len())
            }
            other => {
                let supported = "`most_frequent`, `prior` or `constant`, which always give the same answer";
                return Err(value.unsupported_option("strategy", other, supported));
            }
        };
        probabilities.extend(of_class);
    }
    Ok(Lowered::estimator(None, Estimator::Constant(probabilities), proportions(classes)))
}

/// `DummyRegressor`.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let targets = count(&value.field("n_outputs_")?)?;
    let constants = value.field("constant_")?.f64_matrix(1, targets)?.data;
    let shape = if targets == 1 { Shape::Vector } else { Shape::Matrix(targets) };
    Ok(Lowered::estimator(None, Estimator::Constant(constants), regressor(shape)))
}

/// Probability 1 for one class.
fn certain(class: usize, classes: usize) -> Vec<f64> {
    (0..classes).map(|other| f64::from(u8::from(other == class))).collect()
}

/// The constant label of a target: a scalar, or a list or array with one per target.
fn constant_of<'p>(value: &Value<'p>, target: usize, targets: usize) -> Result<Value<'p>> {
    let constant = value.field("constant")?;
    let listed = constant.is_list() || constant.is_array() && !constant.array()?.shape().is_empty();
    if targets == 1 && !listed { Ok(constant) } else { constant.at(target) }
}

/// The class that a label is.
fn position(classes: &Labels, label: &Value<'_>) -> Result<usize> {
    let found = match classes {
        Labels::Int(classes) => {
            label.int().ok().and_then(|label| classes.iter().position(|&class| class == label))
        }
        Labels::Float(classes) => {
            label.float().ok().and_then(|label| classes.iter().position(|&class| class == label))
        }
        Labels::Bool(classes) => {
            label.bool().ok().and_then(|label| classes.iter().position(|&class| class == label))
        }
        Labels::Text(classes) => {
            label.text().ok().and_then(|label| classes.iter().position(|class| class == label))
        }
    };
    found.ok_or_else(|| label.mismatch("one of the classes", label.describe()))
}
