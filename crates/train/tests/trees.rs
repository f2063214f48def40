//! Trees and forests: agreement with scikit-learn, and what must hold for any data.

use foretell_frame::Labels;
use foretell_model::{Estimator, Fitted};
use foretell_train::estimator::tree::{ClassWeight, Criterion, DecisionTree, Forest};
use foretell_train::{Column, Context, Sample, Target};

/// Scores of plainly walked trees, `rows x outputs`.
fn scores(fitted: &Fitted, values: &[f64], width: usize) -> Vec<Vec<f64>> {
    let Estimator::Trees(trees) = &fitted.estimator else { panic!("no trees: {:?}", fitted.estimator) };
    let score = |row: &[f64]| {
        let mut sums = vec![0.0; trees.outputs];
        for root in &trees.roots {
            let mut at = *root as usize;
            while trees.nodes.left[at] != trees.nodes.right[at] {
                let value = row[trees.nodes.feature[at] as usize] as f32;
                let missing = value.is_nan() && trees.nodes.missing_left[at];
                let left = missing || f64::from(value) <= trees.nodes.threshold[at];
                at = if left { trees.nodes.left[at] } else { trees.nodes.right[at] } as usize;
            }
            let leaf = trees.nodes.left[at] as usize * trees.outputs;
            sums.iter_mut().zip(&trees.leaves.values[leaf..]).for_each(|(sum, value)| *sum += value);
        }
        sums.iter().map(|sum| sum / trees.roots.len() as f64).collect()
    };
    values.chunks_exact(width).map(score).collect()
}

/// Numbers that look random, from 0 to 1.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A table of 400 rows and 3 columns, values and classes.
fn table() -> (Vec<f64>, Vec<f64>, Vec<u32>) {
    let values: Vec<f64> = (0..1200).map(noise).collect();
    let targets: Vec<f64> =
        values.chunks_exact(3).map(|row| row[0] * row[1] + (4.0 * row[2]).sin()).collect();
    let classes =
        targets.iter().zip(2000..).map(|(y, at)| ((y + 0.4 * noise(at)) * 2.0) as u32 % 3).collect();
    (values, targets, classes)
}

const COLUMNS: [Column; 3] = [Column::Number; 3];

#[test]
fn a_full_tree_knows_its_rows() {
    let (values, targets, classes) = table();
    let sample = Sample { values: &values, columns: &COLUMNS, weights: None };
    for criterion in [Criterion::SquaredError, Criterion::Poisson] {
        let shifted: Vec<f64> = targets.iter().map(|y| y + 2.0).collect();
        let params = DecisionTree { criterion: Some(criterion), ..DecisionTree::default() };
        let fitted = params.fit(sample, Target::Values(&shifted), &Context::seeded(1)).unwrap().fitted;
        for (score, target) in scores(&fitted, &values, 3).iter().zip(&shifted) {
            assert!((score[0] - target).abs() < 1e-12);
        }
    }
    let labels = Labels::range(3);
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        let params = DecisionTree { criterion: Some(criterion), ..DecisionTree::default() };
        let target = Target::Classes { codes: &classes, labels: &labels };
        let fitted = params.fit(sample, target, &Context::seeded(1)).unwrap().fitted;
        for (score, class) in scores(&fitted, &values, 3).iter().zip(&classes) {
            assert_eq!(score[*class as usize], 1.0);
        }
    }
}

#[test]
fn weights_are_repetitions_to_the_bit() {
    let (values, _, classes) = table();
    let labels = Labels::range(3);
    let weights: Vec<f64> = (0..400).map(|row| f64::from(row % 3)).collect();
    let params = DecisionTree { max_depth: Some(6), ..DecisionTree::default() };
    let sample = Sample { values: &values, columns: &COLUMNS, weights: Some(&weights) };
    let target = Target::Classes { codes: &classes, labels: &labels };
    let weighted = params.fit(sample, target, &Context::seeded(1)).unwrap().fitted;
    let repeated = (0..400).flat_map(|row| std::iter::repeat_n(row, row % 3)).collect::<Vec<usize>>();
    let rows: Vec<f64> = repeated.iter().flat_map(|row| values[row * 3..row * 3 + 3].to_vec()).collect();
    let codes: Vec<u32> = repeated.iter().map(|row| classes[*row]).collect();
    let sample = Sample { values: &rows, columns: &COLUMNS, weights: None };
    let target = Target::Classes { codes: &codes, labels: &labels };
    let repeated = params.fit(sample, target, &Context::seeded(1)).unwrap().fitted;
    assert_eq!(scores(&weighted, &values, 3), scores(&repeated, &values, 3));
}

#[test]
fn missing_values_go_where_they_part_best() {
    // What is missing tells the target.
    let values: Vec<f64> = (0..300).map(|at| if noise(at) < 0.3 { f64::NAN } else { noise(at) }).collect();
    let targets: Vec<f64> = values.iter().map(|value| if value.is_nan() { 5.0 } else { 1.0 }).collect();
    let sample = Sample { values: &values, columns: &COLUMNS[..1], weights: None };
    let stump = DecisionTree { max_depth: Some(1), ..DecisionTree::default() };
    let fitted = stump.fit(sample, Target::Values(&targets), &Context::seeded(1)).unwrap().fitted;
    for (score, target) in scores(&fitted, &values, 1).iter().zip(&targets) {
        assert_eq!(score[0], *target);
    }
    let extra = Forest { n_estimators: 3, ..Forest::extra(false) };
    let fitted = extra.fit(sample, Target::Values(&targets), &Context::seeded(1)).unwrap().fitted;
    for (score, target) in scores(&fitted, &values, 1).iter().zip(&targets) {
        assert_eq!(score[0], *target);
    }
}

#[test]
fn forests_are_the_same_on_any_number_of_threads_and_learn() {
    let (values, _, classes) = table();
    let labels = Labels::range(3);
    let sample = Sample { values: &values[..900], columns: &COLUMNS, weights: None };
    let target = Target::Classes { codes: &classes[..300], labels: &labels };
    for forest in [Forest::random(true), Forest::extra(true)] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| forest.fit(sample, target, &Context::seeded(9)).unwrap().fitted)
        };
        let fitted = on(1);
        assert_eq!(fitted, on(3));
        let held_out = scores(&fitted, &values[900..], 3);
        let hits = held_out.iter().zip(&classes[300..]).filter(|(score, class)| {
            (0..3).fold(0, |best, at| if score[at] > score[best] { at } else { best }) == **class as usize
        });
        let hits = hits.count();
        assert!(hits > 60, "{hits} of 100");
    }
}

/// The trees of `reference/trees.py`, and the same data.
#[test]
fn trees_agree_with_scikit_learn() {
    let (values, targets, classes) = table();
    let shifted: Vec<f64> = targets.iter().map(|y| y + 2.0).collect();
    let weights: Vec<f64> = (0..400).map(|row| 0.5 + noise(5000 + row)).collect();
    let hole = |(at, value): (usize, &f64)| if noise(7000 + at) < 0.1 { f64::NAN } else { *value };
    let missing: Vec<f64> = values.iter().enumerate().map(hole).collect();
    let labels = Labels::range(3);
    let of_classes = Target::Classes { codes: &classes, labels: &labels };
    let plain = DecisionTree::default();
    let depth = |depth| DecisionTree { max_depth: Some(depth), ..plain.clone() };
    let criterion = |criterion, depth| DecisionTree {
        criterion: Some(criterion),
        max_depth: Some(depth),
        ..plain.clone()
    };
    let expected = include_str!("reference/trees.txt");
    let mut compared = 0;
    for line in expected.lines() {
        let (name, answers) = line.split_once(": ").unwrap();
        let (params, table, target) = match name {
            "squared_error depth 5" => (depth(5), &values, Target::Values(&targets)),
            "squared_error leaf 7" => {
                (DecisionTree { min_samples_leaf: 7, ..plain.clone() }, &values, Target::Values(&targets))
            }
            "squared_error weights" => (depth(4), &values, Target::Values(&targets)),
            "squared_error missing" => (depth(4), &missing, Target::Values(&targets)),
            "squared_error pruned" => {
                (DecisionTree { ccp_alpha: 0.002, ..plain.clone() }, &values, Target::Values(&targets))
            }
            "poisson depth 4" => (criterion(Criterion::Poisson, 4), &values, Target::Values(&shifted)),
            "gini depth 4" => (depth(4), &values, of_classes),
            "gini decrease" => {
                (DecisionTree { min_impurity_decrease: 0.01, ..plain.clone() }, &values, of_classes)
            }
            "gini balanced" => {
                (DecisionTree { class_weight: Some(ClassWeight::Balanced), ..depth(3) }, &values, of_classes)
            }
            "gini missing" => (depth(3), &missing, of_classes),
            "entropy depth 3" => (criterion(Criterion::Entropy, 3), &values, of_classes),
            other => panic!("`{other}` is not a tree of this test"),
        };
        let weights = name.ends_with("weights").then_some(weights.as_slice());
        let sample = Sample { values: table, columns: &COLUMNS, weights };
        let fitted = params.fit(sample, target, &Context::seeded(1)).unwrap().fitted;
        let got = scores(&fitted, table, 3).into_iter().flatten();
        for (at, (got, expected)) in got.zip(answers.split(' ')).enumerate() {
            let expected: f64 = expected.parse().unwrap();
            assert!((got - expected).abs() < 1e-9, "{name}, answer {at}: {got} and {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6 * 60 + 5 * 180);
}
