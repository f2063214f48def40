//! Estimators around others that change targets: transformed targets, several targets, one class against the rest.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::Linear;
use foretell_model::head::{Classification, LabelRule, LogProbability, Probability};
use foretell_model::step::{Answer, Arithmetic, Branch, Combine, Curve, Curves, Rowwise, Rule, Scale, Step};
use foretell_model::{Estimator, Head};

use super::classes::{Classifier, MultiLabel, labels, regressor};
use super::members::{Member, composed, features, whole};
use super::scale::inverse_function;
use super::{Input, Lowered, Result, Version, lower, present};
use crate::pickle::Value;

/// `TransformedTargetRegressor`: the prediction goes back through the transformer of the target.
pub(super) fn transformed_target(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let member = Member::read(value.field("regressor_")?, input)?;
    let width = match member.lowered.pipeline.estimator.as_ref().map(|fitted| &fitted.head) {
        Some(Head::Regression(head)) => head.shape.width(),
        _ => return Err(member.value.mismatch("a regressor", member.value.describe())),
    };
    let mut steps = member.answering(Answer::Value)?;
    steps.extend(inverse(&value.field("transformer_")?)?);
    let vector = value.field("_training_dim")?.size()? == 1 && width == 1;
    let shape = if vector { Shape::Vector } else { Shape::Matrix(width) };
    composed(value, &[member], steps, regressor(shape))
}

/// The steps that undo a transformer.
fn inverse(transformer: &Value<'_>) -> Result<Vec<Step>> {
    if transformer.class().is_some_and(|class| class.is("sklearn", "FunctionTransformer")) {
        return Ok(inverse_function(transformer)?
            .map(|function| Step::Elementwise(vec![function]))
            .into_iter()
            .collect());
    }
    let steps = lower(transformer, Input::default())?.into_steps(transformer)?;
    let mut undone = Vec::new();
    for step in steps.into_iter().rev() {
        let refused = || {
            let supported = "a function, a scaler, or a power or quantile transform";
            transformer.unsupported_option("transformer_", transformer.describe(), supported)
        };
        if let Step::Curves(Curves { columns, accepts }) = step {
            let columns = columns.into_iter().map(undone_curve).collect::<Option<_>>().ok_or_else(refused)?;
            undone.push(Step::Curves(Curves { columns, accepts }));
            continue;
        }
        let Step::Scale(scale) = step else { return Err(refused()) };
        let operations = scale.operations.into_iter().rev().filter_map(|operation| match operation {
            Arithmetic::Subtract(c) => Some(Arithmetic::Add(c)),
            Arithmetic::Divide(c) => Some(Arithmetic::Multiply(c)),
            Arithmetic::Multiply(c) => Some(Arithmetic::Divide(c)),
            Arithmetic::Add(c) => Some(Arithmetic::Subtract(c)),
            // What was clipped is lost.
            Arithmetic::Clip { .. } => None,
        });
        undone.push(Step::Scale(Scale { operations: operations.collect(), ..Scale::default() }));
    }
    Ok(undone)
}

/// The function that undoes one; `None` where it loses what it is given.
fn undone_curve(curve: Curve) -> Option<Curve> {
    match curve {
        Curve::BoxCox(lambda) => Some(Curve::BoxCoxInverse(lambda)),
        Curve::YeoJohnson { lambda, .. } => Some(Curve::YeoJohnsonInverse(lambda)),
        Curve::Quantile(quantile) => Some(Curve::QuantileInverse(quantile)),
        Curve::Threshold(_)
        | Curve::Bins { .. }
        | Curve::BoxCoxInverse(_)
        | Curve::YeoJohnsonInverse(_)
        | Curve::QuantileInverse(_)
        | Curve::Within { .. }
        | Curve::Wave { .. }
        | Curve::Table { .. } => None,
    }
}

/// `MultiOutputRegressor`: one regressor per target.
pub(super) fn multi_output_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let features = features(value, &members)?;
    let branch = |member: &Member<'_>| Ok(whole(features, member.answering(Answer::Value)?));
    let branches = members.iter().map(branch).collect::<Result<_>>()?;
    let head = regressor(Shape::Matrix(members.len()));
    composed(value, &members, vec![Step::Parallel(branches)], head)
}

/// `MultiOutputClassifier`: one classifier per target.
pub(super) fn multi_output_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let features = features(value, &members)?;
    let classes = members.iter().map(one_target).collect::<Result<Vec<Labels>>>()?;
    let mut branches = Vec::new();
    for (member, classes) in members.iter().zip(&classes) {
        let mut steps = member.answering(Answer::indices(std::slice::from_ref(classes)))?;
        let votes = Rule::Votes { classes: classes.len(), weights: vec![1.0], against: 0.0 };
        steps.push(Step::Combine(Combine { members: 1, rule: votes }));
        branches.push(whole(features, steps));
    }
    let given = members.iter().all(Member::has_probability);
    if given {
        for member in &members {
            branches.push(whole(features, member.answering(Answer::Probability)?));
        }
    }
    let single = Classifier {
        classes: Labels::range(2),
        label: LabelRule::LargestScore,
        probability: given.then_some(Probability::AfterScores),
        log_probability: None,
        decision: None,
    };
    let mut head = single.head();
    if let Head::Classification(head) = &mut head {
        *head = Classification { classes, multi_target: true, ..head.clone() };
    }
    composed(value, &members, vec![Step::Parallel(branches)], head)
}

/// The classes of a classifier of one target.
fn one_target(member: &Member<'_>) -> Result<Labels> {
    match member.classes()? {
        [classes] => Ok(classes.clone()),
        _ => Err(member.value.mismatch("a classifier of one target", "one of several")),
    }
}

/// `OneVsRestClassifier`: one classifier of two classes per class, of classes or of several labels at once.
pub(super) fn one_versus_rest(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let binarizer = value.field("label_binarizer_")?;
    let classes = labels(&binarizer.field("classes_")?)?;
    let several_labels = match binarizer.field("y_type_")?.text()? {
        "binary" | "multiclass" => false,
        kind if kind.starts_with("multilabel") => true,
        other => return Err(binarizer.unsupported_option("y_type_", other, "classes or labels")),
    };
    let expected = if classes.len() == 2 && !several_labels { 1 } else { classes.len() };
    if members.len() != expected {
        let list = value.field("estimators_")?;
        return Err(list.mismatch(format_args!("{expected} classifiers"), members.len()));
    }
    let features = features(value, &members)?;
    let side_by_side = |steps: &dyn Fn(&Member<'_>) -> Result<Vec<Step>>| {
        let branch = |member| Ok(whole(features, steps(member)?));
        Ok(Step::Parallel(members.iter().map(branch).collect::<Result<Vec<Branch>>>()?))
    };
    let second = |member: &Member<'_>| {
        let mut steps = member.answering(Answer::Probability)?;
        steps.push(Step::Select(vec![1]));
        Ok(steps)
    };
    let decides = members.iter().all(Member::has_decision);
    let given = members.iter().all(Member::has_probability);
    if !decides && !given {
        let expected = "classifiers that all have decision functions, or all probabilities";
        return Err(value.field("estimators_")?.mismatch(expected, "others"));
    }
    let head = if several_labels {
        labels_head(classes.len(), decides, given)
    } else {
        classes_head(classes, decides, given, Version::of(value)?)
    };
    let steps = if decides {
        let mut branches =
            vec![whole(features, vec![side_by_side(&|member| member.answering(Answer::Decision))?])];
        if given {
            let mut steps = vec![side_by_side(&second)?];
            steps.extend(normalized(expected, several_labels));
            branches.push(whole(features, steps));
        }
        vec![Step::Parallel(branches)]
    } else {
        vec![side_by_side(&second)?]
    };
    composed(value, &members, steps, head)
}

/// What makes the probabilities of all classes of those of each class against the rest.
fn normalized(members: usize, several_labels: bool) -> Option<Step> {
    match (several_labels, members) {
        (true, _) => None,
        (false, 1) => {
            let both = Linear { features: 1, coefficients: vec![-1.0, 1.0], intercept: vec![1.0, 0.0] };
            Some(Step::Project(both))
        }
        (false, _) => Some(Step::Rowwise(Rowwise::Proportions)),
    }
}

fn labels_head(count: usize, decides: bool, given: bool) -> Head {
    let head = MultiLabel {
        count,
        label: if decides { LabelRule::EachPositive } else { LabelRule::EachAboveHalf },
        probability: match (decides, given) {
            (true, true) => Some(Probability::LabelsAfterScores),
            (true, false) => None,
            (false, _) => Some(Probability::LabelScores),
        },
        log_probability: None,
        decision: decides.then_some(Shape::Matrix(count)),
    };
    head.head()
}

fn classes_head(classes: Labels, decides: bool, given: bool, version: Version) -> Head {
    let binary = classes.len() == 2;
    // Up to 1.7 a tie goes to the last class.
    let largest = if version < Version(1, 8) { LabelRule::LastLargestScore } else { LabelRule::LargestScore };
    let shape = if binary { Shape::Vector } else { Shape::Matrix(classes.len()) };
    let head = Classifier {
        classes,
        label: match (binary, decides) {
            (true, true) => LabelRule::Positive,
            (true, false) => LabelRule::AboveHalf,
            (false, _) => largest,
        },
        probability: match (decides, binary) {
            (true, _) => given.then_some(Probability::AfterScores),
            (false, true) => Some(Probability::SecondScore),
            (false, false) => Some(Probability::Proportions { spare_zeros: version >= Version(1, 7) }),
        },
        log_probability: None::<LogProbability>,
        decision: decides.then_some(shape),
    };
    head.head()
}

/// `_ConstantPredictor`: the member of a `OneVsRestClassifier` for a class that all rows have, or none.
pub(super) fn constant_predictor(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let constant = value.field("y_")?.array()?.f64s()?;
    let [constant] = constant.as_slice() else {
        return Err(value.field("y_")?.mismatch("one number", constant.len()));
    };
    let head = Classifier {
        classes: Labels::range(2),
        label: LabelRule::Positive,
        probability: Some(Probability::SecondScore),
        log_probability: None,
        decision: Some(Shape::Vector),
    };
    Ok(Lowered::estimator(None, Estimator::Constant(vec![*constant]), head.head()))
}

/// `RegressorChain`: each regressor also sees the predictions of those before it.
pub(super) fn regressor_chain(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let features = match present(value, "n_features_in_")? {
        Some(features) => super::count(&features)?,
        None => features(value, &members)?,
    };
    let mut steps = Vec::new();
    for (position, member) in members.iter().enumerate() {
        let seen = features + position;
        let kept = whole(seen, Vec::new());
        steps.push(Step::Parallel(vec![kept, whole(seen, member.answering(Answer::Value)?)]));
    }
    steps.push(Step::Select(chain_order(value, members.len())?.iter().map(|at| features + at).collect()));
    composed(value, &members, steps, regressor(Shape::Matrix(members.len())))
}

/// `ClassifierChain` of labels 0 and 1: each classifier also sees the predictions of those before it.
pub(super) fn classifier_chain(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let (features, count) = (features(value, &members)?, members.len());
    let method = present(value, "chain_method_")?.map_or(Ok("predict"), |method| method.text())?;
    for member in &members {
        if one_target(member)?.len() != 2 {
            return Err(member.value.mismatch("2 classes", "another number"));
        }
    }
    let second = |member: &Member<'_>| {
        let mut steps = member.answering(Answer::Probability)?;
        steps.push(Step::Select(vec![1]));
        Ok(steps)
    };
    let decides = members.iter().all(|member| {
        member.has_decision()
            && matches!(member.head(), Some(Head::Classification(head)) if head.label == LabelRule::Positive)
    });
    let given = members.iter().all(Member::has_probability);
    // Columns: the features, what the chain hands on, and then for each member what decides and its probability.
    let mut steps = Vec::new();
    let mut answers = 0;
    for (position, member) in members.iter().enumerate() {
        let seen = features + position;
        let width = seen + answers;
        let branch = |steps| Branch { columns: (0..seen).collect(), steps, weight: None };
        let handed_on = match method {
            "predict" => member.labelling()?,
            "predict_proba" => second(member)?,
            "decision_function" => member.answering(Answer::Decision)?,
            other => {
                let supported = "`predict`, `predict_proba` or `decision_function`";
                return Err(value.unsupported_option("chain_method_", other, supported));
            }
        };
        let decision = if decides {
            member.answering(Answer::Decision)?
        } else {
            member.answering(Answer::indices(member.classes()?))?
        };
        let mut branches = vec![branch(Vec::new()), branch(handed_on)];
        branches.push(Branch { columns: (seen..width).collect(), steps: Vec::new(), weight: None });
        branches.push(branch(decision));
        answers += 1;
        if given {
            branches.push(branch(second(member)?));
            answers += 1;
        }
        steps.push(Step::Parallel(branches));
    }
    let (start, stride) = (features + count, 1 + usize::from(given));
    let order = chain_order(value, count)?;
    let answer = |of: usize| order.iter().map(move |at| start + at * stride + of).collect::<Vec<_>>();
    let probabilities = if given { answer(1) } else { Vec::new() };
    steps.push(Step::Select([answer(0), probabilities].concat()));
    let logarithms = given && Version::of(value)? >= Version(1, 4);
    let head = MultiLabel {
        count,
        label: LabelRule::EachPositive,
        probability: given.then_some(Probability::LabelsAfterScores),
        log_probability: logarithms.then_some(LogProbability::OfProbability),
        decision: decides.then_some(Shape::Matrix(count)),
    };
    let mut head = head.head();
    if let Head::Classification(head) = &mut head {
        let classes = members.iter().map(one_target).collect::<Result<Vec<_>>>()?;
        let mut ordered = order.iter().filter_map(|&at| classes.get(at).cloned()).collect();
        std::mem::swap(&mut head.classes, &mut ordered);
    }
    composed(value, &members, steps, head)
}

/// For each target the position in the chain of its member.
fn chain_order(value: &Value<'_>, members: usize) -> Result<Vec<usize>> {
    let stored = value.field("order_")?;
    let order = stored.i64_vector(members)?;
    let position = |target: i64| order.iter().position(|&other| other == target);
    let positions: Option<Vec<usize>> = (0..members as i64).map(position).collect();
    positions.ok_or_else(|| stored.mismatch(format_args!("an order of {members} targets"), stored.describe()))
}
