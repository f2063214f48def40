//! Columns of several members in place of which stands one answer.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

/// Combines the columns of several members, which stand side by side and are of the same number each.
#[derive(Debug, Clone, PartialEq)]
pub struct Combine {
    /// Number of members, at least 1.
    pub members: usize,
    /// How.
    pub rule: Rule,
}

/// How the answers of members become one.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Their sum, column by column.
    Sum,
    /// Their mean, column by column.
    Mean,
    /// `sum w x / sum w`, column by column; one weight per member.
    Weighted(Vec<f64>),
    /// Each member has one column, the index of a class: for each class the sum of the weights of the members that
    /// chose it, and of `against` times the weights of the others.
    Votes {
        /// Number of classes.
        classes: usize,
        /// One weight per member.
        weights: Vec<f64>,
        /// Factor of the weight where a member chose another class.
        against: f64,
    },
    /// Two members with one column per pair of classes (0, 1), (0, 2), ..., (1, 2), ... each: how sure the classifier of
    /// the pair is of its second class, and its choice, 0 or 1. For each class its votes and, well below one vote, the
    /// sum of how sure its classifiers are (`sklearn.utils.multiclass._ovr_decision_function`).
    Pairs {
        /// Number of classes.
        classes: usize,
    },
    /// Each member has one column: the smallest number up to which lies half of the weight.
    WeightedMedian(Vec<f64>),
}

impl Combine {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        facts.numbers(columns, Accepts::ALL)?;
        if self.members == 0 || !columns.len().is_multiple_of(self.members) {
            let expected = format_args!("columns of {} members", self.members).to_string();
            return Err(ModelError::mismatch(expected, columns.len()));
        }
        match &self.rule {
            Rule::Sum | Rule::Mean => {}
            Rule::Pairs { classes } => {
                let pairs = classes.saturating_mul(classes.saturating_sub(1)) / 2;
                expect_count("members", 2, self.members)?;
                expect_count("columns", pairs.saturating_mul(2), columns.len())?;
            }
            Rule::Weighted(weights) => expect_count("weights", self.members, weights.len())?,
            Rule::Votes { weights, .. } | Rule::WeightedMedian(weights) => {
                expect_count("weights", self.members, weights.len())?;
                expect_count("columns", self.members, columns.len())?;
            }
        }
        Ok(vec![Column::COMPUTED; self.width(columns.len())])
    }

    fn width(&self, columns: usize) -> usize {
        match &self.rule {
            Rule::Sum | Rule::Mean | Rule::Weighted(_) => columns / self.members,
            Rule::Votes { classes, .. } | Rule::Pairs { classes } => *classes,
            Rule::WeightedMedian(_) => 1,
        }
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
        let width = self.width(after.columns.len());
        let plan = CombinePlan { combine: self.clone(), width };
        let computed = Layout::computed((0..width).map(|_| None));
        (vec![Op::Gather(positions), Op::Combine(plan)], computed)
    }
}

/// A compiled [`Combine`].
#[derive(Debug)]
pub(crate) struct CombinePlan {
    combine: Combine,
    width: usize,
}

impl CombinePlan {
    /// Number of columns it makes.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Appends the combined columns of rows of `columns` numbers; `order` is a buffer.
    pub(crate) fn apply(&self, numbers: &[f64], columns: usize, order: &mut Vec<f64>, out: &mut Vec<f64>) {
        let members = self.combine.members as f64;
        for row in numbers.chunks_exact(columns.max(1)) {
            let start = out.len();
            match &self.combine.rule {
                Rule::Sum => self.sum(row, |_| 1.0, out),
                Rule::Mean => {
                    self.sum(row, |_| 1.0, out);
                    out[start..].iter_mut().for_each(|sum| *sum /= members);
                }
                Rule::Weighted(weights) => {
                    self.sum(row, |member| weights[member], out);
                    let total: f64 = weights.iter().sum();
                    out[start..].iter_mut().for_each(|sum| *sum /= total);
                }
                Rule::Votes { classes, weights, against } => {
                    out.resize(start + classes, 0.0);
                    for (chosen, weight) in row.iter().zip(weights) {
                        for (class, sum) in out[start..].iter_mut().enumerate() {
                            *sum += if class as f64 == *chosen { *weight } else { against * weight };
                        }
                    }
                }
                Rule::Pairs { classes } => votes_of_pairs(row, *classes, order, out),
                Rule::WeightedMedian(weights) => out.push(weighted_median(row, weights, order)),
            }
        }
    }

    /// Appends the weighted sums over the members, in their order.
    fn sum(&self, row: &[f64], weight: impl Fn(usize) -> f64, out: &mut Vec<f64>) {
        let start = out.len();
        out.resize(start + self.width, 0.0);
        for (member, columns) in row.chunks_exact(self.width.max(1)).enumerate() {
            let weight = weight(member);
            out[start..].iter_mut().zip(columns).for_each(|(sum, x)| *sum += weight * x);
        }
    }
}

/// Appends the votes of each class, and well below one vote the sum of how sure the classifiers of its pairs are.
/// `sums` is a buffer.
fn votes_of_pairs(row: &[f64], classes: usize, sums: &mut Vec<f64>, out: &mut Vec<f64>) {
    let start = out.len();
    out.resize(start + classes, 0.0);
    sums.clear();
    sums.resize(classes, 0.0);
    let (sure, choices) = row.split_at(row.len() / 2);
    let pairs = (0..classes).flat_map(|first| (first + 1..classes).map(move |second| (first, second)));
    for ((first, second), (sure, choice)) in pairs.zip(sure.iter().zip(choices)) {
        sums[first] -= sure;
        sums[second] += sure;
        out[start + if *choice == 1.0 { second } else { first }] += 1.0;
    }
    for (votes, sum) in out[start..].iter_mut().zip(sums) {
        *votes += *sum / (3.0 * (sum.abs() + 1.0));
    }
}

/// The first number, in ascending order, up to which lies at least half of the weight
/// (`sklearn.ensemble.AdaBoostRegressor._get_median_predict`). `order` is a buffer for positions.
fn weighted_median(row: &[f64], weights: &[f64], order: &mut Vec<f64>) -> f64 {
    order.clear();
    order.extend((0..row.len()).map(|member| member as f64));
    // No two positions are equal, so that an unstable sort, which allocates nothing, has one result.
    order.sort_unstable_by(|a, b| row[*a as usize].total_cmp(&row[*b as usize]).then(a.total_cmp(b)));
    let total = order.iter().fold(0.0, |sum, member| sum + weights[*member as usize]);
    let mut below = 0.0;
    for member in order.iter() {
        below += weights[*member as usize];
        if below >= 0.5 * total {
            return row[*member as usize];
        }
    }
    order.last().map_or(f64::NAN, |member| row[*member as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combined(rule: Rule, members: usize, row: &[f64]) -> Vec<f64> {
        let combine = Combine { members, rule };
        let mut facts = Facts::new(row.len()).unwrap();
        let columns = facts.columns();
        let width = combine.infer(&columns, &mut facts).unwrap().len();
        let (_, layout) = combine.compile(&Layout::computed(row.iter().map(|_| None)));
        assert_eq!(layout.columns.len(), width);
        let mut out = Vec::new();
        CombinePlan { combine, width }.apply(row, row.len(), &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn rules_agree_with_numpy() {
        let row = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(combined(Rule::Sum, 2, &row), [4.0, 8.0]);
        assert_eq!(combined(Rule::Mean, 2, &row), [2.0, 4.0]);
        assert_eq!(combined(Rule::Weighted(vec![3.0, 1.0]), 2, &row), [1.5, 3.0]);
        let votes = Rule::Votes { classes: 3, weights: vec![1.0, 2.0, 4.0], against: -0.5 };
        assert_eq!(combined(votes, 3, &[2.0, 0.0, 2.0]), [-0.5, -3.5, 4.0]);
        let median =
            |weights: [f64; 3]| combined(Rule::WeightedMedian(weights.to_vec()), 3, &[5.0, 1.0, 3.0]);
        assert_eq!(median([1.0, 1.0, 1.0]), [3.0]);
        assert_eq!(median([1.0, 3.0, 1.0]), [1.0]);
        assert_eq!(median([9.0, 3.0, 1.0]), [5.0]);
        let pairs = combined(Rule::Pairs { classes: 3 }, 2, &[1.0, -1.0, 3.0, 1.0, 0.0, 1.0]);
        assert_eq!(pairs, [1.0, 1.0 - 2.0 / 9.0, 1.0 + 2.0 / 9.0]);
    }

    #[test]
    fn members_and_weights_are_counted() {
        let refusal = |rule, members, columns| {
            let mut facts = Facts::new(columns).unwrap();
            let columns = facts.columns();
            Combine { members, rule }.infer(&columns, &mut facts).unwrap_err().within("it").to_string()
        };
        assert_eq!(refusal(Rule::Sum, 0, 2), "it: expected columns of 0 members, got 2");
        assert_eq!(refusal(Rule::Sum, 2, 3), "it: expected columns of 2 members, got 3");
        assert_eq!(refusal(Rule::Weighted(vec![1.0]), 2, 4), "it: expected 2 weights, got 1");
        let median = Rule::WeightedMedian(vec![1.0; 2]);
        assert_eq!(refusal(median, 2, 4), "it: expected 2 columns, got 4");
        assert_eq!(refusal(Rule::Pairs { classes: 3 }, 2, 4), "it: expected 6 columns, got 4");
    }
}
