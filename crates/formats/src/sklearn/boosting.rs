//! Gradient boosting: stages of regression trees on top of a first guess.

use foretell_frame::Shape;
use foretell_model::estimator::{Average, Term, TermScores, Trees};
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::Function;
use foretell_model::{Estimator, Fitted, Head, Pipeline, Step};

use super::classes::{Classifier, labels, regressor};
use super::trees::{LeafValues, append, no_trees};
use super::{Input, Lowered, Result, Version, count, lower, present};
use crate::pickle::Value;

/// `GradientBoostingClassifier`.
pub(super) fn classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let loss = Loss::read(value)?;
    let outputs = if loss.multiclass() { classes.len() } else { 1 };
    let trees = stages(value, outputs)?;
    let estimator = with_start(value, trees, loss.start(value)?, input)?;
    let head = Classifier {
        label: loss.label(),
        probability: Some(loss.probability()),
        log_probability: Some(LogProbability::OfProbability),
        decision: Some(if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) }),
        classes,
    };
    Ok(Lowered::estimator(count(&value.field("n_features_in_")?)?, estimator, head.head()))
}

/// `GradientBoostingRegressor`; every loss predicts the sum itself.
pub(super) fn regression(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let trees = stages(value, 1)?;
    let estimator = with_start(value, trees, TermScores::Predict, input)?;
    Ok(Lowered::estimator(count(&value.field("n_features_in_")?)?, estimator, regressor(Shape::Vector)))
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
    fn start(&self, value: &Value<'_>) -> Result<TermScores> {
        let single = f64::from(f32::EPSILON);
        let epsilon = if Version::of(value)? < Version(1, 8) { single } else { f64::EPSILON };
        Ok(match self {
            Self::Binomial | Self::OldBinomial => TermScores::LogOdds { factor: 1.0, epsilon },
            Self::Exponential => TermScores::LogOdds { factor: 0.5, epsilon },
            Self::Multinomial => TermScores::LogProbability { epsilon, centred: true },
            Self::OldMultinomial => TermScores::LogProbability { epsilon, centred: false },
        })
    }
}

/// The trees of all stages, `outputs` in each, their values multiplied by the learning rate.
fn stages(value: &Value<'_>, outputs: usize) -> Result<Trees> {
    let features = count(&value.field("n_features_in_")?)?;
    let leaf_values =
        LeafValues { widths: vec![1], normalize: false, factor: value.field("learning_rate")?.float()? };
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

/// Puts the first guess before the trees: a constant in their base, another estimator as the first term of a sum.
fn with_start(value: &Value<'_>, mut trees: Trees, scores: TermScores, input: Input) -> Result<Estimator> {
    let init = value.field("init_")?;
    if init.is_text() {
        return match init.text()? {
            "zero" => Ok(Estimator::Trees(trees)),
            other => Err(value.unsupported_option("init_", other, "`zero` or an estimator")),
        };
    }
    // The first guess is made from the float32 copy of the input that the trees see.
    let lowered = lower(&init, Input { single: true, ..input })?;
    if lowered.features.is_some_and(|features| features != trees.features) {
        return Err(init
            .mismatch(format_args!("{} features", trees.features), format_args!("{:?}", lowered.features)));
    }
    if let Some(base) = constant(&lowered.pipeline, scores) {
        if base.len() != trees.outputs {
            return Err(init.mismatch(format_args!("{} scores", trees.outputs), base.len()));
        }
        trees.base = base;
        return Ok(Estimator::Trees(trees));
    }
    let mut start = lowered.pipeline;
    start.steps.insert(0, Step::Elementwise(vec![Function::Float32]));
    let shape = if trees.outputs == 1 { Shape::Vector } else { Shape::Matrix(trees.outputs) };
    let fitted = Fitted { estimator: Estimator::Trees(trees), head: regressor(shape) };
    let rest = Pipeline { estimator: Some(fitted), ..Pipeline::default() };
    Ok(Estimator::Sum(vec![
        Term { pipeline: start, scores },
        Term { pipeline: rest, scores: TermScores::Raw },
    ]))
}

/// The raw scores of a first guess that is the same for every row.
fn constant(start: &Pipeline, scores: TermScores) -> Option<Vec<f64>> {
    let Some(Fitted { estimator: Estimator::Constant(answer), head }) = &start.estimator else { return None };
    let clip = |p: f64, epsilon: f64| p.clamp(epsilon, 1.0 - epsilon);
    match (head, scores) {
        (_, TermScores::Raw) | (Head::Regression(_), TermScores::Predict) => Some(answer.clone()),
        (Head::Classification(_), TermScores::LogOdds { factor, epsilon }) => {
            let p = clip(*answer.get(1)?, epsilon);
            Some(vec![factor * (p / (1.0 - p)).ln()])
        }
        (Head::Classification(_), TermScores::LogProbability { epsilon, centred: false }) => {
            Some(answer.iter().map(|&p| clip(p, epsilon).ln()).collect())
        }
        (Head::Classification(_), TermScores::LogProbability { epsilon, centred: true }) => {
            let clipped: Vec<f64> = answer.iter().map(|&p| clip(p, epsilon)).collect();
            let geometric_mean = (clipped.iter().map(|p| p.ln()).sum::<f64>() / clipped.len() as f64).exp();
            Some(clipped.iter().map(|p| (p / geometric_mean).ln()).collect())
        }
        (Head::Classification(_), TermScores::Predict)
        | (Head::Regression(_), TermScores::LogOdds { .. } | TermScores::LogProbability { .. }) => None,
    }
}
