//! Estimators that depend on a seed: as good as scikit-learn's, whose results `reference/stochastic.py` wrote.

use std::sync::Arc;

use foretell_frame::{Frame, Labels, Method, MethodSet, Predictions};
use foretell_model::{
    Description, Fitted, Model, ModelParts, Pipeline, Predictor, Provenance, Scratch, Task,
};
use foretell_train::estimator::{Learnt, isolation, k_means, sgd};
use foretell_train::parameter::{Parameters, Value};
use foretell_train::{Column, Context, Sample, Target};

const WIDTH: usize = 5;
const COLUMNS: [Column; WIDTH] = [Column::Number; WIDTH];
const LEARNS: usize = 1500;
const SEEDS: u64 = 10;

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
}

impl Table {
    fn new() -> Self {
        let x: Vec<f64> = (0..2000 * WIDTH).map(|at| 3.0 * noise(at) - 1.5).collect();
        let score = |x: &[f64]| 2.0 * x[0] - x[1] + 0.5 * x[2] * x[2];
        let y = x.chunks_exact(WIDTH).zip(20_000..).map(|(x, at)| score(x) + 2.0 * noise(at)).collect();
        Self { x, y }
    }

    /// The rows to learn from.
    fn sample(&self) -> Sample<'_> {
        Sample { values: &self.x[..LEARNS * WIDTH], columns: &COLUMNS, weights: None }
    }
}

/// The mean and the standard deviation that scikit-learn's model of this name has.
fn reference(name: &str) -> (f64, f64) {
    let mut lines = include_str!("reference/stochastic.txt").lines();
    let line = lines.find(|line| line.split(' ').next() == Some(name)).expect("a line of this name");
    let numbers: Vec<f64> = line.split(' ').skip(1).map(|number| number.parse().expect("a number")).collect();
    (numbers[0], numbers[1])
}

/// What a model answers to some rows.
fn answers(learnt: Learnt, task: Task, method: Method, rows: &[f64]) -> Vec<f64> {
    let Learnt { steps: scoring, fitted, .. } = learnt;
    let transform = (method == Method::Transform).then(|| k_means::distances(&fitted)).flatten();
    let model = Model::new(ModelParts {
        pipeline: Pipeline { scoring, estimator: Some(fitted), transform, ..Pipeline::default() },
        features: WIDTH,
        names: None,
        hints: None,
        task,
        output_names: None,
        description: Description::default(),
        provenance: Provenance::default(),
    });
    let predictor = Predictor::new(Arc::new(model.expect("a valid model")));
    let mut frame = Frame::new(predictor.model().schema());
    rows.chunks_exact(WIDTH).for_each(|row| frame.push_numbers(row));
    let mut out = Predictions::default();
    let methods: MethodSet = [method].into_iter().collect();
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut out).expect("finite rows");
    out.get(method).expect("an answer of this method").values().to_vec()
}

/// Means over ten seeds that differ by less than three standard errors of their difference, or by next to nothing.
fn assert_as_good(name: &str, of_seed: impl Fn(u64) -> f64) {
    let values: Vec<f64> = (0..SEEDS).map(of_seed).collect();
    let count = SEEDS as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let (expected, deviation) = reference(name);
    let error = ((variance + deviation * deviation) / count).sqrt();
    assert!((mean - expected).abs() < 3.0 * error + 0.002, "{name}: {mean} {expected} {error}");
}

fn with<P: Parameters>(parameters: &[(&str, Value)]) -> P {
    let mut with = P::default();
    parameters.iter().for_each(|(name, value)| with.set(name, value).expect("a valid parameter"));
    with
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn stochastic_gradient_descent_is_as_good_as_scikit_learns() {
    let table = Table::new();
    let two: Vec<u32> = table.y.iter().map(|y| u32::from(*y > 1.0)).collect();
    let three: Vec<u32> = table.y.iter().map(|y| u32::from(*y >= 0.0) + u32::from(*y >= 2.0)).collect();
    let (early, eta0) = (("early_stopping", Value::Bool(true)), |eta| ("eta0", Value::Float(eta)));
    let log = ("loss", text("log_loss"));
    let adaptive = ("learning_rate", text("adaptive"));
    let sparse = [log.clone(), ("penalty", text("l1")), ("alpha", Value::Float(1e-3))];
    let huber = [("loss", text("modified_huber")), ("penalty", text("elasticnet")), early.clone()];
    let squares = [("loss", text("squared_error")), adaptive.clone(), eta0(0.01)];
    let scaling = [log, ("learning_rate", text("invscaling")), eta0(0.1)];
    for (name, codes, classes, parameters) in [
        ("hinge", &two, 2, &[][..]),
        ("log", &two, 2, &sparse),
        ("huber", &two, 2, &huber),
        ("squares", &two, 2, &squares),
        ("three", &three, 3, &scaling),
    ] {
        assert_as_good(name, |seed| {
            let target = Target::Classes { codes: &codes[..LEARNS], labels: &Labels::range(classes) };
            let context = Context::seeded(seed);
            let fitted = sgd::fit_classes(&with(parameters), table.sample(), target, &context).unwrap();
            let held_out = &table.x[LEARNS * WIDTH..];
            let got = answers(fitted.into(), Task::Classification, Method::Predict, held_out);
            let hits = got.iter().zip(&codes[LEARNS..]).filter(|(got, code)| **got == f64::from(**code));
            hits.count() as f64 / got.len() as f64
        });
    }
    let robust = [("loss", text("huber")), ("penalty", text("none")), early];
    let tube =
        [("loss", text("epsilon_insensitive")), ("penalty", text("l1")), ("learning_rate", text("constant"))];
    let steps = [("loss", text("squared_epsilon_insensitive")), adaptive];
    for (name, parameters) in
        [("values", &[][..]), ("values-huber", &robust), ("values-tube", &tube), ("values-steps", &steps)]
    {
        assert_as_good(name, |seed| {
            let (y, known) = table.y.split_at(LEARNS);
            let (target, context) = (Target::Values(y), Context::seeded(seed));
            let fitted = sgd::fit_values(&with(parameters), table.sample(), target, &context).unwrap();
            let held_out = &table.x[LEARNS * WIDTH..];
            let got = answers(fitted.into(), Task::Regression, Method::Predict, held_out);
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let left: f64 = got.iter().zip(known).map(|(got, y)| (got - y).powi(2)).sum();
            1.0 - left / known.iter().map(|y| (y - mean).powi(2)).sum::<f64>()
        });
    }
}

/// Rows around seven points, some of them close to each other.
fn clouds() -> Vec<f64> {
    let centre = |cloud: usize, column: usize| 4.0 * noise(50_000 + cloud * WIDTH + column);
    let at = |at: usize| centre(at / WIDTH % 7, at % WIDTH) + noise(60_000 + at) + noise(90_000 + at);
    (0..1400 * WIDTH).map(at).collect()
}

/// The sum of the squares of the distances to the nearest centres.
fn inertia(fitted: Fitted, rows: &[f64], clusters: usize) -> f64 {
    let learnt = Learnt::from(fitted);
    let assigned = answers(learnt.clone(), Task::Clustering, Method::Predict, rows);
    let distances = answers(learnt, Task::Clustering, Method::Transform, rows);
    let of_row = |(distances, assigned): (&[f64], &f64)| {
        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
        assert!((distances[*assigned as usize] - least).abs() < 1e-9, "{distances:?} {assigned}");
        least * least
    };
    distances.chunks_exact(clusters).zip(&assigned).map(of_row).sum()
}

#[test]
fn clusters_are_as_tight_as_scikit_learns() {
    let rows = clouds();
    let sample = Sample { values: &rows, columns: &COLUMNS, weights: None };
    let random = [("init", text("random")), ("n_init", Value::Int(2))];
    let count = |count| ("n_clusters", Value::Int(count));
    for (name, clusters, parameters) in [
        ("clusters", 7, vec![count(7)]),
        ("clusters-many", 20, vec![count(20)]),
        ("clusters-random", 7, [vec![count(7)], random.to_vec()].concat()),
    ] {
        // Of the whole spread, so that numbers are about 1 at most.
        let whole = reference("clusters-whole").0;
        assert_as_good(name, |seed| {
            let learnt = k_means::fit(&with(&parameters), sample, &Context::seeded(seed)).unwrap();
            inertia(learnt, &rows, clusters) / whole
        });
    }
}

#[test]
fn clusters_of_few_rows_are_found_and_weights_count() {
    // Four different rows, one of which weighs nothing, and as many clusters as others.
    let mut rows = vec![0.0; 40 * WIDTH];
    rows.chunks_exact_mut(WIDTH).enumerate().for_each(|(at, row)| row[0] = (at % 4) as f64 * 10.0 + 1e6);
    let weights: Vec<f64> = (0..40).map(|at| f64::from(at % 4 != 3)).collect();
    let sample = Sample { values: &rows, columns: &COLUMNS, weights: Some(&weights) };
    let three = with(&[("n_clusters", Value::Int(3)), ("init", text("random")), ("n_init", Value::Int(1))]);
    for seed in 0..20 {
        let learnt = k_means::fit(&three, sample, &Context::seeded(seed)).unwrap();
        assert!(inertia(learnt, &rows[..3 * WIDTH], 3) < 1e-6, "{seed}");
    }
    let many = with(&[("n_clusters", Value::Int(31))]);
    let error = k_means::fit(&many, sample, &Context::seeded(0)).unwrap_err();
    assert!(error.to_string().contains("at most 30, the number of rows, got `31`"), "{error}");
}

#[test]
fn isolation_scores_are_distributed_as_scikit_learns() {
    let table = Table::new();
    let outlier = [4.0, -4.0, 4.0, -4.0, 4.0];
    let share = [("contamination", Value::Float(0.05)), ("max_samples", Value::Float(0.5))];
    let few = [("max_features", Value::Int(2)), ("bootstrap", Value::Bool(true))];
    for (name, parameters) in [("isolation", &[][..]), ("isolation-share", &share), ("isolation-few", &few)] {
        let scores = |seed: u64| {
            let learnt = isolation::fit(&with(parameters), table.sample(), &Context::seeded(seed)).unwrap();
            let rows: Vec<f64> = table.x[..200 * WIDTH].iter().chain(&outlier).copied().collect();
            let scores = answers(learnt.clone(), Task::Outlier, Method::ScoreSamples, &rows);
            let found = answers(learnt, Task::Outlier, Method::Predict, &table.x[..LEARNS * WIDTH]);
            let found = found.iter().filter(|answer| **answer < 0.0).count() as f64 / found.len() as f64;
            (scores, found)
        };
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        assert_as_good(&format!("{name}-mean"), |seed| mean(&scores(seed).0[..200]));
        assert_as_good(&format!("{name}-spread"), |seed| {
            let (scores, _) = scores(seed);
            let mean = mean(&scores[..200]);
            scores[..200].iter().map(|score| (score - mean).powi(2)).sum::<f64>().sqrt()
        });
        assert_as_good(&format!("{name}-outlier"), |seed| scores(seed).0[200]);
        assert_as_good(&format!("{name}-found"), |seed| scores(seed).1);
    }
}
