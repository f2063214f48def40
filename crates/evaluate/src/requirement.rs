//! Requirements on metrics, such as `accuracy >= 0.9` and `rmse <= production * 1.02`.

use std::fmt;
use std::str::FromStr;

use crate::Metric;

/// A requirement on one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    /// The metric.
    pub metric: Metric,
    /// How it has to compare.
    pub comparison: Comparison,
    /// What with: `number`, or a reference changed by it.
    pub reference: Option<(Reference, Change)>,
    number: f64,
}

/// How a metric compares with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// Another value of the same metric on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Of the version in production.
    Production,
    /// Of a model that knows nothing of a row.
    Baseline,
}

/// What is done with a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A number is added.
    Plus,
    /// A number is taken away.
    Minus,
    /// It is multiplied by a number.
    Times,
}

/// Why a text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// It has another form.
    #[error("expected `METRIC OP VALUE` such as `accuracy >= 0.9` or `rmse <= production * 1.02`, got `{0}`")]
    Form(String),
    /// No metric has this name.
    #[error("unknown metric `{name}`{}", nearest.map_or_else(String::new, |near| format!(", did you mean `{near}`?")))]
    Metric {
        /// The name.
        name: String,
        /// The nearest one.
        nearest: Option<&'static str>,
    },
    /// The right side is none.
    #[error(
        "expected a number, or `production` or `baseline` changed by one as in `production - 0.01`, got `{0}`"
    )]
    Value(String),
}

/// How a requirement compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The requirement.
    pub requirement: Requirement,
    /// The metric's value; `None` where it is not defined.
    pub value: Option<f64>,
    /// What it was compared with; `None` where the reference is not there.
    pub bound: Option<f64>,
    /// Whether the requirement is met.
    pub met: bool,
}

impl Requirement {
    /// Compares: `value` gives a metric of the model, `reference` of something else, on the same rows. A requirement
    /// on the version in production is met when `reference` has none: there is nothing to be worse than.
    pub fn check(
        &self,
        value: impl Fn(Metric) -> Option<f64>,
        reference: impl Fn(Reference, Metric) -> Option<f64>,
    ) -> Outcome {
        let value = value(self.metric);
        let bound = match self.reference {
            None => Some(self.number),
            Some((of, change)) => reference(of, self.metric).map(|bound| match change {
                Change::Plus => bound + self.number,
                Change::Minus => bound - self.number,
                Change::Times => bound * self.number,
            }),
        };
        let first = bound.is_none() && matches!(self.reference, Some((Reference::Production, _)));
        let holds = |value: f64, bound: f64| match self.comparison {
            Comparison::Above => value > bound,
            Comparison::AtLeast => value >= bound,
            Comparison::Below => value < bound,
            Comparison::AtMost => value <= bound,
        };
        let met = value.is_some_and(|value| first || bound.is_some_and(|bound| holds(value, bound)));
        Outcome { requirement: *self, value, bound, met }
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || RequirementError::Form(text.to_owned());
        let start = text.find(['<', '>']).ok_or_else(form)?;
        let (name, rest) = (text[..start].trim(), &text[start + 1..]);
        let (or_equal, value) = rest.strip_prefix('=').map_or((false, rest), |rest| (true, rest));
        let comparison = match (text.as_bytes()[start], or_equal) {
            (b'>', false) => Comparison::Above,
            (b'>', true) => Comparison::AtLeast,
            (_, false) => Comparison::Below,
            (_, true) => Comparison::AtMost,
        };
        if name.is_empty() || value.trim().is_empty() {
            return Err(form());
        }
        let metric = Metric::parse(name).ok_or_else(|| RequirementError::Metric {
            name: name.to_owned(),
            nearest: Metric::nearest(name),
        })?;
        let (reference, number) =
            right_side(value.trim()).ok_or_else(|| RequirementError::Value(value.trim().to_owned()))?;
        Ok(Self { metric, comparison, reference, number })
    }
}

fn right_side(text: &str) -> Option<(Option<(Reference, Change)>, f64)> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    for (word, reference) in [("production", Reference::Production), ("baseline", Reference::Baseline)] {
        let Some(rest) = text.strip_prefix(word) else { continue };
        let rest = rest.trim();
        let change = match rest.bytes().next() {
            None => return Some((Some((reference, Change::Plus)), 0.0)),
            Some(b'+') => Change::Plus,
            Some(b'-') => Change::Minus,
            Some(b'*') => Change::Times,
            Some(_) => return None,
        };
        return Some((Some((reference, change)), number(&rest[1..])?));
    }
    Some((None, number(text)?))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.comparison {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        };
        write!(f, "{} {operator} ", self.metric.name())?;
        let Some((reference, change)) = self.reference else { return write!(f, "{}", self.number) };
        f.write_str(match reference {
            Reference::Production => "production",
            Reference::Baseline => "baseline",
        })?;
        match change {
            Change::Plus if self.number == 0.0 => Ok(()),
            Change::Plus => write!(f, " + {}", self.number),
            Change::Minus => write!(f, " - {}", self.number),
            Change::Times => write!(f, " * {}", self.number),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.requirement)?;
        match (self.value, self.bound) {
            (None, _) => f.write_str("the metric is not defined on these rows"),
            (Some(value), Some(bound)) if self.requirement.reference.is_some() => {
                write!(f, "got {value:.6}, the bound is {bound:.6}")
            }
            (Some(value), Some(_)) => write!(f, "got {value:.6}"),
            (Some(value), None) => write!(f, "got {value:.6}, and there is nothing to compare with"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(text: &str, value: f64, production: Option<f64>) -> bool {
        let requirement: Requirement = text.parse().unwrap();
        requirement.check(|_| Some(value), |_, _| production).met
    }

    #[test]
    fn requirements_compare_with_numbers_and_with_production() {
        assert!(met("accuracy>0.9", 0.91, None));
        assert!(!met("accuracy > 0.9", 0.9, None));
        assert!(met("accuracy >= 0.9", 0.9, None));
        assert!(met("rmse < 5", 4.9, None) && !met("rmse<=5", 5.1, None));
        assert!(met("accuracy >= production - 0.01", 0.895, Some(0.9)));
        assert!(!met("accuracy >= production - 0.01", 0.88, Some(0.9)));
        assert!(met("rmse <= production * 1.5", 1.4, Some(1.0)));
        // Nothing is in production yet; a baseline has to be there.
        assert!(met("accuracy >= production", 0.1, None));
        assert!(!met("accuracy >= baseline + 0.1", 0.1, None));
    }

    #[test]
    fn what_is_not_defined_is_not_met() {
        let requirement: Requirement = "roc_auc > 0".parse().unwrap();
        let outcome = requirement.check(|_| None, |_, _| None);
        assert!(!outcome.met);
        assert_eq!(outcome.to_string(), "`roc_auc > 0`: the metric is not defined on these rows");
    }

    #[test]
    fn requirements_are_written_as_they_are_read() {
        for text in
            ["accuracy > 0.9", "rmse <= production * 1.02", "f1_macro >= baseline", "mae < baseline - 2"]
        {
            assert_eq!(text.parse::<Requirement>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_requirement_is_refused_with_advice() {
        let error = |text: &str| text.parse::<Requirement>().unwrap_err().to_string();
        assert_eq!(error("acuracy > 0.9"), "unknown metric `acuracy`, did you mean `accuracy`?");
        assert!(error("accuracy").starts_with("expected `METRIC OP VALUE`"));
        assert!(error("accuracy > high").starts_with("expected a number"));
        assert!(error("accuracy > production / 2").starts_with("expected a number"));
        assert!(error("accuracy > NaN").starts_with("expected a number"));
    }
}
