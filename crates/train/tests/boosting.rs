//! Boosting: what must hold for any data.

use foretell_frame::{Labels, Method, Shape};
use foretell_model::{
    Description, Estimator, Fitted, Model, ModelError, ModelParts, Pipeline, Provenance, Task,
};
use foretell_train::estimator::boosting::{Boosting, GrowPolicy, Loss, boost};
use foretell_train::{Column, Context, FitError, Progress, Sample, Target};
use proptest::prelude::*;

/// A generator of test data (SplitMix).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn table(&mut self, rows: usize, width: usize, missing: f64) -> Vec<f64> {
        (0..rows * width).map(|_| if self.next() < missing { f64::NAN } else { self.next() }).collect()
    }
}

fn numbers(width: usize) -> Vec<Column> {
    vec![Column::Number; width]
}

/// The model of an estimator alone: making it checks every index.
fn model(fitted: Fitted, features: usize) -> Result<Model, ModelError> {
    Model::new(ModelParts {
        pipeline: Pipeline { estimator: Some(fitted), ..Pipeline::default() },
        features,
        names: None,
        hints: None,
        task: Task::Regression,
        output_names: None,
        description: Description::default(),
        provenance: Provenance::default(),
    })
}

/// The raw scores that the model's own trees give, walked plainly.
fn scores(fitted: &Fitted, values: &[f64], width: usize) -> Vec<f64> {
    let Estimator::Trees(trees) = &fitted.estimator else { panic!("no trees: {:?}", fitted.estimator) };
    let score = |row: &[f64]| {
        trees.roots.iter().fold(trees.base[0], |score, root| {
            let mut at = *root as usize;
            while trees.nodes.left[at] != trees.nodes.right[at] {
                let (value, threshold) = (row[trees.nodes.feature[at] as usize], trees.nodes.threshold[at]);
                let left = if value.is_nan() {
                    trees.nodes.missing_left[at]
                } else if trees.nodes.categorical[at] {
                    trees.category_sets[threshold as usize].contains(&(value as u32))
                } else {
                    value <= threshold
                };
                at = if left { trees.nodes.left[at] } else { trees.nodes.right[at] } as usize;
            }
            score + trees.leaves.values[trees.nodes.left[at] as usize]
        })
    };
    values.chunks_exact(width).map(score).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (rows, width) = (70_000, 6);
    let mut random = Numbers(3);
    let values = random.table(rows, width, 0.05);
    let codes: Vec<u32> =
        values.chunks_exact(width).map(|row| u32::from(row[0] + 0.5 * random.next() > row[1])).collect();
    let labels = Labels::range(2);
    let columns = numbers(width);
    let sample = Sample { values: &values, columns: &columns, weights: None };
    let target = Target::Classes { codes: &codes, labels: &labels };
    for grow_policy in [GrowPolicy::DepthWise, GrowPolicy::LossGuide] {
        let params = Boosting {
            n_estimators: 4,
            subsample: 0.7,
            colsample_bynode: 0.6,
            max_leaves: 20,
            early_stopping_rounds: Some(2),
            grow_policy,
            ..Boosting::default()
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| boost(&params, sample, target, None, &Context::seeded(5)).unwrap())
        };
        assert_eq!(on(1), on(3));
    }
}

#[test]
fn predictions_never_fall_where_they_may_only_rise() {
    let mut random = Numbers(11);
    let values = random.table(600, 3, 0.0);
    let noisy = |row: &[f64], noise: f64| (6.0 * row[0]).sin() + row[1] + noise;
    let targets: Vec<f64> = values.chunks_exact(3).map(|row| noisy(row, 0.3 * random.next())).collect();
    let columns = numbers(3);
    let sample = Sample { values: &values, columns: &columns, weights: None };
    let params = Boosting { monotone_constraints: vec![1, -1, 0], n_estimators: 60, ..Boosting::default() };
    let fitted = boost(&params, sample, Target::Values(&targets), None, &Context::seeded(1)).unwrap().fitted;
    for _ in 0..50 {
        let (a, b) = (random.next(), random.next());
        for (feature, direction) in [(0, 1.0), (1, -1.0)] {
            let grid = (0..200).flat_map(|step| {
                let mut row = [a, b, a * b];
                row[feature] = f64::from(step) / 200.0;
                row
            });
            let along = scores(&fitted, &grid.collect::<Vec<_>>(), 3);
            assert!(along.windows(2).all(|pair| direction * (pair[1] - pair[0]) >= 0.0));
        }
    }
}

#[test]
fn early_stopping_keeps_the_best_round() {
    let mut random = Numbers(17);
    let values = random.table(500, 2, 0.0);
    let targets: Vec<f64> = (0..500).map(|_| random.next()).collect();
    let held_out: Vec<bool> = (0..500).map(|row| row % 3 == 0).collect();
    let columns = numbers(2);
    let sample = Sample { values: &values, columns: &columns, weights: None };
    let params = Boosting { early_stopping_rounds: Some(5), ..Boosting::default() };
    let outcome =
        boost(&params, sample, Target::Values(&targets), Some(&held_out), &Context::seeded(1)).unwrap();
    let losses: Vec<f64> = outcome.curve.iter().map(|(_, valid)| valid.unwrap()).collect();
    let best = (0..losses.len()).fold(0, |best, at| if losses[at] < losses[best] { at } else { best });
    assert_eq!((outcome.rounds, losses.len()), (best + 1, best + 6));
    // The curve is what the model's predictions come to.
    let scores = scores(&outcome.fitted, &values, 2);
    let errors = (0..500).filter(|row| held_out[*row]).map(|row| (scores[row] - targets[row]).powi(2));
    let (sum, count) = errors.fold((0.0, 0.0), |(sum, count), error| (sum + error, count + 1.0));
    assert!(((sum / count).sqrt() - losses[best]).abs() < 1e-12);
}

#[test]
fn categories_are_sets_and_missing_values_find_their_side() {
    // Even categories are high, missing ones highest; unknown ones are of no set.
    let (values, targets): (Vec<f64>, Vec<f64>) = (0..2000)
        .map(|row| match row % 21 {
            20 => (f64::NAN, 3.0),
            code => (f64::from(code), f64::from(1 - code % 2)),
        })
        .unzip();
    let sample = Sample { values: &values, columns: &[Column::Category], weights: None };
    let params = Boosting { reg_lambda: 0.0, learning_rate: 0.5, n_estimators: 40, ..Boosting::default() };
    let fitted = boost(&params, sample, Target::Values(&targets), None, &Context::seeded(1)).unwrap().fitted;
    for (score, target) in scores(&fitted, &values, 1).iter().zip(&targets) {
        assert!((score - target).abs() < 1e-3, "{score} {target}");
    }
    let model = model(fitted, 1).unwrap();
    assert_eq!(model.shape(Method::Predict), Some(Shape::Vector));
}

#[test]
fn a_stop_is_heard_and_what_is_out_of_range_is_named() {
    struct Third;
    impl Progress for Third {
        fn step(&self, done: usize, _: usize, _: Option<f64>) -> bool {
            done < 3
        }
    }
    let (values, targets) = ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]);
    let sample = Sample { values: &values, columns: &[Column::Number], weights: None };
    let context = Context { seed: 0, progress: &Third };
    let stopped = boost(&Boosting::default(), sample, Target::Values(&targets), None, &context);
    assert_eq!(stopped.unwrap_err(), FitError::Stopped);
    let params = Boosting { subsample: 1.5, ..Boosting::default() };
    let error = boost(&params, sample, Target::Values(&targets), None, &Context::seeded(0)).unwrap_err();
    assert_eq!(error.to_string(), "parameter `subsample`: expected a number above 0 and up to 1, got `1.5`");
    let params = Boosting { objective: Some(Loss::Softmax), ..Boosting::default() };
    assert!(boost(&params, sample, Target::Values(&targets), None, &Context::seeded(0)).is_err());
}

/// The gain of the best split of values by one number, by trying all.
fn exhaustive(values: &[f64], targets: &[f64], lambda: f64) -> Option<f64> {
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let score = |side: &mut dyn Iterator<Item = usize>| {
        let (sum, count) =
            side.fold((0.0, 0.0), |(sum, count), row| (sum + mean - targets[row], count + 1.0));
        sum * sum / (count + lambda)
    };
    let rows = 0..values.len();
    let whole = score(&mut rows.clone());
    let gains = values.iter().filter_map(|threshold| {
        let left: Vec<usize> = rows.clone().filter(|row| values[*row] <= *threshold).collect();
        let right: Vec<usize> = rows.clone().filter(|row| values[*row] > *threshold).collect();
        let parts = !left.is_empty() && !right.is_empty();
        parts.then(|| score(&mut left.into_iter()) + score(&mut right.into_iter()) - whole)
    });
    gains.reduce(f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_split_over_bins_gains_as_much_as_the_best_of_all(
        rows in prop::collection::vec((-20i32..20, -50i32..50), 2..80),
    ) {
        let values: Vec<f64> = rows.iter().map(|(x, _)| f64::from(*x) / 4.0).collect();
        let targets: Vec<f64> = rows.iter().map(|(_, y)| f64::from(*y)).collect();
        let sample = Sample { values: &values, columns: &[Column::Number], weights: None };
        let params = Boosting { n_estimators: 1, max_depth: 1, ..Boosting::default() };
        let outcome = boost(&params, sample, Target::Values(&targets), None, &Context::seeded(1)).unwrap();
        let expected = exhaustive(&values, &targets, 1.0).unwrap_or(0.0).max(0.0);
        // Derivatives are quantised to 16 bits.
        prop_assert!((outcome.gain[0] - expected).abs() < 0.01 * (1.0 + expected), "{} {expected}", outcome.gain[0]);
    }

    #[test]
    fn weights_are_repetitions(
        rows in prop::collection::vec((0i32..8, 0i32..8, -3i32..4, 1usize..4), 4..40),
    ) {
        let columns = numbers(2);
        let fit = |repeat: bool| {
            let mut table = (Vec::new(), Vec::new(), Vec::new());
            for (a, b, y, weight) in &rows {
                for _ in 0..if repeat { *weight } else { 1 } {
                    table.0.extend([f64::from(*a), f64::from(*b)]);
                    table.1.push(f64::from(*y));
                    table.2.push(if repeat { 1.0 } else { *weight as f64 });
                }
            }
            let sample = Sample { values: &table.0, columns: &columns, weights: Some(&table.2) };
            // One tree of one level: deeper ones may part equally good splits by a rounding.
            let params = Boosting { n_estimators: 1, max_depth: 1, ..Boosting::default() };
            boost(&params, sample, Target::Values(&table.1), None, &Context::seeded(1)).unwrap()
        };
        let (weighted, repeated) = (fit(false), fit(true));
        let gains = |gain: &[f64]| gain.iter().sum::<f64>();
        let (a, b) = (gains(&weighted.gain), gains(&repeated.gain));
        prop_assert!((a - b).abs() < 0.01 * (1.0 + a), "{a} {b}");
    }
}
