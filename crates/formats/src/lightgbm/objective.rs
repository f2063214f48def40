//! Objectives: what raw scores mean (`ConvertOutput` in `src/objective` of the library).

use foretell_frame::{Labels, Shape};
use foretell_model::head::{ClassPredict, Classification, LabelRule, Link, Probability, Regression};
use foretell_model::{Head, Task};

use crate::{FormatError, Problem};

use super::text::Text;
use super::{error, unsupported};

/// Who answers: the same trees give other answers through another interface of the library.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Interface {
    /// `Booster.predict`, and so `LGBMRegressor.predict`.
    Booster,
    /// `LGBMRanker.predict`.
    Ranker,
    /// `LGBMClassifier.predict` and `predict_proba`, with its classes.
    Classifier(Labels),
}

/// An objective, as far as prediction depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Objective {
    /// None: the user's own, and predictions are raw scores.
    Custom,
    /// A value under a link.
    Regression(Link),
    /// `lambdarank`, `rank_xendcg`: a score to sort by.
    Ranking,
    /// `binary`: the sigmoid of the score times a factor.
    Binary { sigmoid: f64 },
    /// `multiclass`: softmax.
    Multiclass,
    /// `multiclassova`: the sigmoid of each score times a factor, not normalised.
    OneVersusAll { sigmoid: f64 },
}

impl Objective {
    /// The objective of a text, such as `binary sigmoid:1`.
    pub(super) fn of(text: &Text<'_>) -> Result<Self, FormatError> {
        let Some(line) = text.head.find("objective") else { return Ok(Self::Custom) };
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let settings = Settings::read(line, words, text.per_round)?;
        let one = |objective| match text.per_round {
            1 => Ok(objective),
            outputs => {
                let problem = Problem::Mismatch {
                    expected: format!("one tree in a round for the objective `{name}`"),
                    got: outputs.to_string(),
                };
                Err(text.head.wrong("num_tree_per_iteration", problem))
            }
        };
        match name {
            "custom" => Ok(Self::Custom),
            "regression" | "regression_l1" | "fair" | "quantile" | "mape" if settings.sqrt => {
                one(Self::Regression(Link::SignedSquare))
            }
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
                one(Self::Regression(Link::Identity))
            }
            "poisson" | "gamma" | "tweedie" => one(Self::Regression(Link::Exp)),
            "cross_entropy" => one(Self::Regression(Link::Sigmoid)),
            "cross_entropy_lambda" => one(Self::Regression(Link::Softplus)),
            "lambdarank" | "rank_xendcg" => one(Self::Ranking),
            "binary" => one(Self::Binary { sigmoid: settings.sigmoid }),
            "multiclass" => Ok(Self::Multiclass),
            "multiclassova" => Ok(Self::OneVersusAll { sigmoid: settings.sigmoid }),
            other => Err(unsupported("objective", other, "an objective of LightGBM 3.3 to 4")),
        }
    }

    /// What a model with this objective is for.
    pub(super) fn task(self, interface: &Interface) -> Task {
        match (self, interface) {
            (Self::Ranking, _) | (Self::Custom | Self::Regression(_), Interface::Ranker) => Task::Ranking,
            (Self::Binary { .. } | Self::Multiclass | Self::OneVersusAll { .. }, _) => Task::Classification,
            (Self::Regression(_), Interface::Classifier(_)) => Task::Classification,
            (Self::Custom, Interface::Classifier(_)) => Task::Regression,
            (Self::Custom | Self::Regression(_), Interface::Booster) => Task::Regression,
        }
    }

    /// What the raw scores of a text mean to users; `rounds` is what they are divided by.
    pub(super) fn head(
        self,
        text: &Text<'_>,
        interface: &Interface,
        rounds: usize,
    ) -> Result<Head, FormatError> {
        let outputs = text.per_round;
        let shape = if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) };
        let rounds = rounds as f64;
        let regression = |link| {
            let shape = shape.clone();
            Ok(Head::Regression(Regression { shape, link, margin: true, rounds }))
        };
        let probability = match (self, interface) {
            // A classifier with an objective of the user's own answers with raw scores and says so in a warning.
            (Self::Custom, _) => return regression(Link::Identity),
            (Self::Binary { sigmoid }, _) => Probability::Sigmoid { scale: sigmoid },
            (Self::Multiclass, _) => Probability::Softmax,
            (Self::OneVersusAll { sigmoid }, _) => Probability::SigmoidEach { scale: sigmoid },
            // A classifier takes what another objective predicts for the probability of the second class.
            (Self::Regression(Link::Sigmoid), Interface::Classifier(_)) => {
                Probability::Sigmoid { scale: 1.0 }
            }
            (Self::Regression(Link::Identity), Interface::Classifier(_)) => Probability::SecondScore,
            (Self::Regression(_) | Self::Ranking, Interface::Classifier(_)) => {
                let objective = text.head.find("objective").unwrap_or_default();
                return Err(unsupported("objective", objective, "an objective for classes in a classifier"));
            }
            (Self::Regression(link), Interface::Booster | Interface::Ranker) => return regression(link),
            (Self::Ranking, Interface::Booster | Interface::Ranker) => return regression(Link::Identity),
        };
        let count = outputs.max(2);
        let (classes, predict) = match interface {
            Interface::Booster | Interface::Ranker => (Labels::range(count), ClassPredict::Probability),
            Interface::Classifier(classes) if classes.len() == count => {
                (classes.clone(), ClassPredict::Label)
            }
            Interface::Classifier(classes) => {
                let expected = format!("{count} classes, as the booster has");
                let problem = Problem::Mismatch { expected, got: classes.len().to_string() };
                return Err(error(problem).at("._classes"));
            }
        };
        Ok(Head::Classification(Classification {
            classes: vec![classes],
            multi_target: false,
            label: LabelRule::LargestProbability,
            probability: Some(probability),
            log_probability: None,
            decision: None,
            margin: Some(shape),
            predict,
            rounds,
        }))
    }
}

/// What follows the name of an objective.
struct Settings {
    sigmoid: f64,
    sqrt: bool,
}

impl Settings {
    fn read<'t>(
        line: &str,
        words: impl Iterator<Item = &'t str>,
        outputs: usize,
    ) -> Result<Self, FormatError> {
        let mut settings = Self { sigmoid: 1.0, sqrt: false };
        for word in words {
            let known = match word.split_once(':') {
                None if word == "sqrt" => {
                    settings.sqrt = true;
                    true
                }
                Some(("sigmoid", factor)) => {
                    settings.sigmoid = factor.parse().unwrap_or(f64::NAN);
                    settings.sigmoid.is_finite() && settings.sigmoid > 0.0
                }
                Some(("num_class", count)) => count.parse() == Ok(outputs),
                Some(_) | None => false,
            };
            if !known {
                let supported =
                    "settings `sqrt`, `sigmoid` above 0 and `num_class` as in the head of the file";
                return Err(unsupported("objective", line, supported));
            }
        }
        Ok(settings)
    }
}
