//! Models that contradict themselves, as a hostile file may have them: each is refused, and none harms.

use foretell_frame::{Cell, Labels, Shape};
use foretell_model::estimator::{
    Activation, Average, Condition, GaussianNaiveBayes, Layer, Linear, Neural, ObliviousTrees, Test, Trees,
};
use foretell_model::head::{ClassPredict, Classification, LabelRule, Link, Probability};
use foretell_model::step::{
    Answer, Arithmetic, Branch, Categories, Function, Impute, OneHot, Ordinal, Predict, Scale, Step, Unknown,
};
use foretell_model::{Estimator, Fitted, Head, Model};

use crate::zoo::{Numbers, classifier, forest, linear, parts, regression, texts};

/// A change that breaks something, and the refusal that follows.
type Broken<'a, T> = (&'a dyn Fn(&mut T), &'a str);

fn refusal(features: usize, steps: Vec<Step>, estimator: Option<Fitted>) -> String {
    Model::new(parts(features, steps, estimator)).unwrap_err().to_string()
}

fn step(step: Step) -> String {
    refusal(2, vec![step], None)
}

fn estimator(estimator: Estimator) -> String {
    refusal(2, Vec::new(), Some(Fitted { estimator, head: regression(1, Link::Identity) }))
}

fn trees(change: impl Fn(&mut Trees)) -> String {
    let mut trees = forest(2, 2, 2, 1, false, &mut Numbers(1));
    change(&mut trees);
    estimator(Estimator::Trees(trees))
}

fn head(classification: Classification, outputs: usize) -> String {
    let estimator = linear(2, outputs, &mut Numbers(1));
    refusal(2, Vec::new(), Some(Fitted { estimator, head: Head::Classification(classification) }))
}

#[test]
fn conditions_and_leaves_of_oblivious_trees() {
    let trees = ObliviousTrees {
        features: 2,
        outputs: 1,
        missing_above: vec![false; 2],
        conditions: vec![Condition { feature: 1, test: Test::Above(0.5) }],
        depths: vec![1],
        tests: vec![0],
        leaves: vec![1.0, 2.0],
        scale: 1.0,
        bias: vec![0.0],
    };
    let broken: [Broken<'_, ObliviousTrees>; 7] = [
        (&|t| t.conditions[0].feature = 2, "a feature below 2, got 2"),
        (&|t| t.conditions[0].test = Test::Above(f32::NAN), "a threshold, got NaN"),
        (&|t| t.tests[0] = 1, "a condition below 1, got 1"),
        (&|t| t.depths[0] = 60, "levels of a tree below 25, got 60"),
        (&|t| t.depths.push(1), "2 conditions of levels, got 1"),
        (&|t| t.leaves.truncate(1), "2 leaf values, got 1"),
        (&|t| t.missing_above.truncate(1), "2 places of missing values, got 1"),
    ];
    for (change, expected) in broken {
        let mut trees = trees.clone();
        change(&mut trees);
        let expected = format!("estimator: expected {expected}");
        assert_eq!(estimator(Estimator::ObliviousTrees(trees)), expected);
    }
}

#[test]
fn constants_of_scalers() {
    let scale = |operation| Step::Scale(Scale { operations: vec![operation], ..Scale::default() });
    let error = step(scale(Arithmetic::Divide(vec![1.0])));
    assert_eq!(error, "step 1 (scale): expected 2 constants, got 1");
    let error = step(scale(Arithmetic::Clip { low: f64::NAN, high: 1.0 }));
    assert_eq!(error, "step 1 (scale): expected numbers as bounds, got NaN");
    let centre = Scale { centre: Some(vec![0.0; 3]), ..Scale::default() };
    assert_eq!(step(Step::Scale(centre)), "step 1 (scale): expected 2 centres, got 3");
}

#[test]
fn columns_of_imputers_branches_and_selections() {
    assert_eq!(step(Step::Select(vec![0, 2])), "step 1 (select): expected a column below 2, got 2");
    let branch = |columns, steps| Branch { columns, steps, weight: None };
    let inner =
        Step::Parallel(vec![branch(vec![0], Vec::new()), branch(vec![1], vec![Step::Select(vec![1])])]);
    let expected = "step 1 (columns), branch 2, step 1 (select): expected a column below 1, got 1";
    assert_eq!(step(inner), expected);
    let impute =
        |fill, indicators| Impute { marker: Cell::Missing, fill, indicators, refuse_missing: Vec::new() };
    let error = step(Step::Impute(impute(vec![None], Vec::new())));
    assert_eq!(error, "step 1 (impute): expected 2 replacements, got 1");
    let error = step(Step::Impute(impute(vec![None, None], vec![9])));
    assert_eq!(error, "step 1 (impute): expected a column below 2, got 9");
}

#[test]
fn one_feature_of_two_kinds() {
    let fill = Impute {
        marker: Cell::Missing,
        fill: vec![Some(Cell::Text("x".into())), None],
        indicators: Vec::new(),
        refuse_missing: Vec::new(),
    };
    let error = refusal(2, vec![Step::Impute(fill), Step::Elementwise(vec![Function::Exp])], None);
    let expected = "step 2 (function): expected a column of kind number, \
                    got feature 0, which is a string elsewhere";
    assert_eq!(error, expected);
}

#[test]
fn categories() {
    let one_hot = |change: &dyn Fn(&mut Categories), unknown| {
        let mut columns = vec![texts(&["a", "b"]), texts(&["c"])];
        change(&mut columns[0]);
        step(Step::OneHot(OneHot { columns, unknown }))
    };
    let cases: [Broken<'_, Categories>; 5] = [
        (&|c| c.codes.truncate(1), "expected 2 codes, got 1"),
        (&|c| c.codes[0] = Some(2), "expected an indicator below 2, got 2"),
        (&|c| c.infrequent = Some(u32::MAX), "expected an indicator below 2, got 4294967295"),
        (&|c| c.width = usize::MAX, "expected at most 3 indicators, got 18446744073709551615"),
        (
            &|c| c.values[1] = Cell::Number(1.0),
            "expected a column of kind number, got feature 0, which is a string elsewhere",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(one_hot(change, Unknown::Ignore), format!("step 1 (one-hot): {expected}"));
    }
    let error = one_hot(&|_| (), Unknown::Code(1.0));
    assert_eq!(error, "step 1 (one-hot): expected a rule for unknown categories of a one-hot, got 1");
    let mut dropped = texts(&["a"]);
    dropped.codes[0] = None;
    let columns = vec![dropped, texts(&["b"])];
    let error = step(Step::Ordinal(Ordinal { columns, unknown: Unknown::Error, missing: 0.0 }));
    assert_eq!(error, "step 1 (ordinal): expected a code for every category, got a dropped category");
}

#[test]
fn shapes_of_estimators() {
    let short = Linear { features: 2, coefficients: vec![1.0; 3], intercept: vec![0.0] };
    let error = estimator(Estimator::Linear(short));
    assert_eq!(error, "estimator: expected 1 x 2 coefficients, got 3");
    let huge = Linear { features: usize::MAX, coefficients: Vec::new(), intercept: vec![0.0; 3] };
    let error = estimator(Estimator::Linear(huge));
    assert_eq!(error, format!("estimator: expected 3 x {} coefficients, got 0", usize::MAX));
    let error = estimator(linear(5, 1, &mut Numbers(1)));
    assert_eq!(error, "estimator: expected 5 columns, got 2");
    let layer = |inputs, outputs| Layer {
        inputs,
        outputs,
        weights: vec![0.0; inputs * outputs],
        bias: vec![0.0; outputs],
        activation: Activation::Relu,
    };
    let neural = |layers| estimator(Estimator::Neural(Neural { layers, single: false }));
    assert_eq!(neural(Vec::new()), "estimator: expected at least one layer, got none");
    let error = neural(vec![layer(2, 3), layer(4, 1)]);
    assert_eq!(error, "estimator, layer 2: expected 3 inputs, got 4");
    let short = Layer { weights: vec![0.0; 5], ..layer(2, 3) };
    assert_eq!(neural(vec![short]), "estimator, layer 1: expected 6 weights, got 5");
    let bayes =
        GaussianNaiveBayes { features: 2, log_prior: vec![0.0], mean: vec![0.0; 2], variance: vec![1.0] };
    let error = estimator(Estimator::GaussianNaiveBayes(bayes));
    assert_eq!(error, "estimator: expected 2 variances, got 1");
    let error = estimator(Estimator::Constant(Vec::new()));
    assert_eq!(error, "estimator: expected at least one raw score, got 0");
}

#[test]
fn nodes_that_are_no_tree() {
    // Each tree of the forest has nodes 0, 1, 2 as splits and 3 to 6 as leaves.
    let cases: [Broken<'_, Trees>; 9] = [
        (&|t| t.nodes.left[1] = 99, "tree 0, node 99: there is no such node"),
        (&|t| t.nodes.left[1] = 0, "tree 0, node 0: it is reached twice"),
        (&|t| t.nodes.left[1] = 5, "tree 0, node 5: it is reached twice"),
        (&|t| t.roots[1] = 0, "tree 1, node 0: it is reached twice"),
        (&|t| t.roots[0] = u32::MAX, "tree 0, node 4294967295: there is no such node"),
        (&|t| (t.nodes.left[3], t.nodes.right[3]) = (8, 8), "tree 0, node 3: its leaf has no value"),
        (&|t| t.nodes.feature[2] = 2, "tree 0, node 2: it tests a feature that does not exist"),
        (&|t| t.nodes.threshold[0] = f64::NAN, "tree 0, node 0: its threshold is not a number"),
        (&|t| t.nodes.categorical[0] = true, "tree 0, node 0: its category set does not exist"),
    ];
    for (change, expected) in cases {
        assert_eq!(trees(change), format!("estimator: {expected}"));
    }
}

#[test]
fn nodes_may_stand_in_any_order() {
    let mut trees = forest(2, 2, 2, 1, false, &mut Numbers(1));
    let last = trees.nodes.left.len() as u32 - 1;
    let nodes = &mut trees.nodes;
    for (left, right) in nodes.left.iter_mut().zip(&mut nodes.right).filter(|(left, right)| left != right) {
        (*left, *right) = (last - *left, last - *right);
    }
    nodes.feature.reverse();
    nodes.threshold.reverse();
    nodes.left.reverse();
    nodes.right.reverse();
    nodes.missing_left.reverse();
    nodes.categorical.reverse();
    nodes.zero_missing.reverse();
    trees.roots.iter_mut().for_each(|root| *root = last - *root);
    let fitted = |trees: &Trees| {
        let estimator = Estimator::Trees(trees.clone());
        Some(Fitted { estimator, head: regression(1, Link::Identity) })
    };
    Model::new(parts(2, Vec::new(), fitted(&trees))).unwrap();
    let root = trees.roots[1] as usize;
    trees.nodes.feature[root] = 2;
    let expected = format!("estimator: tree 1, node {root}: it tests a feature that does not exist");
    assert_eq!(refusal(2, Vec::new(), fitted(&trees)), expected);
}

#[test]
fn counts_of_trees() {
    let cases: [Broken<'_, Trees>; 8] = [
        (&|t| t.nodes.missing_left.truncate(3), "expected 14 entries in every array of nodes, got 3"),
        (&|t| t.outputs = 0, "expected at least one raw score, got 0"),
        (&|t| t.leaves.width = 0, "expected 1 or 1 values a leaf, got 0"),
        (&|t| t.output_of_tree = vec![0], "expected 2 outputs of trees, got 1"),
        (&|t| t.output_of_tree[1] = 1, "expected an output below 1, got 1"),
        (&|t| t.base = Vec::new(), "expected 1 base scores, got 0"),
        (&|t| t.category_sets = vec![vec![2, 1]], "expected ascending categories, got [2, 1]"),
        (
            &|t| (t.roots, t.output_of_tree, t.average) = (Vec::new(), Vec::new(), Average::Mean),
            "expected at least one tree to average, got none",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(trees(change), format!("estimator: {expected}"));
    }
}

#[test]
fn heads_that_do_not_fit_their_scores() {
    let softmax = |classes| classifier(classes, LabelRule::LargestScore, Some(Probability::Softmax));
    assert_eq!(head(softmax(3), 2), "head: expected 3 raw scores, got 2");
    assert_eq!(head(softmax(0), 2), "head: expected at least one class of each target, got none");
    let sigmoid = classifier(3, LabelRule::Positive, Some(Probability::Sigmoid { scale: 1.0 }));
    assert_eq!(head(sigmoid, 1), "head: expected 2 classes, got 3");
    let two =
        Classification { classes: vec![Labels::range(2); 2], ..classifier(2, LabelRule::Positive, None) };
    assert_eq!(head(two.clone(), 1), "head: expected one target, got 2 targets");
    let two = Classification { multi_target: true, ..two };
    assert_eq!(head(two, 1), "head: expected 1 target, got 2");
    let none = classifier(2, LabelRule::AboveHalf, None);
    assert_eq!(head(none, 1), "head: expected probabilities for the class above 1/2, got none");
    let predict =
        Classification { predict: ClassPredict::Margin, ..classifier(2, LabelRule::Positive, None) };
    let expected = "head: expected a margin or a decision function for predict, got none";
    assert_eq!(head(predict, 1), expected);
    let decision =
        Classification { decision: Some(Shape::Matrix(2)), ..classifier(2, LabelRule::Positive, None) };
    assert_eq!(head(decision, 1), "head: expected 2 raw scores, got 1");
}

#[test]
fn answers_that_a_head_does_not_give() {
    let predict = |head, answer| {
        let estimator = linear(2, 1, &mut Numbers(1));
        let predict = Predict { fitted: Fitted { estimator, head }, answer };
        step(Step::Predict(Box::new(predict)))
    };
    let expected = "step 1 (predict): expected a head that answers Probability, got another";
    assert_eq!(predict(regression(1, Link::Identity), Answer::Probability), expected);
    let wide = predict(regression(3, Link::Identity), Answer::Value);
    assert_eq!(wide, "step 1 (predict), head: expected 3 raw scores, got 1");
    let classes = Head::Classification(classifier(2, LabelRule::Positive, None));
    assert!(predict(classes.clone(), Answer::Value).contains("a head that answers Value"));
    let numbers = Answer::Label(vec![vec![0.0; 3]]);
    assert_eq!(predict(classes, numbers), "step 1 (predict): expected 2 numbers of classes, got 3");
}

#[test]
fn nesting_and_counts_without_bound() {
    let nested = (0..100).fold(Step::Select(vec![0]), |inner, _| {
        Step::Parallel(vec![Branch { columns: vec![0], steps: vec![inner], weight: None }])
    });
    assert!(refusal(1, vec![nested], None).ends_with("expected at most 32 nested levels, got more"));
    let error = refusal(usize::MAX, Vec::new(), None);
    assert_eq!(error, format!("input: expected at most 1048576 features, got {}", usize::MAX));
}

#[test]
fn names() {
    let mut with = parts(2, Vec::new(), None);
    with.names = Some(vec!["x".into(), "x".into()]);
    let error = Model::new(with.clone()).unwrap_err().to_string();
    assert_eq!(error, "feature name `x` occurs twice, at positions 0 and 1");
    with.names = Some(vec!["x".into()]);
    assert_eq!(Model::new(with.clone()).unwrap_err().to_string(), "expected 2 feature names, got 1");
    with.names = None;
    with.output_names = Some(vec!["only".into()]);
    assert_eq!(Model::new(with).unwrap_err().to_string(), "output: expected 2 names, got 1");
}
