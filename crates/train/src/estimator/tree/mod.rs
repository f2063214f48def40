//! Decision trees and forests of them, with the parameters of scikit-learn.
//!
//! Sources: Breiman et al., "Classification and Regression Trees" (1984); Breiman, "Random Forests" (2001); Geurts,
//! Ernst and Wehenkel, "Extremely randomized trees" (2006). A node sorts the ranks of its rows' values, which are
//! made once for a whole forest ([`columns`]).

mod columns;
mod criterion;
mod grow;
mod prune;
mod sort;

pub use criterion::Criterion;

use foretell_frame::Labels;
use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};
use foretell_model::{Estimator, Fitted, Head};
use rayon::prelude::*;

use self::columns::Columns;
use self::grow::{Grower, Lesson, Node, Rules};
use super::head;
use super::{History, Learnt};
use crate::parameter::{Parameter, Parameters, Range, Value, choices, parameters, read};
use crate::random::{Stream, hash};
use crate::{Column, Context, FitError, Sample, Target};

/// How many features are looked at for a split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFeatures {
    /// All.
    All,
    /// The square root of their number.
    Sqrt,
    /// The logarithm of their number to the base 2.
    Log2,
    /// So many.
    Count(usize),
    /// This share of them.
    Share(f64),
}

impl MaxFeatures {
    fn count(self, features: usize) -> usize {
        let all = features as f64;
        let count = match self {
            Self::All => features,
            Self::Sqrt => all.sqrt() as usize,
            Self::Log2 => all.log2() as usize,
            Self::Count(count) => count,
            Self::Share(share) => (share * all) as usize,
        };
        count.clamp(1, features)
    }
}

impl Parameter for MaxFeatures {
    fn read(value: &Value, _: Range) -> Option<Self> {
        match value {
            Value::None => Some(Self::All),
            Value::Text(text) => match text.as_str() {
                "sqrt" => Some(Self::Sqrt),
                "log2" => Some(Self::Log2),
                text if text.eq_ignore_ascii_case("none") => Some(Self::All),
                _ => None,
            },
            Value::Int(_) => usize::read(value, Range::AtLeast(1.0)).map(Self::Count),
            Value::Float(_) => f64::read(value, Range::AboveUpTo(0.0, 1.0)).map(Self::Share),
            Value::Bool(_) | Value::List(_) => None,
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::All => Value::None,
            Self::Sqrt => Value::Text("sqrt".into()),
            Self::Log2 => Value::Text("log2".into()),
            Self::Count(count) => count.write(),
            Self::Share(share) => share.write(),
        }
    }

    fn expected(_: Range) -> String {
        "`sqrt`, `log2`, a whole number of 1 or more, a share above 0 and up to 1, or `none`".to_owned()
    }
}

/// What rows weigh by their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassWeight {
    /// All classes weigh the same, however many rows they have.
    Balanced,
}

choices!(ClassWeight {
    "balanced" => Self::Balanced,
});

parameters! {
    /// Parameters of one tree, with the names and defaults of scikit-learn.
    pub struct DecisionTree {
        /// The measure of impurity; by default Gini's for classes and the squared error for values.
        criterion: Option<Criterion> = None, Range::Any;
        /// Most levels of splits; no limit where it is not given.
        max_depth: Option<usize> = None, Range::AtLeast(1.0);
        /// Least rows of a node that is split.
        min_samples_split: usize = 2, Range::AtLeast(2.0);
        /// Least rows of a leaf.
        min_samples_leaf: usize = 1, Range::AtLeast(1.0);
        /// Least share of the weight in a leaf.
        min_weight_fraction_leaf: f64 = 0.0, Range::Within(0.0, 0.5);
        /// How many features are looked at for a split.
        max_features: MaxFeatures = MaxFeatures::All, Range::Any;
        /// Least decrease of impurity by a split.
        min_impurity_decrease: f64 = 0.0, Range::AtLeast(0.0);
        /// Splits that gain no more than this per leaf are pruned.
        ccp_alpha: f64 = 0.0, Range::AtLeast(0.0);
        /// What rows weigh by their class; all the same where it is not given.
        class_weight: Option<ClassWeight> = None, Range::Any;
    }
}

/// Parameters of a forest, with the names and defaults of scikit-learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// Number of trees.
    pub n_estimators: usize,
    /// The trees.
    pub tree: DecisionTree,
    /// Whether each tree learns from rows that are drawn with replacement, as many as there are.
    pub bootstrap: bool,
    /// Whether thresholds are drawn at random (extra trees).
    pub random_thresholds: bool,
}

impl Default for Forest {
    fn default() -> Self {
        Self::random(true)
    }
}

/// Those of the forest itself, before those of its trees.
const OF_FOREST: [&str; 2] = ["n_estimators", "bootstrap"];

impl Parameters for Forest {
    const OF: &'static str = "RandomForest";

    fn set(&mut self, name: &str, value: &Value) -> Result<(), FitError> {
        match name {
            "n_estimators" => self.n_estimators = read("n_estimators", value, Range::AtLeast(1.0))?,
            "bootstrap" => self.bootstrap = read("bootstrap", value, Range::Any)?,
            _ => match self.tree.set(name, value) {
                Err(FitError::UnknownParameter { .. }) => return Err(self.unknown(name)),
                done => return done,
            },
        }
        Ok(())
    }

    fn of(&self) -> &'static str {
        if self.random_thresholds { "ExtraTrees" } else { Self::OF }
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        let own = [self.n_estimators.write(), self.bootstrap.write()];
        OF_FOREST.into_iter().zip(own).chain(self.tree.values()).collect()
    }
}

impl Forest {
    /// A random forest, with the defaults of `RandomForestClassifier` or `RandomForestRegressor`.
    pub fn random(classes: bool) -> Self {
        let max_features = if classes { MaxFeatures::Sqrt } else { MaxFeatures::All };
        Self {
            n_estimators: 100,
            tree: DecisionTree { max_features, ..DecisionTree::default() },
            bootstrap: true,
            random_thresholds: false,
        }
    }

    /// Extra trees, with the defaults of `ExtraTreesClassifier` or `ExtraTreesRegressor`.
    pub fn extra(classes: bool) -> Self {
        Self { bootstrap: false, random_thresholds: true, ..Self::random(classes) }
    }

    /// Fits a forest, the mean of its trees, and tells what the splits have gained: by how much less impure the nodes are,
    /// weighted by their rows.
    ///
    /// # Errors
    /// Parameters out of their range, data that do not fit each other, and a progress that ends it.
    pub fn fit(
        &self,
        sample: Sample<'_>,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Learnt, FitError> {
        self.check()?;
        let school = School::new(&self.tree, sample, target, self.random_thresholds)?;
        let rows = sample.rows();
        let mut wood = Wood::new(&school);
        // As many at once as are sure to keep all threads busy; progress is told in between.
        let at_once = 4 * rayon::current_num_threads();
        while wood.trees.roots.len() < self.n_estimators {
            let done = wood.trees.roots.len();
            let numbers = done..self.n_estimators.min(done + at_once);
            let grown: Vec<Vec<Node>> = numbers
                .into_par_iter()
                .map(|number| {
                    let seed = hash(context.seed, number as u64);
                    if !self.bootstrap {
                        return school.grow(&school.weights, seed);
                    }
                    let mut random = Stream::new(hash(seed, 0));
                    let mut drawn = vec![0.0; rows];
                    (0..rows).for_each(|_| drawn[random.below(rows)] += 1.0);
                    drawn.iter_mut().zip(&school.weights).for_each(|(drawn, weight)| *drawn *= weight);
                    school.grow(&drawn, seed)
                })
                .collect();
            grown.iter().for_each(|nodes| wood.add(nodes));
            if !context.progress.step(wood.trees.roots.len(), self.n_estimators, None) {
                return Err(FitError::Stopped);
            }
        }
        Ok(wood.learnt(&school))
    }
}

impl DecisionTree {
    /// Fits one tree, and tells what the splits have gained, as that of a forest.
    ///
    /// # Errors
    /// Parameters out of their range, data that do not fit each other, and a progress that ends it.
    pub fn fit(
        &self,
        sample: Sample<'_>,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Learnt, FitError> {
        let school = School::new(self, sample, target, false)?;
        let mut wood = Wood::new(&school);
        wood.add(&school.grow(&school.weights, context.seed));
        Ok(wood.learnt(&school))
    }

    /// The criterion; fails unless all parameters fit the target.
    fn criterion(&self, labels: Option<&Labels>) -> Result<Criterion, FitError> {
        self.check()?;
        let default = if labels.is_some() { Criterion::Gini } else { Criterion::SquaredError };
        let criterion = self.criterion.unwrap_or(default);
        let fits = criterion.of_classes() == labels.is_some();
        FitError::unless(fits, "criterion", "one for this kind of target", criterion.name())?;
        let balances = self.class_weight.is_none() || labels.is_some();
        FitError::unless(balances, "class_weight", "none for values", "balanced")?;
        Ok(criterion)
    }
}

/// What all trees of a forest share.
struct School<'a> {
    columns: Columns,
    targets: Vec<f64>,
    weights: Vec<f64>,
    labels: Option<&'a Labels>,
    rules: Rules,
    /// Least share of the weight in a leaf.
    least_share: f64,
    ccp_alpha: f64,
}

impl<'a> School<'a> {
    fn new(
        params: &DecisionTree,
        sample: Sample<'_>,
        target: Target<'a>,
        random: bool,
    ) -> Result<Self, FitError> {
        sample.check(target.rows())?;
        target.check()?;
        if let Some(column) = sample.columns.iter().position(|kind| *kind == Column::Category) {
            let got = format!("column {column} of categories; encode it");
            return Err(FitError::data("numbers", got));
        }
        if let Some(bad) = sample.values.iter().find(|value| (**value as f32).is_infinite()) {
            return Err(FitError::data("numbers that are finite in float32", bad));
        }
        let (targets, labels): (Vec<f64>, _) = match target {
            Target::Values(values) => (values.to_vec(), None),
            Target::Classes { codes, labels } => {
                (codes.iter().map(|code| f64::from(*code)).collect(), Some(labels))
            }
        };
        let criterion = params.criterion(labels)?;
        if criterion == Criterion::Poisson
            && (targets.iter().any(|y| *y < 0.0) || targets.iter().all(|y| *y == 0.0))
        {
            return Err(FitError::data("targets of 0 or more, not all 0, for `poisson`", "others"));
        }
        let mut weights = sample.weights.map_or_else(|| vec![1.0; targets.len()], <[f64]>::to_vec);
        if let (true, Some(labels)) = (params.class_weight.is_some(), labels) {
            // By number of rows and not by their weight, as `class_weight="balanced"` does.
            let mut counts = vec![0.0; labels.len()];
            targets.iter().for_each(|y| counts[*y as usize] += 1.0);
            let present = counts.iter().filter(|count| **count > 0.0).count() as f64;
            let factor = |y: &f64| targets.len() as f64 / (present * counts[*y as usize]);
            weights.iter_mut().zip(&targets).for_each(|(weight, y)| *weight *= factor(y));
        }
        let width = sample.columns.len();
        Ok(Self {
            columns: Columns::new(sample.values, width),
            targets,
            weights,
            labels,
            rules: Rules {
                criterion,
                max_depth: params.max_depth.unwrap_or(usize::MAX),
                min_samples_split: params.min_samples_split,
                min_samples_leaf: params.min_samples_leaf,
                min_weight_leaf: 0.0,
                min_impurity_decrease: params.min_impurity_decrease,
                max_features: params.max_features.count(width),
                random,
            },
            least_share: params.min_weight_fraction_leaf,
            ccp_alpha: params.ccp_alpha,
        })
    }

    fn width(&self) -> usize {
        self.labels.map_or(1, Labels::len)
    }

    /// A tree over the rows whose weight is above 0.
    fn grow(&self, weights: &[f64], seed: u64) -> Vec<Node> {
        let lesson = Lesson { columns: &self.columns, targets: &self.targets, width: self.width() };
        let min_weight_leaf = self.least_share * weights.iter().sum::<f64>();
        let rules = Rules { min_weight_leaf, ..self.rules };
        prune::prune(Grower::new(lesson, rules, weights, hash(seed, 1)).grow(), self.ccp_alpha)
    }

    fn head(&self) -> Head {
        self.labels.map_or_else(head::values, |labels| Head::Classification(head::class_shares(labels)))
    }
}

/// The trees that are done, and what their splits have gained by feature.
struct Wood {
    trees: Trees,
    gain: Vec<f64>,
}

impl Wood {
    fn new(school: &School<'_>) -> Self {
        let (features, outputs) = (school.columns.width(), school.width());
        let trees = Trees {
            features,
            outputs,
            roots: Vec::new(),
            output_of_tree: Vec::new(),
            nodes: Nodes::default(),
            leaves: Leaves { width: outputs, values: Vec::new() },
            category_sets: Vec::new(),
            truncate_negative: false,
            input: NumberFormat::Single,
            equal_left: true,
            sum: NumberFormat::Double,
            average: Average::Mean,
            base: vec![0.0; outputs],
            missing: true,
            infinite: false,
            missing_value: None,
        };
        Self { trees, gain: vec![0.0; features] }
    }

    fn add(&mut self, grown: &[Node]) {
        let Trees { roots, output_of_tree, nodes, leaves, .. } = &mut self.trees;
        let first = nodes.left.len() as u32;
        roots.push(first);
        output_of_tree.push(0);
        let of = |node: usize| grown[node].impurity * grown[node].weight;
        for (at, node) in grown.iter().enumerate() {
            nodes.categorical.push(false);
            match node.split {
                Some(split) => {
                    self.gain[split.feature] += of(at) - split.children.into_iter().map(of).sum::<f64>();
                    nodes.feature.push(split.feature as u32);
                    nodes.threshold.push(split.threshold);
                    nodes.left.push(first + split.children[0] as u32);
                    nodes.right.push(first + split.children[1] as u32);
                    nodes.missing_left.push(split.missing_left);
                }
                None => {
                    let leaf = (leaves.values.len() / leaves.width) as u32;
                    leaves.values.extend(&node.value);
                    nodes.feature.push(0);
                    nodes.threshold.push(0.0);
                    nodes.left.push(leaf);
                    nodes.right.push(leaf);
                    nodes.missing_left.push(false);
                }
            }
        }
    }

    /// The mean of the trees.
    fn learnt(self, school: &School<'_>) -> Learnt {
        let fitted = Fitted { estimator: Estimator::Trees(self.trees), head: school.head() };
        Learnt { steps: Vec::new(), fitted, history: History::of_gains(self.gain) }
    }
}
