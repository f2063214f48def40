//! Several classes by classifiers of two: one per pair of classes, one per bit of a code; and two classes by a
//! threshold that was chosen for them.

use foretell_frame::{Labels, Shape};
use foretell_model::Head;
use foretell_model::estimator::Linear;
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::{Answer, Arithmetic, Branch, Combine, Rule, Scale, Step};

use super::classes::{Classifier, labels};
use super::members::{Member, composed, features, whole};
use super::{Input, Lowered, Result, Version, present};
use crate::pickle::Value;

/// `OneVsOneClassifier`: one classifier per pair of classes, which vote.
pub(super) fn one_versus_one(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let classes = labels(&value.field("classes_")?)?;
    let pairs = classes.len().saturating_mul(classes.len().saturating_sub(1)) / 2;
    if members.len() != pairs {
        let list = value.field("estimators_")?;
        return Err(list.mismatch(format_args!("{pairs} classifiers"), members.len()));
    }
    if present(value, "pairwise_indices_")?.is_some() {
        let supported = "estimators that take features, and no kernel matrices";
        return Err(value.unsupported_option("pairwise_indices_", "a list", supported));
    }
    let features = features(value, &members)?;
    let mut branches = Vec::new();
    for member in &members {
        branches.push(whole(features, sureness(member)?));
    }
    for member in &members {
        branches.push(whole(features, member.labelling()?));
    }
    let count = classes.len();
    let votes = Combine { members: 2, rule: Rule::Pairs { classes: count } };
    let mut steps = vec![Step::Parallel(branches), Step::Combine(votes)];
    let label = if count > 2 {
        LabelRule::LargestScore
    } else {
        steps.push(Step::Select(vec![1]));
        if members[0].has_decision() {
            LabelRule::Positive
        } else if Version::of(value)? < Version(1, 1) {
            let detail = "two classes by probabilities before scikit-learn 1.1, where nearly every row gets the second";
            return Err(value.invalid(detail));
        } else {
            LabelRule::ScoreAtLeast { class: 1, least: 0.5_f64.next_up() }
        }
    };
    // Before 0.21 the library brings the decisions of all rows of a request into one range.
    let several = (!Version::of(value)?.is_before(0, 21)).then_some(Shape::Matrix(count));
    let decision = if count == 2 { Some(Shape::Vector) } else { several };
    let head = Classifier { classes, label, probability: None, log_probability: None, decision };
    composed(value, &members, steps, head.head())
}

/// `OutputCodeClassifier`: the class whose code is nearest to the answers of the classifiers of its bits.
pub(super) fn output_code(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let classes = labels(&value.field("classes_")?)?;
    let codes = value.field("code_book_")?.f64_matrix(classes.len(), members.len())?;
    let features = features(value, &members)?;
    // The nearest code is the one with the largest `2 x c - |c|^2`. It is summed member by member, as scikit-learn does:
    // answers of few members are often equally near to several codes, and then rounding decides.
    let branch = |(bit, member): (usize, &Member<'_>)| {
        let mut steps = sureness(member)?;
        let coefficients = (0..codes.rows).map(|class| 2.0 * codes.row(class)[bit]).collect();
        let products = Linear { features: 1, coefficients, intercept: vec![0.0; codes.rows] };
        steps.push(Step::Project(products));
        Ok(whole(features, steps))
    };
    let branches = members.iter().enumerate().map(branch).collect::<Result<Vec<Branch>>>()?;
    let sum = Combine { members: members.len(), rule: Rule::Sum };
    let norms = (0..codes.rows).map(|row| codes.row(row).iter().map(|c| c * c).sum()).collect();
    let norms = Scale { operations: vec![Arithmetic::Subtract(norms)], ..Scale::default() };
    let steps = vec![Step::Parallel(branches), Step::Combine(sum), Step::Scale(norms)];
    let label = LabelRule::LargestScore;
    let head = Classifier { classes, label, probability: None, log_probability: None, decision: None };
    composed(value, &members, steps, head.head())
}

/// The steps that end in how sure a classifier of two classes is of the second.
fn sureness(member: &Member<'_>) -> Result<Vec<Step>> {
    match member.classes()? {
        [classes] if classes.len() == 2 => {}
        _ => return Err(member.value.mismatch("a classifier of 2 classes", "another")),
    }
    if member.has_decision() {
        return member.answering(Answer::Decision);
    }
    let mut steps = member.answering(Answer::Probability)?;
    steps.push(Step::Select(vec![1]));
    Ok(steps)
}

/// `FixedThresholdClassifier`.
pub(super) fn fixed_threshold(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let member = threshold_member(value, input)?;
    let by_probability = by_probability(value, &member)?;
    let threshold = value.field("threshold")?;
    let least = match threshold.is_text() {
        true if threshold.text()? == "auto" => {
            if by_probability {
                0.5
            } else {
                0.0
            }
        }
        true => return Err(value.unsupported_option("threshold", threshold.text()?, "a number or `auto`")),
        false => threshold.float()?,
    };
    let class = match present(value, "pos_label")? {
        Some(label) => position(&member, &label)?,
        None => 1,
    };
    thresholded(value, member, by_probability, class, least)
}

/// `TunedThresholdClassifierCV`.
pub(super) fn tuned_threshold(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let member = threshold_member(value, input)?;
    let by_probability = by_probability(value, &member)?;
    let scorer = value.field("_curve_scorer")?;
    let class = positive_class(&scorer, &member)?;
    let least = value.field("best_threshold_")?.float()?;
    thresholded(value, member, by_probability, class, least)
}

fn threshold_member<'p>(value: &Value<'p>, input: Input) -> Result<Member<'p>> {
    // A classifier that was fitted before is not copied.
    let estimator = match present(value, "estimator_")? {
        Some(estimator) => estimator,
        None => value.field("estimator")?,
    };
    let member = Member::read(estimator, input)?;
    match member.classes()? {
        [classes] if classes.len() == 2 => Ok(member),
        _ => Err(member.value.mismatch("a classifier of 2 classes", "another")),
    }
}

/// Whether the threshold is one of probabilities, else of decisions.
fn by_probability(value: &Value<'_>, member: &Member<'_>) -> Result<bool> {
    let method = value.field("response_method")?;
    let given = match method.text()? {
        "auto" => member.has_probability() || member.has_decision(),
        "predict_proba" => member.has_probability(),
        "decision_function" => member.has_decision(),
        other => {
            let supported = "`auto`, `predict_proba` or `decision_function`";
            return Err(value.unsupported_option("response_method", other, supported));
        }
    };
    if !given {
        return Err(method.mismatch("a method of the classifier", method.describe()));
    }
    Ok(method.text()? != "decision_function" && member.has_probability())
}

/// The index of a label.
fn position(member: &Member<'_>, label: &Value<'_>) -> Result<usize> {
    let [classes] = member.classes()? else {
        return Err(member.value.mismatch("a classifier of one target", "another"));
    };
    let found = match classes {
        Labels::Text(labels) => label
            .is_text()
            .then(|| label.text())
            .transpose()?
            .and_then(|label| labels.iter().position(|other| other == label)),
        Labels::Int(labels) => {
            let label = label.float()?;
            labels.iter().position(|other| *other as f64 == label)
        }
        Labels::Float(labels) => {
            let label = label.float()?;
            labels.iter().position(|other| *other == label)
        }
        Labels::Bool(labels) => {
            let label = label.bool().or_else(|_| label.float().map(|label| label == 1.0))?;
            labels.iter().position(|other| *other == label)
        }
    };
    found.ok_or_else(|| label.mismatch("one of the two classes", label.describe()))
}

/// The class that the scorer of a tuned threshold takes for positive: what it was told, else what its function of
/// `sklearn.metrics` takes by default.
fn positive_class(scorer: &Value<'_>, member: &Member<'_>) -> Result<usize> {
    if let Some(label) = scorer.field("_kwargs")?.optional("pos_label")? {
        return if label.is_none() { Ok(1) } else { position(member, &label) };
    }
    let function = scorer.field("_score_func")?;
    let name = function.reference().filter(|function| function.package() == "sklearn");
    match name.map(|function| function.name()) {
        Some("accuracy_score" | "balanced_accuracy_score" | "matthews_corrcoef" | "cohen_kappa_score") => {
            Ok(1)
        }
        Some("f1_score" | "fbeta_score" | "jaccard_score" | "precision_score" | "recall_score") => {
            let [classes] = member.classes()? else {
                return Err(member.value.mismatch("a classifier of one target", "another"));
            };
            let one = match classes {
                Labels::Int(labels) => labels.iter().position(|label| *label == 1),
                Labels::Float(labels) => labels.iter().position(|label| *label == 1.0),
                Labels::Bool(labels) => labels.iter().position(|label| *label),
                Labels::Text(_) => None,
            };
            one.ok_or_else(|| function.mismatch("a positive class of 1", "other classes"))
        }
        _ => {
            let supported = "a scorer of `sklearn.metrics` for labels; or give `pos_label` to `make_scorer`";
            Err(scorer.unsupported_option("_score_func", function.describe(), supported))
        }
    }
}

/// The answers of a classifier of two classes with its labels chosen by a threshold.
fn thresholded(
    value: &Value<'_>,
    member: Member<'_>,
    by_probability: bool,
    class: usize,
    least: f64,
) -> Result<Lowered> {
    let label = if by_probability {
        LabelRule::ProbabilityAtLeast { class, least }
    } else {
        LabelRule::ScoreAtLeast { class, least }
    };
    if matches!(member.head(), Some(Head::Classification(_))) {
        let mut lowered = member.lowered;
        if let Some(Head::Classification(head)) = lowered.pipeline.estimator.as_mut().map(|it| &mut it.head) {
            head.label = label;
        }
        let inner = std::mem::take(&mut lowered.part);
        lowered.part.class = value.class().map_or_else(String::new, |class| class.name().to_owned());
        lowered.part.parts = vec![inner];
        lowered.pipeline.transform = None;
        return Ok(lowered);
    }
    // Machines of pairs of classes choose by votes: here their decision and probabilities are raw scores.
    let [classes] = member.classes()? else {
        return Err(member.value.mismatch("a classifier of one target", "another"));
    };
    let classes = classes.clone();
    let given = member.has_probability();
    let members = [member];
    let features = features(value, &members)?;
    let mut branches = vec![whole(features, members[0].answering(Answer::Decision)?)];
    if given {
        branches.push(whole(features, members[0].answering(Answer::Probability)?));
    }
    let head = Classifier {
        classes,
        label,
        probability: given.then_some(Probability::AfterScores),
        log_probability: given.then_some(LogProbability::OfProbability),
        decision: Some(Shape::Vector),
    };
    composed(value, &members, vec![Step::Parallel(branches)], head.head())
}
