//! Metrics and curves beside scikit-learn's, which `reference.py` wrote to `reference.json`.

use foretell_evaluate::{
    Bootstrap, ClassAnswers, Evaluator, Interval, Metric, Observed, Point, ValueAnswers, baseline,
    calibration, confusion, intervals, precision_recall, roc,
};
use serde_json::Value;

fn cases(kind: &str) -> Vec<Value> {
    let reference: Value = serde_json::from_str(include_str!("reference.json")).expect("it is there");
    reference[kind].as_array().expect("it is there").clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("it is there")
        .iter()
        .map(|number| number.as_f64().expect("it is there"))
        .collect()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|number| number as usize).collect()
}

fn class_answers(case: &Value) -> ClassAnswers {
    ClassAnswers {
        classes: case["classes"].as_u64().expect("it is there") as usize,
        known: indices(&case["known"]).into_iter().map(Some).collect(),
        predicted: indices(&case["predicted"]),
        probabilities: numbers(&case["probabilities"]),
        scores: Vec::new(),
        weights: numbers(&case["weights"]),
    }
}

fn value_answers(case: &Value) -> ValueAnswers {
    ValueAnswers {
        known: numbers(&case["known"]),
        predicted: numbers(&case["predicted"]),
        weights: numbers(&case["weights"]),
        quantile: case["quantile"].as_f64().expect("it is there"),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

/// Every metric is as expected, and every one that is not expected is undefined.
fn assert_metrics(observed: &Observed, case: &Value, number: usize) {
    let evaluator = Evaluator::new(observed);
    let expected = case["expected"].as_object().expect("it is there");
    for metric in Metric::of(evaluator.kind()) {
        let (got, expected) = (evaluator.value(metric), expected.get(metric.name()).and_then(Value::as_f64));
        match (got, expected) {
            (Some(got), Some(expected)) => {
                assert!(close(got, expected), "{metric:?} of {number}: {got} {expected}")
            }
            (got, expected) => assert_eq!(got, expected, "{metric:?} of case {number}"),
        }
    }
}

#[test]
fn classification_metrics_are_scikit_learns() {
    let cases = cases("classification");
    assert_eq!(cases.len(), 12);
    for (number, case) in cases.iter().enumerate() {
        let answers = class_answers(case);
        let expected: Vec<Vec<f64>> =
            case["confusion"].as_array().expect("it is there").iter().map(numbers).collect();
        assert_eq!(confusion(&answers), expected);
        assert_metrics(&Observed::Classes(answers), case, number);
    }
}

#[test]
fn regression_metrics_are_scikit_learns() {
    let cases = cases("regression");
    assert_eq!(cases.len(), 8);
    for (number, case) in cases.iter().enumerate() {
        assert_metrics(&Observed::Values(value_answers(case)), case, number);
    }
}

fn assert_points(got: &[Point], expected: &Value) {
    let expected: Vec<Vec<f64>> = expected.as_array().expect("it is there").iter().map(numbers).collect();
    assert_eq!(got.len(), expected.len(), "{got:?} {expected:?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(close(got.x, expected[0]) && close(got.y, expected[1]), "{got:?} {expected:?}");
    }
}

#[test]
fn curves_are_scikit_learns() {
    let mut seen = 0;
    for case in cases("classification").iter().filter(|case| case["classes"] == 2) {
        let answers = class_answers(case);
        let scores: Vec<f64> = answers.probabilities.chunks(2).map(|row| row[1]).collect();
        let positive: Vec<bool> = answers.known.iter().map(|class| *class == Some(1)).collect();
        assert_points(&roc(&scores, &positive, &answers.weights), &case["roc"]);
        assert_points(&precision_recall(&scores, &positive, &answers.weights), &case["precision_recall"]);
        let bins = calibration(&scores, &positive, 5);
        let points: Vec<Point> = bins.iter().map(|bin| Point { x: bin.predicted, y: bin.observed }).collect();
        assert_points(&points, &case["calibration"]);
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn a_class_the_model_does_not_know_is_wrong_and_leaves_probabilities_out() {
    let observed = Observed::Classes(ClassAnswers {
        classes: 3,
        known: vec![Some(2), None],
        predicted: vec![2, 0],
        probabilities: vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
        ..ClassAnswers::default()
    });
    let evaluator = Evaluator::new(&observed);
    assert_eq!(evaluator.value(Metric::Accuracy), Some(0.5));
    assert_eq!(evaluator.value(Metric::BalancedAccuracy), Some(0.5));
    assert_eq!((evaluator.value(Metric::LogLoss), evaluator.value(Metric::RocAuc)), (None, None));
}

#[test]
fn values_that_do_not_vary_and_single_rows_are_as_in_scikit_learn() {
    let r2 = |known: &[f64], predicted: &[f64]| {
        let answers =
            ValueAnswers { known: known.to_vec(), predicted: predicted.to_vec(), ..ValueAnswers::default() };
        Evaluator::new(&Observed::Values(answers)).value(Metric::R2)
    };
    assert_eq!(r2(&[2.0, 2.0], &[2.0, 2.0]), Some(1.0));
    assert_eq!(r2(&[2.0, 2.0], &[2.0, 3.0]), Some(0.0));
    assert_eq!(r2(&[2.0], &[2.0]), None);
    assert_eq!(r2(&[], &[]), None);
}

#[test]
fn intervals_hold_the_value_shrink_with_rows_and_do_not_depend_on_threads() {
    let answers = |rows: usize| {
        let known: Vec<Option<usize>> = (0..rows).map(|row| Some(row % 2)).collect();
        let predicted = (0..rows).map(|row| if row % 5 == 0 { 1 - row % 2 } else { row % 2 }).collect();
        Observed::Classes(ClassAnswers { classes: 2, known, predicted, ..ClassAnswers::default() })
    };
    let interval = |rows: usize| -> Interval {
        let observed = answers(rows);
        intervals(&Evaluator::new(&observed), &[Metric::Accuracy], Bootstrap::default())[0]
            .expect("it is there")
    };
    let (few, many) = (interval(50), interval(5000));
    assert!(few.low < 0.8 && 0.8 < few.high && many.low < 0.8 && 0.8 < many.high);
    assert!(many.high - many.low < (few.high - few.low) / 5.0, "{few:?} {many:?}");
    // The standard error of a share: the interval is about two of them to each side.
    let expected = 2.0 * 1.96 * (0.8f64 * 0.2 / 5000.0).sqrt();
    assert!(((many.high - many.low) / expected - 1.0).abs() < 0.15, "{many:?} {expected}");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("it is there");
    assert_eq!(one.install(|| interval(50)), few);
}

#[test]
fn a_weight_of_two_is_as_a_row_twice() {
    let case = &cases("classification")[1];
    let once = class_answers(case);
    let rows = once.known.len();
    let twice = ClassAnswers {
        known: [once.known.clone(), once.known.clone()].concat(),
        predicted: [once.predicted.clone(), once.predicted.clone()].concat(),
        probabilities: once.probabilities.repeat(2),
        ..once.clone()
    };
    let weighted = ClassAnswers { weights: vec![2.0; rows], ..once };
    let (twice, weighted) = (Observed::Classes(twice), Observed::Classes(weighted));
    let (twice, weighted) = (Evaluator::new(&twice).all(), Evaluator::new(&weighted).all());
    assert_eq!(twice.len(), 21);
    for ((metric, a), (_, b)) in twice.iter().zip(&weighted) {
        assert!(close(*a, *b), "{metric:?}");
    }
}

#[test]
fn a_baseline_knows_shares_and_means_only() {
    let seen = Observed::Classes(class_answers(&cases("classification")[4]));
    let dummy = baseline(&seen, &seen).expect("it is there");
    let dummy = Evaluator::new(&dummy);
    assert_eq!(dummy.value(Metric::RocAuc), Some(0.5));
    assert!(close(dummy.value(Metric::BalancedAccuracy).expect("it is there"), 1.0 / 3.0));
    let seen = Observed::Values(value_answers(&cases("regression")[0]));
    let dummy = baseline(&seen, &seen).expect("it is there");
    assert!(Evaluator::new(&dummy).value(Metric::R2).expect("it is there").abs() < 1e-12);
}
