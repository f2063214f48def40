//! What a score costs, and how steeply.

use crate::parameter::choices;

/// A loss of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassLoss {
    /// That of support vector machines: `max(0, 1 - z)` of the margin `z`.
    Hinge,
    /// The square of it.
    SquaredHinge,
    /// That of logistic regression.
    Log,
    /// The square of the hinge, and straight below a margin of -1.
    ModifiedHuber,
    /// That of the perceptron: `max(0, -z)`.
    Perceptron,
    /// A loss of the numbers -1 and 1.
    Of(ValueLoss),
}

/// A loss of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueLoss {
    /// Half of the square of the error.
    SquaredError,
    /// The same, and straight beyond `epsilon`.
    Huber,
    /// The magnitude of the error beyond `epsilon`.
    EpsilonInsensitive,
    /// The square of it.
    SquaredEpsilonInsensitive,
}

choices!(ClassLoss {
    "hinge" => Self::Hinge,
    "squared_hinge" => Self::SquaredHinge,
    "log_loss" => Self::Log,
    "modified_huber" => Self::ModifiedHuber,
    "perceptron" => Self::Perceptron,
    "squared_error" => Self::Of(ValueLoss::SquaredError),
    "huber" => Self::Of(ValueLoss::Huber),
    "epsilon_insensitive" => Self::Of(ValueLoss::EpsilonInsensitive),
    "squared_epsilon_insensitive" => Self::Of(ValueLoss::SquaredEpsilonInsensitive),
});

choices!(ValueLoss {
    "squared_error" => Self::SquaredError,
    "huber" => Self::Huber,
    "epsilon_insensitive" => Self::EpsilonInsensitive,
    "squared_epsilon_insensitive" => Self::SquaredEpsilonInsensitive,
});

impl ClassLoss {
    /// The loss of a score for the side `y`, -1 or 1, and its slope.
    pub(super) fn of(self, y: f64, score: f64, epsilon: f64) -> (f64, f64) {
        let z = y * score;
        match self {
            Self::Hinge => ((1.0 - z).max(0.0), if z <= 1.0 { -y } else { 0.0 }),
            Self::SquaredHinge => {
                let short = (1.0 - z).max(0.0);
                (short * short, -2.0 * y * short)
            }
            Self::Log => {
                let small = (-z.abs()).exp();
                let wrong = if z >= 0.0 { small } else { 1.0 } / (1.0 + small);
                ((-z).max(0.0) + small.ln_1p(), -y * wrong)
            }
            Self::ModifiedHuber if z < -1.0 => (-4.0 * z, -4.0 * y),
            Self::ModifiedHuber => Self::SquaredHinge.of(y, score, epsilon),
            Self::Perceptron => ((-z).max(0.0), if z <= 0.0 { -y } else { 0.0 }),
            Self::Of(loss) => loss.of(y, score, epsilon),
        }
    }
}

impl ValueLoss {
    /// The loss of a score where `y` is known, and its slope.
    pub(super) fn of(self, y: f64, score: f64, epsilon: f64) -> (f64, f64) {
        let error = score - y;
        let beyond = (error.abs() - epsilon).max(0.0);
        match self {
            Self::SquaredError => (0.5 * error * error, error),
            Self::Huber if beyond > 0.0 => {
                (epsilon * (error.abs() - 0.5 * epsilon), epsilon * error.signum())
            }
            Self::Huber => (0.5 * error * error, error),
            Self::EpsilonInsensitive => (beyond, if beyond > 0.0 { error.signum() } else { 0.0 }),
            Self::SquaredEpsilonInsensitive => (beyond * beyond, 2.0 * beyond * error.signum()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_losses() {
        let values = [
            ValueLoss::SquaredError,
            ValueLoss::Huber,
            ValueLoss::EpsilonInsensitive,
            ValueLoss::SquaredEpsilonInsensitive,
        ];
        let classes = [
            ClassLoss::Hinge,
            ClassLoss::SquaredHinge,
            ClassLoss::Log,
            ClassLoss::ModifiedHuber,
            ClassLoss::Perceptron,
        ];
        for loss in values.map(ClassLoss::Of).into_iter().chain(classes) {
            for y in [-1.0, 1.0] {
                for score in [-2.3, -0.9, -0.25, 0.35, 0.9, 1.7] {
                    let at = |score| loss.of(y, score, 0.2).0;
                    let slope = (at(score + 1e-6) - at(score - 1e-6)) / 2e-6;
                    let got = loss.of(y, score, 0.2).1;
                    assert!((got - slope).abs() < 1e-5, "{loss:?} of {score} for {y}: {got} {slope}");
                }
            }
        }
    }
}
