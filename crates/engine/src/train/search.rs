//! Which estimator, and with which parameters: candidates are compared by cross-validation.

use foretell_evaluate::{Evaluator, Metric, Random};
use foretell_train::FitError;
use foretell_train::estimator::{Kind, Learner};

use super::{TrainError, Value, Workshop};

/// Folds that candidates are compared by, unless another number is told.
pub const COMPARED_BY: usize = 3;
/// What is tried where nobody tells the estimator: one that is simple, and two that usually are the best.
const SENSIBLE: [&str; 4] = ["logistic", "ridge", "random-forest", "gradient-boosting"];
/// Rows that no candidate is compared on fewer of.
const LEAST_ROWS: usize = 200;
/// Most candidates of a grid.
const MOST_CANDIDATES: usize = 10_000;
/// The stream of random numbers that candidates are drawn from, and that of the rows.
const STREAMS: [u64; 2] = [0x5ea_5c4, 0x4a1_f17];

/// Parameters that are to be found.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// For each parameter what it may be.
    pub parameters: Vec<(String, Choice)>,
    /// How many sets of them are drawn; without it all are tried, and none of them may be a range.
    pub candidates: Option<usize>,
    /// Candidates are first compared on few rows; of those that remain one in so many goes on to so many times the rows.
    pub halving: Option<usize>,
    /// Folds that they are compared by.
    pub folds: usize,
    /// What they are compared by: the log loss (accuracy, where there are no probabilities), or the root of the mean
    /// squared error, where it is not told.
    pub metric: Option<Metric>,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// One of these.
    Values(Vec<Value>),
    /// Any number between two.
    Range {
        /// The least.
        low: f64,
        /// The largest.
        high: f64,
        /// Whether its logarithm is drawn evenly.
        log: bool,
        /// Whether it is a whole number.
        whole: bool,
    },
}

impl Choice {
    fn draw(&self, random: &mut Random) -> Value {
        match self {
            Self::Values(values) => values[random.below(values.len())].clone(),
            Self::Range { low, high, log, whole } => {
                let share = (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
                // The ends of a range of whole numbers are as likely as those between.
                let (low, high) = if *whole { (low - 0.5, high + 0.5) } else { (*low, *high) };
                let x = if *log {
                    (low.ln() + share * (high.ln() - low.ln())).exp()
                } else {
                    low + share * (high - low)
                };
                if *whole { Value::Int(x.round() as i64) } else { Value::Float(x) }
            }
        }
    }
}

impl Search {
    /// The sets of parameters that are tried.
    ///
    /// # Errors
    /// What is wrong with the choices.
    fn sets(&self, seed: u64) -> Result<Vec<Vec<(String, Value)>>, TrainError> {
        let wrong = |message: String| Err(TrainError::Search { message });
        for (name, choice) in &self.parameters {
            match choice {
                Choice::Values(values) if values.is_empty() => {
                    return wrong(format!("`{name}`: expected values to choose from, got none"));
                }
                Choice::Range { low, high, log, .. }
                    if !(low.is_finite() && high.is_finite()) || low >= high || *log && *low <= 0.0 =>
                {
                    return wrong(format!("`{name}`: expected `low` below `high`, and above 0 with `log`"));
                }
                Choice::Range { .. } if self.candidates.is_none() => {
                    return wrong(format!("`{name}` is a range: tell how many candidates are drawn"));
                }
                Choice::Values(_) | Choice::Range { .. } => {}
            }
        }
        let Some(wanted) = self.candidates else { return self.grid() };
        let mut random = Random::new(seed, STREAMS[0]);
        let mut sets: Vec<Vec<(String, Value)>> = Vec::new();
        // What was drawn before is drawn again, so that a small set of choices ends.
        for _ in 0..wanted.saturating_mul(10) {
            let draw = |(name, choice): &(String, Choice)| (name.clone(), choice.draw(&mut random));
            let set = self.parameters.iter().map(draw).collect();
            if !sets.contains(&set) {
                sets.push(set);
            }
            if sets.len() == wanted {
                break;
            }
        }
        Ok(sets)
    }

    fn grid(&self) -> Result<Vec<Vec<(String, Value)>>, TrainError> {
        let mut sets = vec![Vec::new()];
        for (name, choice) in &self.parameters {
            let Choice::Values(values) = choice else { continue };
            let with = |set: &Vec<(String, Value)>, value: &Value| {
                set.iter().cloned().chain([(name.clone(), value.clone())]).collect()
            };
            sets = sets.iter().flat_map(|set| values.iter().map(move |value| with(set, value))).collect();
            if sets.len() > MOST_CANDIDATES {
                let message =
                    format!("expected at most {MOST_CANDIDATES} candidates; draw some of them instead");
                return Err(TrainError::Search { message });
            }
        }
        Ok(sets)
    }
}

/// An estimator that was tried, and how it did.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Which.
    pub kind: Kind,
    /// Those of its parameters that were looked for.
    pub parameters: Vec<(String, Value)>,
    /// On how many rows.
    pub rows: usize,
    /// The metric by cross-validation; or why it cannot be told.
    pub outcome: Result<f64, String>,
}

/// What was tried, the best first, and by what it was compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// By what.
    pub metric: Metric,
    /// What was tried.
    pub tried: Vec<Tried>,
}

/// What is to be compared.
struct Candidate {
    kind: Kind,
    learner: Learner,
    parameters: Vec<(String, Value)>,
}

impl Workshop<'_> {
    /// The estimator for some rows, and what it was chosen from where nobody told all of it.
    pub(super) fn choose(&self, rows: &[usize]) -> Result<(Kind, Learner, Option<Comparison>), TrainError> {
        let Some(kind) = self.options.kind else { return self.choose_kind(rows) };
        let Some(search) = &self.options.search else { return Ok((kind, self.learner(kind, &[])?, None)) };
        let candidate = |parameters: Vec<(String, Value)>| {
            Ok(Candidate { kind, learner: self.learner(kind, &parameters)?, parameters })
        };
        let sets = search.sets(self.options.seed)?;
        let candidates = sets.into_iter().map(candidate).collect::<Result<Vec<_>, TrainError>>()?;
        self.compare(candidates, rows, search.folds, search.halving, search.metric)
    }

    fn choose_kind(&self, rows: &[usize]) -> Result<(Kind, Learner, Option<Comparison>), TrainError> {
        if self.options.search.is_some() {
            let message = "parameters are looked for of one estimator: tell which".to_owned();
            return Err(TrainError::Search { message });
        }
        let classes = self.classes();
        let kinds = SENSIBLE.into_iter().filter_map(Kind::find).map(|(kind, _)| kind);
        let kinds = kinds.filter(|kind| kind.only().is_none_or(|only| only == classes));
        let candidate =
            |kind| Ok(Candidate { kind, learner: self.learner(kind, &[])?, parameters: Vec::new() });
        let candidates = kinds.map(candidate).collect::<Result<Vec<_>, TrainError>>()?;
        self.compare(candidates, rows, COMPARED_BY, None, None)
    }

    /// The best of some candidates. With halving, on more and more rows fewer and fewer of them.
    ///
    /// Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization" (2016).
    fn compare(
        &self,
        candidates: Vec<Candidate>,
        rows: &[usize],
        folds: usize,
        halving: Option<usize>,
        metric: Option<Metric>,
    ) -> Result<(Kind, Learner, Option<Comparison>), TrainError> {
        let told = metric.is_some();
        let mut metric = metric.unwrap_or(if self.classes() { Metric::LogLoss } else { Metric::Rmse });
        let mut order: Vec<usize> = (0..rows.len()).collect();
        Random::new(self.options.seed, STREAMS[1]).shuffle(&mut order);
        let (mut left, mut tried) = (candidates, Vec::new());
        let factor = halving.unwrap_or(1).max(1);
        let share = |rounds: u32| factor.saturating_pow(rounds);
        // So many that no more than `factor` candidates are left for all rows, unless the first rows would be too few.
        let wanted = (1..).take_while(|round| factor > 1 && share(*round) < left.len()).last().unwrap_or(0);
        let mut rounds =
            (0..=wanted).rev().find(|round| rows.len() / share(*round) >= LEAST_ROWS).unwrap_or(0);
        loop {
            let count = rows.len() / share(rounds);
            let mut some: Vec<usize> = order[..count].to_vec();
            some.sort_unstable();
            let some: Vec<usize> = some.into_iter().map(|at| rows[at]).collect();
            let mut outcomes = Vec::with_capacity(left.len());
            for candidate in left {
                let outcome = match self.cross_validate(candidate.kind, &candidate.learner, &some, folds) {
                    Ok((observed, _)) => {
                        let evaluator = Evaluator::new(&observed);
                        // Where there are no probabilities, none of the candidates has them.
                        if !told
                            && metric == Metric::LogLoss
                            && evaluator.value(metric).is_none()
                            && tried.is_empty()
                            && outcomes.is_empty()
                        {
                            metric = Metric::Accuracy;
                        }
                        evaluator.value(metric).ok_or_else(|| format!("no {}", metric.title()))
                    }
                    Err(error @ (TrainError::Split { .. } | TrainError::Fit(FitError::Stopped))) => {
                        return Err(error);
                    }
                    Err(error) => Err(error.to_string()),
                };
                outcomes.push((candidate, outcome));
            }
            let loss = |outcome: &Result<f64, String>| match outcome {
                Ok(value) if metric.larger_is_better() => -value,
                Ok(value) => *value,
                Err(_) => f64::INFINITY,
            };
            outcomes.sort_by(|(_, a), (_, b)| loss(a).total_cmp(&loss(b)));
            let compared = outcomes.iter().map(|(candidate, outcome)| Tried {
                kind: candidate.kind,
                parameters: candidate.parameters.clone(),
                rows: count,
                outcome: outcome.clone(),
            });
            // Those that were compared on more rows come first.
            tried.splice(0..0, compared);
            outcomes.truncate(if rounds > 0 { outcomes.len().div_ceil(factor) } else { 1 });
            if let Some((Candidate { kind, .. }, Err(reason))) = outcomes.first() {
                return Err(TrainError::NoneFits { name: kind.name, reason: reason.clone() });
            }
            left = outcomes.into_iter().map(|(candidate, _)| candidate).collect();
            if rounds == 0 {
                let best = left.pop().ok_or(TrainError::Nothing { what: "estimator for it" })?;
                return Ok((best.kind, best.learner, Some(Comparison { metric, tried })));
            }
            rounds -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(candidates: Option<usize>, parameters: &[(&str, Choice)]) -> Search {
        let parameters = parameters.iter().map(|(name, choice)| ((*name).to_owned(), choice.clone()));
        Search { parameters: parameters.collect(), candidates, halving: None, folds: 3, metric: None }
    }

    #[test]
    fn a_grid_has_all_and_a_draw_has_some() {
        let values = |values: &[i64]| Choice::Values(values.iter().copied().map(Value::Int).collect());
        let choices = [("a", values(&[1, 2])), ("b", values(&[3, 4, 5]))];
        let sets = search(None, &choices).sets(0).unwrap();
        assert_eq!(sets.len(), 6);
        assert_eq!(sets[1], [("a".to_owned(), Value::Int(1)), ("b".to_owned(), Value::Int(4))]);
        let drawn = search(Some(4), &choices).sets(0).unwrap();
        assert_eq!(drawn.len(), 4);
        assert!(drawn.iter().all(|set| sets.contains(set)));
        assert_eq!(search(Some(100), &choices).sets(0).unwrap().len(), 6);
    }

    #[test]
    fn ranges_are_drawn_within_their_bounds() {
        let log = Choice::Range { low: 1e-3, high: 10.0, log: true, whole: false };
        let whole = Choice::Range { low: 2.0, high: 4.0, log: false, whole: true };
        let sets = search(Some(200), &[("a", log), ("b", whole)]).sets(1).unwrap();
        let mut below = 0;
        let mut seen = [0; 3];
        for set in &sets {
            let (Value::Float(a), Value::Int(b)) = (&set[0].1, &set[1].1) else { panic!("{set:?}") };
            assert!((1e-3..=10.0).contains(a) && (2..=4).contains(b));
            below += usize::from(*a < 0.1);
            seen[(*b - 2) as usize] += 1;
        }
        assert!((70..130).contains(&below), "half of them below the geometric mean, got {below}");
        assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
        let range = Choice::Range { low: 0.0, high: 1.0, log: true, whole: false };
        assert!(search(Some(3), &[("a", range.clone())]).sets(0).is_err());
        assert!(search(None, &[("a", range)]).sets(0).is_err());
    }
}
