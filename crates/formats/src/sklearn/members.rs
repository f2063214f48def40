//! Estimators whose members are estimators: votes, stacks, bags, boosted members.
//!
//! Each member is a branch that ends in the answer of its estimator; what follows combines the answers.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::Linear;
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::{Answer, Arithmetic, Branch, Combine, Function, Rowwise, Rule, Scale, Step};
use foretell_model::{Estimator, Head, Part, Pipeline};

use super::classes::{Classifier, labels, labels_of_targets, regressor};
use super::compose::is_word;
use super::{Input, Lowered, Result, Version, count, lower, present};
use crate::pickle::Value;

/// One fitted member.
pub(super) struct Member<'p> {
    pub(super) value: Value<'p>,
    pub(super) lowered: Lowered,
}

impl<'p> Member<'p> {
    pub(super) fn read(value: Value<'p>, input: Input) -> Result<Self> {
        Ok(Self { lowered: lower(&value, input)?, value })
    }

    /// The members in a list of estimators.
    pub(super) fn all(list: &Value<'p>, input: Input) -> Result<Vec<Self>> {
        let members: Vec<Self> =
            list.items()?.into_iter().map(|value| Self::read(value, input)).collect::<Result<_>>()?;
        if members.is_empty() {
            return Err(list.mismatch("at least 1 estimator", 0));
        }
        Ok(members)
    }

    pub(super) fn head(&self) -> Option<&Head> {
        self.lowered.pipeline.estimator.as_ref().map(|fitted| &fitted.head)
    }

    /// The classes of each target; it must be a classifier.
    pub(super) fn classes(&self) -> Result<&[Labels]> {
        match self.head().map_or(&[][..], Head::classes) {
            [] => Err(self.value.mismatch("a classifier", self.value.describe())),
            classes => Ok(classes),
        }
    }

    /// Fails unless it is a classifier of one target with as many classes.
    pub(super) fn expect_classes(&self, classes: usize) -> Result<()> {
        match self.classes()? {
            [own] if own.len() == classes => Ok(()),
            _ => Err(self.value.mismatch(format_args!("{classes} classes"), "another number")),
        }
    }

    pub(super) fn has_probability(&self) -> bool {
        match self.head() {
            Some(Head::Classification(head)) => head.probability.is_some(),
            Some(Head::Pairwise(head)) => head.sigmoids.is_some(),
            Some(Head::Regression(_) | Head::Outlier(_) | Head::Mixture(_)) | None => false,
        }
    }

    pub(super) fn has_decision(&self) -> bool {
        match self.head() {
            Some(Head::Classification(head)) => head.decision.is_some(),
            Some(Head::Pairwise(_)) => true,
            Some(Head::Regression(_) | Head::Outlier(_) | Head::Mixture(_)) | None => false,
        }
    }

    /// The steps that end in its answer.
    pub(super) fn answering(&self, answer: Answer) -> Result<Vec<Step>> {
        self.lowered.clone().answering(&self.value, answer)
    }

    /// The steps that end in the index of its class, per target.
    fn choosing(&self) -> Result<Vec<Step>> {
        self.answering(Answer::indices(self.classes()?))
    }

    /// The steps that end in the label of its class, which must be a number, per target.
    pub(super) fn labelling(&self) -> Result<Vec<Step>> {
        let numbers = self.classes()?.iter().map(|classes| match classes {
            Labels::Int(labels) => Ok(labels.iter().map(|&label| label as f64).collect()),
            Labels::Float(labels) => Ok(labels.clone()),
            Labels::Bool(labels) => Ok(labels.iter().map(|&label| f64::from(u8::from(label))).collect()),
            Labels::Text(_) => Err(self.value.mismatch("classes that are numbers", "texts")),
        });
        self.answering(Answer::Label(numbers.collect::<Result<_>>()?))
    }
}

/// Number of columns that an estimator takes, from itself or from its members.
pub(super) fn features(value: &Value<'_>, members: &[Member<'_>]) -> Result<usize> {
    if let Some(features) = present(value, "n_features_in_")? {
        return count(&features);
    }
    match members.iter().find_map(|member| member.lowered.features) {
        Some(features) => Ok(features),
        None => Err(value.missing("n_features_in_")),
    }
}

/// A branch that sees all columns.
pub(super) fn whole(features: usize, steps: Vec<Step>) -> Branch {
    Branch { columns: (0..features).collect(), steps, weight: None }
}

/// An estimator that combines its members by steps.
pub(super) fn composed(
    value: &Value<'_>,
    members: &[Member<'_>],
    steps: Vec<Step>,
    head: Head,
) -> Result<Lowered> {
    let mut lowered = Lowered::estimator(features(value, members)?, Estimator::Columns, head);
    lowered.pipeline.steps = steps;
    lowered.names = members.iter().find_map(|member| member.lowered.names.clone());
    lowered.part.class = value.class().map_or_else(String::new, |class| class.name().to_owned());
    let parts = members.iter().map(|member| member.lowered.part.clone());
    lowered.part.parts = parts.collect::<Vec<Part>>();
    Ok(lowered)
}

/// Every member over all columns.
fn side_by_side(
    value: &Value<'_>,
    members: &[Member<'_>],
    steps: impl Fn(&Member<'_>) -> Result<Vec<Step>>,
) -> Result<Step> {
    let features = features(value, members)?;
    let branch = |member| Ok(whole(features, steps(member)?));
    Ok(Step::Parallel(members.iter().map(branch).collect::<Result<_>>()?))
}

pub(super) fn combine(members: usize, rule: Rule) -> Step {
    Step::Combine(Combine { members, rule })
}

pub(super) fn scale(operations: Vec<Arithmetic>) -> Step {
    Step::Scale(Scale { operations, ..Scale::default() })
}

/// Probabilities of all classes as raw scores, the largest of which decides.
pub(super) fn probabilities(classes: Labels, log_probability: Option<LogProbability>) -> Head {
    let head = Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::Scores),
        log_probability,
        decision: None,
    };
    head.head()
}

/// `weights` of the members that were not dropped.
fn voting_weights(value: &Value<'_>, members: usize) -> Result<Option<Vec<f64>>> {
    let Some(weights) = present(value, "weights")? else { return Ok(None) };
    let all = weights.f64_vector(None)?;
    let estimators = value.field("estimators")?.items()?;
    let mut kept = Vec::new();
    for (entry, weight) in estimators.iter().zip(&all) {
        let estimator = entry.part(1)?;
        if !estimator.is_none() && !is_word(&estimator, "drop") {
            kept.push(*weight);
        }
    }
    if kept.len() != members || all.len() != estimators.len() {
        return Err(weights.mismatch(format_args!("{members} weights"), weights.describe()));
    }
    Ok(Some(kept))
}

fn mean(weights: Option<Vec<f64>>) -> Rule {
    weights.map_or(Rule::Mean, Rule::Weighted)
}

/// `VotingClassifier`, which also transforms to the answers of its members.
pub(super) fn voting_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let classes = labels(&value.field("classes_")?)?;
    let weights = voting_weights(value, members.len())?;
    for member in &members {
        member.expect_classes(classes.len())?;
    }
    let (answers, rule, head) = match value.field("voting")?.text()? {
        "soft" => {
            let answers = side_by_side(value, &members, |member| member.answering(Answer::Probability))?;
            (answers, mean(weights), probabilities(classes, None))
        }
        "hard" => {
            let weights = weights.unwrap_or_else(|| vec![1.0; members.len()]);
            let rule = Rule::Votes { classes: classes.len(), weights, against: 0.0 };
            let label = LabelRule::LargestScore;
            let head =
                Classifier { classes, label, probability: None, log_probability: None, decision: None };
            (side_by_side(value, &members, |member| member.choosing())?, rule, head.head())
        }
        other => return Err(value.unsupported_option("voting", other, "`soft` or `hard`")),
    };
    let mut lowered = composed(value, &members, vec![answers], head)?;
    lowered.pipeline.scoring = vec![combine(members.len(), rule)];
    // Without the setting, answers stood apart by member before 0.21.
    let flat = match present(value, "flatten_transform")? {
        Some(flat) => flat.bool()?,
        None => !Version::of(value)?.is_before(0, 21),
    };
    lowered.pipeline.transform = flat.then(Vec::new);
    Ok(lowered)
}

/// `VotingRegressor`, which also transforms to the answers of its members.
pub(super) fn voting_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let rule = mean(voting_weights(value, members.len())?);
    let answers = side_by_side(value, &members, |member| member.answering(Answer::Value))?;
    let mut lowered = composed(value, &members, vec![answers], regressor(Shape::Vector))?;
    lowered.pipeline.scoring = vec![combine(members.len(), rule)];
    lowered.pipeline.transform = Some(Vec::new());
    Ok(lowered)
}

/// `StackingClassifier`, which also transforms to what its final estimator sees.
pub(super) fn stacking_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let stored = value.field("classes_")?;
    let mut lowered = stacking(value, input, stored.is_array() && stored.len()? == 2)?;
    let fitted = lowered.pipeline.estimator.as_mut();
    if let Some(Head::Classification(head)) = fitted.map(|fitted| &mut fitted.head) {
        let classes = labels_of_targets(&stored, head.classes.len())?;
        let counts = |classes: &[Labels]| classes.iter().map(Labels::len).collect::<Vec<_>>();
        if counts(&classes) != counts(&head.classes) {
            return Err(stored.mismatch("the classes of the final estimator", stored.describe()));
        }
        head.classes = classes;
        // It does not hand this method of its final estimator on.
        head.log_probability = None;
        return Ok(lowered);
    }
    Err(value.field("final_estimator_")?.mismatch("a classifier", "another estimator"))
}

/// `StackingRegressor`, which also transforms to what its final estimator sees.
pub(super) fn stacking_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    stacking(value, input, false)
}

fn stacking(value: &Value<'_>, input: Input, binary: bool) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let methods = value.field("stack_method_")?;
    if methods.len()? != members.len() {
        return Err(methods.mismatch(format_args!("{} methods", members.len()), methods.describe()));
    }
    let features = features(value, &members)?;
    let mut branches = Vec::new();
    for (member, method) in members.iter().zip(methods.items()?) {
        let steps = match method.text()? {
            "predict_proba" => {
                let mut steps = member.answering(Answer::Probability)?;
                steps.extend(without_first(member, binary)?);
                steps
            }
            "decision_function" => member.answering(Answer::Decision)?,
            "predict" if member.classes().is_ok() => member.labelling()?,
            "predict" => member.answering(Answer::Value)?,
            other => {
                let supported = "`predict_proba`, `decision_function` or `predict`";
                return Err(value.unsupported_option("stack_method_", other, supported));
            }
        };
        branches.push(whole(features, steps));
    }
    if value.field("passthrough")?.bool()? {
        branches.push(whole(features, Vec::new()));
    }
    let stored = value.field("final_estimator_")?;
    let last = lower(&stored, Input::default())?;
    let Pipeline { steps, scoring, estimator: Some(fitted), .. } = last.pipeline else {
        return Err(stored.mismatch("an estimator that predicts", stored.describe()));
    };
    let mut lowered = composed(value, &members, vec![Step::Parallel(branches)], fitted.head.clone())?;
    lowered.part.parts.push(last.part);
    lowered.pipeline.scoring = [steps, scoring].concat();
    lowered.pipeline.estimator = Some(fitted);
    lowered.pipeline.transform = Some(Vec::new());
    Ok(lowered)
}

/// Drops the probability of the first of two classes, which follows from the other; of several targets always.
fn without_first(member: &Member<'_>, binary: bool) -> Result<Option<Step>> {
    let head = match member.head() {
        Some(Head::Classification(head)) if head.multi_target => head,
        _ => return Ok(binary.then(|| Step::Select(vec![1]))),
    };
    if head.probability.is_some_and(|probability| probability == Probability::LabelScores) {
        return Ok(None);
    }
    let mut kept = Vec::new();
    let mut start = 0;
    for classes in head.classes.iter().map(Labels::len) {
        kept.extend(start + 1..start + classes);
        start += classes;
    }
    Ok(Some(Step::Select(kept)))
}

/// The branches of a bag: each member sees its own columns.
fn bag(
    value: &Value<'_>,
    members: &[Member<'_>],
    steps: impl Fn(&Member<'_>) -> Result<Vec<Step>>,
) -> Result<Step> {
    let features = features(value, members)?;
    let selections = value.field("estimators_features_")?;
    let all = selections.items()?;
    if all.len() != members.len() {
        return Err(selections.mismatch(format_args!("{} selections", members.len()), all.len()));
    }
    let branch = |(member, selection): (&Member<'_>, &Value<'_>)| {
        let column = |column: i64| usize::try_from(column).ok().filter(|&column| column < features);
        let columns = selection.i64_vector(None)?.into_iter().map(column).collect::<Option<Vec<_>>>();
        let columns =
            columns.ok_or_else(|| selection.mismatch(format_args!("columns of {features}"), "others"))?;
        Ok(Branch { columns, steps: steps(member)?, weight: None })
    };
    Ok(Step::Parallel(members.iter().zip(&all).map(branch).collect::<Result<_>>()?))
}

/// `BaggingRegressor`.
pub(super) fn bagging_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let answers = bag(value, &members, |member| member.answering(Answer::Value))?;
    let steps = vec![answers, combine(members.len(), Rule::Mean)];
    composed(value, &members, steps, regressor(Shape::Vector))
}

/// `BaggingClassifier`: the mean of probabilities, or of votes where the members give none.
pub(super) fn bagging_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let classes = labels(&value.field("classes_")?)?;
    let count = members.len();
    let given = members.iter().all(Member::has_probability);
    let probability = if given {
        let steps = |member: &Member<'_>| {
            let mut steps = member.answering(Answer::Probability)?;
            steps.extend(scattered(member, classes.len())?);
            Ok(steps)
        };
        vec![bag(value, &members, steps)?, combine(count, Rule::Mean)]
    } else {
        let votes = Rule::Votes { classes: classes.len(), weights: vec![1.0; count], against: 0.0 };
        let divide = scale(vec![Arithmetic::Divide(vec![count as f64; classes.len()])]);
        vec![bag(value, &members, |member| member.labelling())?, combine(count, votes), divide]
    };
    let log = Some(LogProbability::OfProbability);
    if !members.iter().all(Member::has_decision) {
        return composed(value, &members, probability, probabilities(classes, log));
    }
    let features = features(value, &members)?;
    let decision = bag(value, &members, |member| member.answering(Answer::Decision))?;
    let decision = vec![decision, combine(count, Rule::Mean)];
    let outputs = if classes.len() == 2 { 1 } else { classes.len() };
    let head = Classifier {
        classes,
        label: LabelRule::LargestProbability,
        probability: Some(Probability::AfterScores),
        log_probability: log,
        decision: Some(if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) }),
    };
    let both = vec![whole(features, decision), whole(features, probability)];
    composed(value, &members, vec![Step::Parallel(both)], head.head())
}

/// Lays the probabilities of a member that has not seen every class among those of all classes, which it knows by
/// their positions.
fn scattered(member: &Member<'_>, classes: usize) -> Result<Option<Step>> {
    let own = match member.classes()? {
        [own] if own.len() == classes => return Ok(None),
        [Labels::Int(own)] => own,
        _ => return Err(member.value.mismatch("positions of classes", "other labels")),
    };
    let mut coefficients = vec![0.0; own.len() * classes];
    for (column, &class) in own.iter().enumerate() {
        let class = usize::try_from(class).ok().filter(|&class| class < classes);
        let class =
            class.ok_or_else(|| member.value.mismatch(format_args!("{classes} classes"), "others"))?;
        coefficients[class * own.len() + column] = 1.0;
    }
    let linear = Linear { features: own.len(), coefficients, intercept: vec![0.0; classes] };
    Ok(Some(Step::Project(linear)))
}

/// `AdaBoostRegressor`: the weighted median of its members.
pub(super) fn ada_boost_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let weights = boosting_weights(value, members.len())?;
    let answers = side_by_side(value, &members, |member| member.answering(Answer::Value))?;
    let steps = vec![answers, combine(members.len(), Rule::WeightedMedian(weights))];
    composed(value, &members, steps, regressor(Shape::Vector))
}

/// The weights of the members; those of members that were never fitted are 0.
fn boosting_weights(value: &Value<'_>, members: usize) -> Result<Vec<f64>> {
    let weights = value.field("estimator_weights_")?;
    let mut all = weights.f64_vector(None)?;
    if all.len() < members || all[members..].iter().any(|weight| *weight != 0.0) {
        return Err(weights.mismatch(format_args!("{members} weights"), weights.describe()));
    }
    all.truncate(members);
    Ok(all)
}

/// `AdaBoostClassifier`: weighted votes (`SAMME`), or log-probabilities (`SAMME.R`, up to 1.5).
pub(super) fn ada_boost_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = Member::all(&value.field("estimators_")?, input)?;
    let classes = labels(&value.field("classes_")?)?;
    let (count, others) = (classes.len(), classes.len() as f64 - 1.0);
    if count < 2 {
        return Err(value.field("classes_")?.mismatch("at least 2 classes", count));
    }
    for member in &members {
        member.expect_classes(count)?;
    }
    let weights = boosting_weights(value, members.len())?;
    let total: f64 = weights.iter().sum();
    let real = match present(value, "algorithm")? {
        None => false,
        Some(algorithm) => match algorithm.text()? {
            "SAMME" | "deprecated" => false,
            "SAMME.R" => true,
            other => return Err(value.unsupported_option("algorithm", other, "`SAMME` or `SAMME.R`")),
        },
    };
    let mut steps = if real {
        let answers = side_by_side(value, &members, |member| {
            let mut steps = member.answering(Answer::Probability)?;
            steps.push(scale(vec![Arithmetic::Clip { low: f64::EPSILON, high: f64::INFINITY }]));
            steps.extend([Step::Elementwise(vec![Function::Log]), Step::Rowwise(Rowwise::Centre)]);
            steps.push(scale(vec![Arithmetic::Multiply(vec![others; count])]));
            Ok(steps)
        });
        vec![answers?, combine(members.len(), Rule::Sum)]
    } else {
        // Up to 1.2 a vote does not count against the other classes.
        let against = if Version::of(value)? < Version(1, 3) { 0.0 } else { -1.0 / others };
        let votes = Rule::Votes { classes: count, weights, against };
        vec![side_by_side(value, &members, |member| member.choosing())?, combine(members.len(), votes)]
    };
    steps.push(scale(vec![Arithmetic::Divide(vec![total; count])]));
    if count == 2 {
        let difference = Linear { features: 2, coefficients: vec![-1.0, 1.0], intercept: vec![0.0] };
        steps.push(Step::Project(difference));
    }
    let head = Classifier {
        classes,
        label: if count == 2 { LabelRule::Positive } else { LabelRule::LargestScore },
        probability: Some(if count == 2 {
            Probability::Sigmoid { scale: 1.0 }
        } else {
            Probability::Softmax
        }),
        log_probability: Some(LogProbability::OfProbability),
        decision: Some(if count == 2 { Shape::Vector } else { Shape::Matrix(count) }),
    };
    let mut head = head.head();
    if let Head::Classification(head) = &mut head
        && count > 2
    {
        head.rounds = others;
    }
    composed(value, &members, steps, head)
}
