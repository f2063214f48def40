//! Estimators with one exact answer: agreement with scikit-learn, whose answers `reference/linear.py` wrote.

use std::sync::Arc;

use foretell_frame::{Frame, Labels, Method, MethodSet, Predictions};
use foretell_model::{Description, Model, ModelParts, Pipeline, Predictor, Provenance, Scratch, Task};
use foretell_train::estimator::{Learnt, elastic_net, lda, linear, logistic, naive_bayes, qda, ridge, svm};
use foretell_train::parameter::{Parameters, Value};
use foretell_train::{Column, Context, Sample, Target};

const COLUMNS: [Column; 3] = [Column::Number; 3];

/// Numbers that look random, from 0 to 1.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

struct Table {
    x: Vec<f64>,
    y: Vec<f64>,
    noisy: Vec<f64>,
    weights: Vec<f64>,
}

impl Table {
    fn new() -> Self {
        let x: Vec<f64> = (0..1200).map(noise).collect();
        let y: Vec<f64> = x.chunks_exact(3).map(|row| row[0] * row[1] + 2.0 * row[2]).collect();
        let noisy = y.iter().zip(2000..).map(|(y, at)| y + 0.4 * noise(at)).collect();
        let weights = (3000..3400).map(|at| 0.5 + noise(at)).collect();
        Self { x, y, noisy, weights }
    }

    fn sample(&self) -> Sample<'_> {
        Sample { values: &self.x, columns: &COLUMNS, weights: Some(&self.weights) }
    }
}

fn reference(name: &str) -> Vec<f64> {
    let line = include_str!("reference/linear.txt").lines().find(|line| line.split(' ').next() == Some(name));
    line.expect("a line of this name")
        .split(' ')
        .skip(1)
        .map(|number| number.parse().expect("a number"))
        .collect()
}

/// The answers of the served model for the first 20 rows, against scikit-learn's.
fn assert_agrees(name: &str, learnt: impl Into<Learnt>, task: Task, method: Method, table: &Table) {
    let Learnt { steps: scoring, fitted, .. } = learnt.into();
    let model = Model::new(ModelParts {
        pipeline: Pipeline { scoring, estimator: Some(fitted), ..Pipeline::default() },
        features: 3,
        names: None,
        hints: None,
        task,
        output_names: None,
        description: Description::default(),
        provenance: Provenance::default(),
    });
    let predictor = Predictor::new(Arc::new(model.expect("a valid model")));
    let mut frame = Frame::new(predictor.model().schema());
    table.x.chunks_exact(3).take(20).for_each(|row| frame.push_numbers(row));
    let got = numbers(&predictor, &frame, method);
    let expected = reference(name);
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-6, "{name}: {got} {expected}");
    }
}

fn numbers(predictor: &Predictor, frame: &Frame, method: Method) -> Vec<f64> {
    let mut out = Predictions::default();
    let methods: MethodSet = [method].into_iter().collect();
    predictor.predict_into(frame, methods, &mut Scratch::default(), &mut out).expect("finite rows");
    out.get(method).expect("an answer of this method").values().to_vec()
}

fn with<P: Parameters>(parameters: &[(&str, Value)]) -> P {
    let mut with = P::default();
    parameters.iter().for_each(|(name, value)| with.set(name, value).expect("a valid parameter"));
    with
}

#[test]
fn ridge_agrees_with_scikit_learn() {
    let table = Table::new();
    let origin = [("alpha", Value::Float(0.25)), ("fit_intercept", Value::Bool(false))];
    for (name, parameters) in [("ridge", &[][..]), ("ridge-origin", &origin)] {
        let target = Target::Values(&table.y);
        let fitted = ridge::fit(&with(parameters), table.sample(), target, &Context::seeded(0)).unwrap();
        assert_agrees(name, fitted, Task::Regression, Method::Predict, &table);
    }
}

#[test]
fn logistic_regression_agrees_with_scikit_learn() {
    let table = Table::new();
    let two: Vec<u32> = table.noisy.iter().map(|y| u32::from(*y > 1.3)).collect();
    let three: Vec<u32> = table.noisy.iter().map(|y| *y as u32 % 3).collect();
    let origin = [("C", Value::Int(10)), ("fit_intercept", Value::Bool(false))];
    let softmax = [("C", Value::Float(3.0))];
    let penalty = |name: &str| ("penalty", Value::Text(name.to_owned()));
    let l1 = [penalty("l1"), ("C", Value::Float(0.1))];
    let both = [penalty("elasticnet"), ("l1_ratio", Value::Float(0.7)), ("C", Value::Float(0.2))];
    let none = [penalty("none")];
    let cases = [
        ("binary", &[][..], &two, 2),
        ("binary-origin", &origin, &two, 2),
        ("binary-l1", &l1, &two, 2),
        ("binary-both", &both, &two, 2),
        ("binary-none", &none, &two, 2),
        ("softmax", &softmax, &three, 3),
        ("softmax-l1", &l1, &three, 3),
        ("softmax-both", &both, &three, 3),
        ("softmax-none", &none, &three, 3),
    ];
    for (name, parameters, codes, classes) in cases {
        let target = Target::Classes { codes, labels: &Labels::range(classes) };
        let fitted = logistic::fit(&with(parameters), table.sample(), target, &Context::seeded(0)).unwrap();
        assert_agrees(name, fitted, Task::Classification, Method::PredictProba, &table);
    }
}

/// The same rows with a third column that is the sum of the others.
fn dependent(table: &Table) -> Table {
    let x = table.x.chunks_exact(3).flat_map(|row| [row[0], row[1], row[0] + row[1]]).collect();
    Table { x, y: table.y.clone(), noisy: table.noisy.clone(), weights: table.weights.clone() }
}

#[test]
fn least_squares_agree_with_scikit_learn() {
    let (table, context) = (Table::new(), Context::seeded(0));
    let target = Target::Values(&table.y);
    let origin = with(&[("fit_intercept", Value::Bool(false))]);
    for (name, parameters) in [("linear", with(&[])), ("linear-origin", origin)] {
        let fitted = linear::fit(&parameters, table.sample(), target, &context).unwrap();
        assert_agrees(name, fitted, Task::Regression, Method::Predict, &table);
    }
    let lasso = with::<elastic_net::Lasso>(&[("alpha", Value::Float(0.01))]);
    let both = with(&[("alpha", Value::Float(0.05)), ("l1_ratio", Value::Float(0.25))]);
    for (name, parameters) in [("lasso", (&lasso).into()), ("elastic-net", both)] {
        let fitted = elastic_net::fit(&parameters, table.sample(), target, &context).unwrap();
        assert_agrees(name, fitted, Task::Regression, Method::Predict, &table);
    }
    let table = dependent(&table);
    let fitted = linear::fit(&with(&[]), table.sample(), target, &context).unwrap();
    assert_agrees("linear-dependent", fitted, Task::Regression, Method::Predict, &table);
}

#[test]
fn discriminants_and_bayes_agree_with_scikit_learn() {
    let (table, context) = (Table::new(), Context::seeded(0));
    let two: Vec<u32> = table.noisy.iter().map(|y| u32::from(*y > 1.3)).collect();
    let three: Vec<u32> = table.noisy.iter().map(|y| *y as u32 % 3).collect();
    let of_dependent = dependent(&table);
    for (name, table, codes, classes) in [
        ("lda-binary", &table, &two, 2),
        ("lda", &table, &three, 3),
        ("lda-dependent", &of_dependent, &three, 3),
    ] {
        let sample = Sample { weights: None, ..table.sample() };
        let target = Target::Classes { codes, labels: &Labels::range(classes) };
        let fitted = lda::fit(&with(&[]), sample, target, &context).unwrap();
        assert_agrees(name, fitted, Task::Classification, Method::PredictProba, table);
    }
    let target = Target::Classes { codes: &three, labels: &Labels::range(3) };
    let fitted = naive_bayes::fit(&with(&[]), table.sample(), target, &context).unwrap();
    assert_agrees("bayes", fitted, Task::Classification, Method::PredictProba, &table);
    let above = [("binarize", Value::Float(0.5)), ("alpha", Value::Float(0.25))];
    let even = [("binarize", Value::Float(0.3)), ("fit_prior", Value::Bool(false))];
    for (name, parameters) in [("bernoulli", &above), ("bernoulli-even", &even)] {
        let learnt = naive_bayes::fit_bernoulli(&with(parameters), table.sample(), target, &context).unwrap();
        assert_agrees(name, learnt, Task::Classification, Method::PredictProba, &table);
    }
}

#[test]
fn quadratic_discriminants_agree_with_scikit_learn() {
    let (table, context) = (Table::new(), Context::seeded(0));
    let two: Vec<u32> = table.noisy.iter().map(|y| u32::from(*y > 1.3)).collect();
    let three: Vec<u32> = table.noisy.iter().map(|y| *y as u32 % 3).collect();
    let shares = Value::List([0.25, 0.25, 0.5].map(Value::Float).to_vec());
    let regular = [("priors", shares), ("reg_param", Value::Float(0.3))];
    for (name, parameters, codes, classes, method) in [
        ("qda-binary", &[][..], &two, 2, Method::DecisionFunction),
        ("qda", &[], &three, 3, Method::PredictProba),
        ("qda-regular", &regular, &three, 3, Method::DecisionFunction),
    ] {
        let sample = Sample { weights: None, ..table.sample() };
        let target = Target::Classes { codes, labels: &Labels::range(classes) };
        let learnt = qda::fit(&with(parameters), sample, target, &context).unwrap();
        assert_agrees(name, learnt, Task::Classification, method, &table);
    }
    let of_dependent = dependent(&table);
    let sample = Sample { weights: None, ..of_dependent.sample() };
    let target = Target::Classes { codes: &two, labels: &Labels::range(2) };
    let error = qda::fit(&with(&[]), sample, target, &context).unwrap_err();
    assert!(error.to_string().contains("a greater `reg_param`"), "{error}");
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let missing = Sample { values: &[1.0, 2.0, f64::NAN], columns: &COLUMNS, weights: None };
    let error = ridge::fit(&with(&[]), missing, Target::Values(&[1.0]), &Context::seeded(0)).unwrap_err();
    let text = "the training data: expected finite numbers, got `NaN` in row 1, column 3";
    assert_eq!(error.to_string(), text);
    let error = ridge::Ridge::default().set("alpha", &Value::Int(-1)).unwrap_err();
    assert_eq!(error.to_string(), "parameter `alpha`: expected a number of 0 or more, got `-1`");
    let error = ridge::Ridge::default().set("alhpa", &Value::Int(1)).unwrap_err();
    let text = "`Ridge` has no parameter `alhpa`; its parameters are `alpha`, `fit_intercept`";
    assert_eq!(error.to_string(), text);
    let table = Table::new();
    let two: Vec<u32> = table.noisy.iter().map(|y| u32::from(*y > 1.3)).collect();
    let target = Target::Classes { codes: &two, labels: &Labels::range(2) };
    let half = with(&[("l1_ratio", Value::Float(0.5))]);
    let error = logistic::fit(&half, table.sample(), target, &Context::seeded(0)).unwrap_err();
    let text = "parameter `l1_ratio`: expected none without the penalty `elasticnet`, got `0.5`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn support_vector_machines_agree_with_scikit_learn() {
    let (table, context) = (Table::new(), Context::seeded(0));
    let two: Vec<u32> = table.noisy.iter().map(|y| u32::from(*y > 1.3)).collect();
    let three: Vec<u32> = table.noisy.iter().map(|y| *y as u32 % 3).collect();
    let loss = |name: &str| ("loss", Value::Text(name.to_owned()));
    let exact = [("tol", Value::Float(1e-10)), ("max_iter", Value::Int(1_000_000))];
    let scaled = [loss("hinge"), ("intercept_scaling", Value::Float(5.0)), ("C", Value::Float(0.5))];
    let origin = [("fit_intercept", Value::Bool(false))];
    for (name, parameters, codes, classes) in [
        ("svc-squared", &[][..], &two, 2),
        ("svc-hinge", &scaled, &two, 2),
        ("svc-three", &origin, &three, 3),
    ] {
        let target = Target::Classes { codes, labels: &Labels::range(classes) };
        let parameters = with(&[parameters, &exact].concat());
        let fitted = svm::fit_classes(&parameters, table.sample(), target, &context).unwrap();
        assert_agrees(name, fitted, Task::Classification, Method::DecisionFunction, &table);
    }
    let squared = [loss("squared_epsilon_insensitive"), ("epsilon", Value::Float(0.1))];
    let wide = [("epsilon", Value::Float(0.3)), ("C", Value::Float(0.5))];
    for (name, parameters) in [("svr", &[][..]), ("svr-wide", &wide), ("svr-squared", &squared)] {
        let target = Target::Values(&table.noisy);
        let parameters = with(&[parameters, &exact].concat());
        let fitted = svm::fit_values(&parameters, table.sample(), target, &context).unwrap();
        assert_agrees(name, fitted, Task::Regression, Method::Predict, &table);
    }
}
