//! Gradient boosting: stages of regression trees on top of a first guess.

use foretell_frame::Shape;
use foretell_model::estimator::{Average, Trees};
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::{Answer, Arithmetic, Branch, Combine, Function, Predict, Rowwise, Rule, Scale};
use foretell_model::{Estimator, Fitted, Head, Pipeline, Step};

use super::classes::{Classifier, labels, regressor};
use super::trees::{LeafValues, append, no_trees};
use super::{Input, Lowered, Result, Version, features, lower, present};
use crate::pickle::Value;

/// `GradientBoostingClassifier`.
pub(super) fn classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let loss = Loss::read(value)?;
    let outputs = if loss.multiclass() { classes.len() } else { 1 };
    let trees = stages(value, outputs)?;
    let head = Classifier {
        label: loss.label(),
        probability: Some(loss.probability()),
        log_probability: Some(LogProbability::OfProbability),
        decision: Some(if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) }),
        classes,
    };
    boosted(value, trees, loss.guess(value)?, head.head(), input)
}

/// `GradientBoostingRegressor`; every loss predicts the sum itself.
pub(super) fn regression(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let trees = stages(value, 1)?;
    boosted(value, trees, FirstGuess::Value, regressor(Shape::Vector), input)
}

/// The loss of a classifier. Up to 1.3 the old losses compute labels from probabilities, from 1.4 from raw scores.
enum Loss {
    Binomial,
    OldBinomial,
    Exponential,
    Multinomial,
    OldMultinomial,
}

impl Loss {
    fn read(value: &Value<'_>) -> Result<Self> {
        // `loss_` up to 1.0.
        let loss = match present(value, "_loss")? {
            Some(loss) => loss,
            None => value.field("loss_")?,
        };
        match loss.class().map(|class| class.key()) {
            Some(("sklearn", "HalfBinomialLoss")) => Ok(Self::Binomial),
            Some(("sklearn", "BinomialDeviance")) => Ok(Self::OldBinomial),
            Some(("sklearn", "ExponentialLoss")) => Ok(Self::Exponential),
            Some(("sklearn", "HalfMultinomialLoss")) => Ok(Self::Multinomial),
            Some(("sklearn", "MultinomialDeviance")) => Ok(Self::OldMultinomial),
            _ => Err(value.unsupported_option(
                "loss",
                loss.describe(),
                "`log_loss`, `deviance` or `exponential`",
            )),
        }
    }

    fn multiclass(&self) -> bool {
        matches!(self, Self::Multinomial | Self::OldMultinomial)
    }

    fn label(&self) -> LabelRule {
        match self {
            Self::Binomial | Self::Exponential => LabelRule::NotNegative,
            Self::Multinomial => LabelRule::LargestScore,
            Self::OldBinomial | Self::OldMultinomial => LabelRule::LargestProbability,
        }
    }

    fn probability(&self) -> Probability {
        match self {
            Self::Binomial | Self::OldBinomial => Probability::Sigmoid { scale: 1.0 },
            Self::Exponential => Probability::Sigmoid { scale: 2.0 },
            Self::Multinomial => Probability::Softmax,
            Self::OldMultinomial => Probability::ExpNormalized,
        }
    }

    /// How the probabilities of the first guess become raw scores.
    fn guess(&self, value: &Value<'_>) -> Result<FirstGuess> {
        let single = f64::from(f32::EPSILON);
        let epsilon = if Version::of(value)? < Version(1, 8) { single } else { f64::EPSILON };
        Ok(match self {
            Self::Binomial | Self::OldBinomial => FirstGuess::LogOdds { factor: 1.0, epsilon },
            Self::Exponential => FirstGuess::LogOdds { factor: 0.5, epsilon },
            Self::Multinomial => FirstGuess::LogProbability { epsilon, centred: true },
            Self::OldMultinomial => FirstGuess::LogProbability { epsilon, centred: false },
        })
    }
}

/// The trees of all stages, `outputs` in each, their values multiplied by the learning rate.
fn stages(value: &Value<'_>, outputs: usize) -> Result<Trees> {
    let features = features(value, &["n_features_", "n_features"])?;
    let factor = value.field("learning_rate")?.float()?;
    let leaf_values = LeafValues::Stored { widths: vec![1], normalize: false, factor };
    let mut trees = no_trees(features, outputs);
    trees.average = Average::SumFromBase;
    let members = value.field("estimators_")?;
    members.array()?.expect_shape(&[None, Some(outputs)])?;
    for (position, member) in members.items()?.iter().enumerate() {
        append(&mut trees, &member.field("tree_")?, &leaf_values)?;
        trees.output_of_tree.push((position % outputs) as u32);
    }
    Ok(trees)
}

/// The trees on top of the first guess: a constant in their base, another estimator as the first member of a sum.
fn boosted(
    value: &Value<'_>,
    mut trees: Trees,
    guess: FirstGuess,
    head: Head,
    input: Input,
) -> Result<Lowered> {
    let features = trees.features;
    let init = value.field("init_")?;
    if init.is_text() {
        return match init.text()? {
            "zero" => Ok(Lowered::estimator(features, Estimator::Trees(trees), head)),
            other => Err(value.unsupported_option("init_", other, "`zero` or an estimator")),
        };
    }
    if let Some(base) = old_guess(&init, trees.outputs)? {
        trees.base = base;
        return Ok(Lowered::estimator(features, Estimator::Trees(trees), head));
    }
    // The first guess is made from the float32 copy of the input that the trees see.
    let lowered = lower(&init, Input { single: true, ..input })?;
    if lowered.features.is_some_and(|of_guess| of_guess != features) {
        return Err(
            init.mismatch(format_args!("{features} features"), format_args!("{:?}", lowered.features))
        );
    }
    if let Some(base) = guess.constant(&lowered.pipeline) {
        if base.len() != trees.outputs {
            return Err(init.mismatch(format_args!("{} scores", trees.outputs), base.len()));
        }
        trees.base = base;
        return Ok(Lowered::estimator(features, Estimator::Trees(trees), head));
    }
    let mut first = vec![Step::Elementwise(vec![Function::Float32])];
    first.extend(lowered.answering(&init, guess.answer())?);
    first.extend(guess.steps(trees.outputs));
    let shape = if trees.outputs == 1 { Shape::Vector } else { Shape::Matrix(trees.outputs) };
    let rest = Fitted { estimator: Estimator::Trees(trees), head: regressor(shape) };
    let rest = vec![Step::Predict(Box::new(Predict { fitted: rest, answer: Answer::Value }))];
    let branch = |steps| Branch { columns: (0..features).collect(), steps, weight: None };
    let sum = Step::Combine(Combine { members: 2, rule: Rule::Sum });
    let mut whole = Lowered::estimator(features, Estimator::Columns, head);
    whole.pipeline.steps = vec![Step::Parallel(vec![branch(first), branch(rest)]), sum];
    Ok(whole)
}

/// The raw scores of a first guess of scikit-learn before 0.21, which had classes of its own for them; `None` for other estimators.
fn old_guess(init: &Value<'_>, outputs: usize) -> Result<Option<Vec<f64>>> {
    let attribute = match init.class().map(|class| class.key()) {
        Some(("sklearn", "MeanEstimator")) => "mean",
        Some(("sklearn", "QuantileEstimator")) => "quantile",
        Some(("sklearn", "LogOddsEstimator" | "ScaledLogOddsEstimator")) => "prior",
        Some(("sklearn", "PriorProbabilityEstimator")) => {
            return init.field("priors")?.f64_vector(outputs).map(Some);
        }
        Some(("sklearn", "ZeroEstimator")) => return Ok(Some(vec![0.0; outputs])),
        _ => return Ok(None),
    };
    let guess = init.field(attribute)?;
    if outputs != 1 {
        return Err(guess.mismatch(format_args!("{outputs} scores"), 1));
    }
    guess.float().map(|guess| Some(vec![guess]))
}

/// How the answer of the first guess becomes raw scores.
#[derive(Clone, Copy)]
enum FirstGuess {
    /// The value of a regression, as it is.
    Value,
    /// `factor * ln(p / (1 - p))` of the probability of the second class, clipped to `epsilon..1 - epsilon`.
    LogOdds { factor: f64, epsilon: f64 },
    /// `ln(p)` of each class's probability, clipped the same, minus the mean over the classes where `centred`.
    LogProbability { epsilon: f64, centred: bool },
}

impl FirstGuess {
    fn answer(self) -> Answer {
        match self {
            Self::Value => Answer::Value,
            Self::LogOdds { .. } | Self::LogProbability { .. } => Answer::Probability,
        }
    }

    /// What follows the answer.
    fn steps(self, outputs: usize) -> Vec<Step> {
        let scale = |operation| Step::Scale(Scale { operations: vec![operation], ..Scale::default() });
        let clip = |epsilon| scale(Arithmetic::Clip { low: epsilon, high: 1.0 - epsilon });
        match self {
            Self::Value => Vec::new(),
            Self::LogOdds { factor, epsilon } => vec![
                Step::Select(vec![1]),
                clip(epsilon),
                Step::Elementwise(vec![Function::Logit]),
                scale(Arithmetic::Multiply(vec![factor; outputs])),
            ],
            Self::LogProbability { epsilon, centred } => {
                let mut steps = vec![clip(epsilon), Step::Elementwise(vec![Function::Log])];
                steps.extend(centred.then_some(Step::Rowwise(Rowwise::Centre)));
                steps
            }
        }
    }

    /// The raw scores of a guess that is the same for every row.
    fn constant(self, guess: &Pipeline) -> Option<Vec<f64>> {
        let Some(Fitted { estimator: Estimator::Constant(answer), head }) = &guess.estimator else {
            return None;
        };
        let clip = |p: f64, epsilon: f64| p.clamp(epsilon, 1.0 - epsilon);
        match (head, self) {
            (Head::Regression(_), Self::Value) => Some(answer.clone()),
            (Head::Classification(_), Self::LogOdds { factor, epsilon }) => {
                let p = clip(*answer.get(1)?, epsilon);
                Some(vec![factor * (p / (1.0 - p)).ln()])
            }
            (Head::Classification(_), Self::LogProbability { epsilon, centred: false }) => {
                Some(answer.iter().map(|&p| clip(p, epsilon).ln()).collect())
            }
            (Head::Classification(_), Self::LogProbability { epsilon, centred: true }) => {
                let clipped: Vec<f64> = answer.iter().map(|&p| clip(p, epsilon)).collect();
                let geometric_mean =
                    (clipped.iter().map(|p| p.ln()).sum::<f64>() / clipped.len() as f64).exp();
                Some(clipped.iter().map(|p| (p / geometric_mean).ln()).collect())
            }
            (Head::Classification(_), Self::Value)
            | (Head::Regression(_) | Head::Pairwise(_) | Head::Outlier(_) | Head::Mixture(_), _) => None,
        }
    }
}
