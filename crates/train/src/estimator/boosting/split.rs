//! The best split of a node, from the sums of its bins.
//!
//! Source: Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System" (2016): equations 5 to 7, missing values by
//! algorithm 3. Categories: Fisher, "On Grouping for Maximum Homogeneity" (1958), sorted by the ratio of derivatives.
//! Monotone constraints: bounds on the values of children, as XGBoost's `TreeEvaluator`.

use super::bins::{Feature, MISSING};
use super::histogram::{OfFeature, Scale, Sums};

/// The regularised objective of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objective {
    /// Weight of squared leaf values.
    pub(super) lambda: f64,
    /// Weight of absolute leaf values.
    pub(super) alpha: f64,
    /// Least gain of a split.
    pub(super) gamma: f64,
    /// Least sum of second derivatives in a child.
    pub(super) min_child_weight: f64,
    /// Largest magnitude of a leaf value before the learning rate; infinite where there is none.
    pub(super) max_delta_step: f64,
    /// Features with at most so many categories try each category alone.
    pub(super) max_cat_to_onehot: usize,
    /// Most categories of a set.
    pub(super) max_cat_threshold: usize,
    /// The units of sums.
    pub(super) scale: Scale,
}

/// Where the value of a node must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    /// Least value.
    pub(super) low: f64,
    /// Greatest value.
    pub(super) high: f64,
}

impl Range {
    /// No bounds.
    pub(super) const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
}

/// What a split asks of a row's bin.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Left when the bin is at most this.
    UpTo(u8),
    /// Left when the bin is in the set.
    Among(Box<[u64; 4]>),
}

impl Test {
    /// Whether a row with this bin goes left.
    pub(super) fn passes(&self, bin: u8) -> bool {
        match self {
            Self::UpTo(most) => bin <= *most,
            Self::Among(set) => set[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1,
        }
    }
}

/// A split of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    /// The feature.
    pub(super) feature: usize,
    /// Its gain.
    pub(super) gain: f64,
    /// What it asks.
    pub(super) test: Test,
    /// Whether missing values go left.
    pub(super) missing_left: bool,
    /// Sums of the left child.
    pub(super) left: Sums,
    /// Sums of the right child.
    pub(super) right: Sums,
}

impl Split {
    /// For each bin, whether it goes left.
    pub(super) fn table(&self) -> [bool; 256] {
        let mut table = [false; 256];
        (0..=254u8).for_each(|bin| table[usize::from(bin)] = self.test.passes(bin));
        table[usize::from(MISSING)] = self.missing_left;
        table
    }
}

/// A node whose split is sought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Its sums.
    pub(super) sums: Sums,
    /// Where its value must lie.
    pub(super) range: Range,
}

/// A feature of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// Number of the feature.
    pub(super) number: usize,
    /// What its bins stand for.
    pub(super) feature: &'a Feature,
    /// The sums of its bins in the node.
    pub(super) sums: &'a OfFeature,
    /// 1 where predictions must not fall with it, -1 where they must not rise, else 0.
    pub(super) monotone: i8,
}

impl Objective {
    /// The best value of a leaf.
    pub(super) fn value(&self, sums: Sums, range: Range) -> f64 {
        let (first, second) = self.derivatives(sums);
        if second <= 0.0 {
            return 0.0f64.clamp(range.low, range.high);
        }
        let value = -shrink(first, self.alpha) / (second + self.lambda);
        value.clamp(-self.max_delta_step, self.max_delta_step).clamp(range.low, range.high)
    }

    fn derivatives(&self, sums: Sums) -> (f64, f64) {
        (sums.first as f64 * self.scale.first, sums.second as f64 * self.scale.second)
    }

    /// Twice what a leaf of this best value takes from the objective.
    fn score(&self, sums: Sums, bounded: Option<Range>) -> f64 {
        let (first, second) = self.derivatives(sums);
        if second <= 0.0 {
            return 0.0;
        }
        match bounded {
            None => {
                let first = shrink(first, self.alpha);
                first * first / (second + self.lambda)
            }
            Some(range) => {
                let value = self.value(sums, range);
                let smooth = 2.0 * first * value + (second + self.lambda) * value * value;
                -(smooth + 2.0 * self.alpha * value.abs())
            }
        }
    }

    /// The best split of a node by one feature.
    pub(super) fn best(&self, node: Node, candidate: Candidate<'_>, constrained: bool) -> Option<Split> {
        let bounded = constrained || self.max_delta_step.is_finite();
        let mut search = Search {
            objective: self,
            node,
            bounded: bounded.then_some(node.range),
            monotone: candidate.monotone,
            parent: self.score(node.sums, bounded.then_some(node.range)),
            least: (self.min_child_weight / self.scale.second).max(f64::MIN_POSITIVE),
            gain: self.gamma.max(LEAST_GAIN),
            best: None,
        };
        let missing = candidate.sums[usize::from(MISSING)];
        let test = match candidate.feature {
            Feature::Number { .. } => search.numbers(candidate, missing),
            Feature::Category { codes, .. } => search.categories(candidate, codes.len(), missing),
        }?;
        let Found { left, missing_left } = search.best?;
        let right = node.sums - left;
        // Where none was missing, what may be missing later goes to the heavier child.
        let missing_left = if missing.is_zero() { left.second >= right.second } else { missing_left };
        Some(Split { feature: candidate.number, gain: search.gain, test, missing_left, left, right })
    }
}

/// Gains below this are rounding (XGBoost's `kRtEps`).
const LEAST_GAIN: f64 = 1e-6;

/// The derivative of the objective with the L1 term, at the value 0.
fn shrink(first: f64, alpha: f64) -> f64 {
    if first > alpha {
        first - alpha
    } else if first < -alpha {
        first + alpha
    } else {
        0.0
    }
}

/// A search for the best split by one feature.
struct Search<'a> {
    objective: &'a Objective,
    node: Node,
    bounded: Option<Range>,
    monotone: i8,
    parent: f64,
    /// Least second derivatives of a child, in units.
    least: f64,
    gain: f64,
    best: Option<Found>,
}

/// The sums of the left child of the best split, and where missing values went.
#[derive(Debug, Clone, Copy)]
struct Found {
    left: Sums,
    missing_left: bool,
}

impl Search<'_> {
    /// Tries a left child; whether it is the best so far.
    fn offer(&mut self, left: Sums, missing_left: bool) -> bool {
        let right = self.node.sums - left;
        if (left.second as f64) < self.least || (right.second as f64) < self.least {
            return false;
        }
        if self.monotone != 0 {
            let (low, high) =
                (self.objective.value(left, self.node.range), self.objective.value(right, self.node.range));
            if f64::from(self.monotone) * (high - low) < 0.0 {
                return false;
            }
        }
        let score = self.objective.score(left, self.bounded) + self.objective.score(right, self.bounded);
        let gain = score - self.parent;
        if gain > self.gain {
            self.gain = gain;
            self.best = Some(Found { left, missing_left });
            return true;
        }
        false
    }

    /// Tries a left child without and, where there are any, with the missing values.
    fn offer_both(&mut self, left: Sums, missing: Sums) -> bool {
        let without = self.offer(left, false);
        let with = !missing.is_zero() && self.offer(left + missing, true);
        without || with
    }

    fn numbers(&mut self, candidate: Candidate<'_>, missing: Sums) -> Option<Test> {
        let mut left = Sums::default();
        let mut test = None;
        // Up to the last bin, all that is present goes left, and what is missing right.
        for (bin, sums) in candidate.sums[..candidate.feature.bins()].iter().enumerate() {
            if sums.is_zero() {
                continue;
            }
            left = left + *sums;
            if self.offer_both(left, missing) {
                test = Some(Test::UpTo(bin as u8));
            }
        }
        test
    }

    fn categories(&mut self, candidate: Candidate<'_>, known: usize, missing: Sums) -> Option<Test> {
        let sums = candidate.sums;
        let mut bins: Vec<u8> = (0..known as u8).filter(|&bin| !sums[usize::from(bin)].is_zero()).collect();
        let mut set = None;
        if bins.len() <= self.objective.max_cat_to_onehot {
            for &bin in &bins {
                if self.offer_both(sums[usize::from(bin)], missing) {
                    set = Some(vec![bin]);
                }
            }
        } else {
            let ratio = |bin: u8| {
                let (first, second) = self.objective.derivatives(sums[usize::from(bin)]);
                first / (second + self.objective.lambda.max(f64::MIN_POSITIVE))
            };
            bins.sort_by(|a, b| f64::total_cmp(&ratio(*a), &ratio(*b)));
            for _ in 0..2 {
                let mut left = Sums::default();
                for (at, &bin) in bins.iter().enumerate().take(self.objective.max_cat_threshold) {
                    left = left + sums[usize::from(bin)];
                    if self.offer_both(left, missing) {
                        set = Some(bins[..=at].to_vec());
                    }
                }
                bins.reverse();
            }
        }
        let mut bits = Box::new([0; 4]);
        for bin in set? {
            bits[usize::from(bin >> 6)] |= 1 << (bin & 63);
        }
        Some(Test::Among(bits))
    }
}
