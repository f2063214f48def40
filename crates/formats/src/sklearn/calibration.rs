//! Probabilities that are fitted to scores: `CalibratedClassifierCV`, and `IsotonicRegression`.

use foretell_frame::Shape;
use foretell_model::Estimator;
use foretell_model::estimator::Linear;
use foretell_model::step::{
    Accepts, Answer, Arithmetic, Curve, Curves, Function, PiecewiseLinear, Rowwise, Rule, Step,
};

use super::classes::{labels, regressor};
use super::members::{Member, combine, composed, features, probabilities, scale, whole};
use super::{Input, Lowered, Result, present};
use crate::pickle::Value;

/// `CalibratedClassifierCV`: the mean of classifiers whose scores are turned into probabilities by calibrators.
pub(super) fn calibrated(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let list = value.field("calibrated_classifiers_")?;
    let items = list.items()?;
    let mut members = Vec::new();
    for item in &items {
        let estimator = match present(item, "estimator")? {
            Some(estimator) => estimator,
            // Before 1.2.
            None => item.field("base_estimator")?,
        };
        members.push(Member::read(estimator, input)?);
    }
    if members.is_empty() {
        return Err(list.mismatch("at least 1 classifier", 0));
    }
    let features = features(value, &members)?;
    let mut branches = Vec::new();
    for (member, item) in members.iter().zip(&items) {
        branches.push(whole(features, calibrated_member(member, item, classes.len())?));
    }
    let steps = vec![Step::Parallel(branches), combine(members.len(), Rule::Mean)];
    composed(value, &members, steps, probabilities(classes, None))
}

/// One classifier and its calibrators: one per class, or one alone of two classes.
fn calibrated_member(member: &Member<'_>, item: &Value<'_>, classes: usize) -> Result<Vec<Step>> {
    // A member that has not seen every class would leave some without a calibrator.
    member.expect_classes(classes)?;
    let method = item.field("method")?;
    if method.text()? == "temperature" {
        return tempered_member(member, item, classes);
    }
    let mut steps = if member.has_decision() {
        member.answering(Answer::Decision)?
    } else {
        let mut steps = member.answering(Answer::Probability)?;
        steps.extend((classes == 2).then(|| Step::Select(vec![1])));
        steps
    };
    let list = match present(item, "calibrators")? {
        Some(list) => list,
        // Before 0.24.
        None => item.field("calibrators_")?,
    };
    let calibrators = list.items()?;
    let scores = if classes == 2 { 1 } else { classes };
    if calibrators.len() != scores {
        return Err(list.mismatch(format_args!("{scores} calibrators"), calibrators.len()));
    }
    match method.text()? {
        "sigmoid" => {
            let all = |name: &'static str| {
                calibrators
                    .iter()
                    .map(|calibrator| calibrator.field(name)?.float())
                    .collect::<Result<Vec<_>>>()
            };
            steps.push(scale(vec![Arithmetic::Multiply(all("a_")?), Arithmetic::Add(all("b_")?)]));
            steps.push(Step::Elementwise(vec![Function::Negative, Function::Sigmoid]));
        }
        "isotonic" => {
            let functions = calibrators.iter().map(isotonic).collect::<Result<_>>()?;
            steps.push(Step::Interpolate(functions));
        }
        other => {
            return Err(item.unsupported_option("method", other, "`sigmoid`, `isotonic` or `temperature`"));
        }
    }
    if classes == 2 {
        steps.push(Step::Project(both_classes()));
    } else {
        steps.push(Step::Rowwise(Rowwise::Proportions));
    }
    steps.push(scale(vec![Arithmetic::Clip { low: f64::NEG_INFINITY, high: 1.0 }]));
    Ok(steps)
}

/// One classifier and its temperature: the softmax of its logits, all multiplied by one factor.
fn tempered_member(member: &Member<'_>, item: &Value<'_>, classes: usize) -> Result<Vec<Step>> {
    /// What keeps the logarithm of a probability finite.
    const LEAST: f64 = 1e-12;
    let list = item.field("calibrators")?;
    let factor = list.at(0)?.field("beta_")?.float()?;
    let mut steps = if member.has_decision() {
        let mut steps = member.answering(Answer::Decision)?;
        let signs = Linear { features: 1, coefficients: vec![-1.0, 1.0], intercept: vec![0.0, 0.0] };
        steps.extend((classes == 2).then_some(Step::Project(signs)));
        steps
    } else {
        let mut steps = member.answering(Answer::Probability)?;
        if classes == 2 {
            steps.extend([Step::Select(vec![1]), Step::Project(both_classes())]);
        }
        steps.push(scale(vec![Arithmetic::Add(vec![LEAST; classes])]));
        steps.push(Step::Elementwise(vec![Function::Log]));
        steps
    };
    steps.push(scale(vec![Arithmetic::Multiply(vec![factor; classes])]));
    steps.push(Step::Rowwise(Rowwise::Softmax));
    steps.push(scale(vec![Arithmetic::Clip { low: f64::NEG_INFINITY, high: 1.0 }]));
    Ok(steps)
}

/// The probabilities of both classes from that of the second.
fn both_classes() -> Linear {
    Linear { features: 1, coefficients: vec![-1.0, 1.0], intercept: vec![1.0, 0.0] }
}

/// The function of an `IsotonicRegression` that is constant beyond its thresholds.
fn isotonic(value: &Value<'_>) -> Result<PiecewiseLinear> {
    match value.field("out_of_bounds")?.text()? {
        "clip" => thresholds(value),
        other => Err(value.unsupported_option("out_of_bounds", other, "`clip`")),
    }
}

fn thresholds(value: &Value<'_>) -> Result<PiecewiseLinear> {
    // They had other names before 0.24.
    let thresholds = |name, before| match present(value, name)? {
        Some(thresholds) => thresholds.f64_vector(None),
        None => value.field(before)?.f64_vector(None),
    };
    let x = thresholds("X_thresholds_", "_necessary_X_")?;
    Ok(PiecewiseLinear { x, y: thresholds("y_thresholds_", "_necessary_y_")?, missing_outside: false })
}

/// `IsotonicRegression`, which also transforms to its predictions.
pub(super) fn isotonic_regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let mut function = thresholds(value)?;
    let mut steps = Vec::new();
    match value.field("out_of_bounds")?.text()? {
        "clip" => {}
        "nan" => function.missing_outside = true,
        "raise" => {
            let (Some(&least), Some(&most)) = (function.x.first(), function.x.last()) else {
                return Err(value.mismatch("at least one threshold", "none"));
            };
            let columns = vec![Curve::Within { least, most }];
            steps.push(Step::Curves(Curves { columns, accepts: Accepts::FINITE }));
        }
        other => return Err(value.unsupported_option("out_of_bounds", other, "`clip`, `nan` or `raise`")),
    }
    steps.push(Step::Interpolate(vec![function]));
    let mut lowered = Lowered::estimator(1, Estimator::Columns, regressor(Shape::Vector));
    lowered.pipeline.steps = steps;
    lowered.pipeline.transform = Some(Vec::new());
    lowered.pipeline.flat = true;
    Ok(lowered)
}
