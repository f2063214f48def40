//! Steps and an estimator, fitted together: what rows that are learnt from and rows that are served get.

use std::sync::Arc;

use foretell_frame::{Feature, Frame, Labels, Method, MethodSet, Predictions, Schema, ViolationKind};
use foretell_model::{Model, PredictError, Predictor, Scratch, artifact};
use foretell_train::estimator::Kind;
use foretell_train::parameter::Value;
use foretell_train::{Context, FitError, Group, Recipe, Target, Transformer};

/// Numbers that look random, from 0 to 1.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A frame of a number and texts.
fn frame(
    rows: usize,
    number: impl Fn(usize) -> f64,
    texts: &[&dyn Fn(usize) -> Option<String>],
) -> (Schema, Frame) {
    let mut features = vec![Feature::number("number")];
    features.extend((0..texts.len()).map(|at| Feature::text(["first", "second"][at])));
    let schema = Schema::new(features, true).expect("a schema");
    let mut frame = Frame::new(&schema);
    for (column, text) in texts.iter().enumerate() {
        (0..rows).for_each(|row| frame.text_mut(column).push(text(row).as_deref()));
    }
    frame.set_rows(rows);
    frame.numbers_mut().iter_mut().enumerate().for_each(|(row, to)| *to = number(row));
    (schema, frame)
}

fn step(name: &str, parameters: &[(&str, Value)]) -> Transformer {
    let mut step = Transformer::named(name).expect("a step");
    parameters.iter().for_each(|(name, value)| step.set(name, value).expect("a parameter"));
    step
}

fn recipe(kind: &str, classes: bool, groups: Vec<Vec<Transformer>>) -> Recipe {
    let (kind, _) = Kind::find(kind).expect("an estimator");
    let group = |(feature, steps)| Group { features: vec![feature], steps };
    let nullable = vec![false; groups.len()];
    let groups = groups.into_iter().enumerate().map(group).collect();
    Recipe { kind, learner: kind.learner(classes), groups, steps: Vec::new(), nullable }
}

fn predict(model: Model, frame: &Frame) -> Result<Vec<f64>, PredictError> {
    let mut out = Predictions::default();
    let methods = MethodSet::EMPTY.with(Method::Predict);
    Predictor::new(Arc::new(model)).predict_into(frame, methods, &mut Scratch::default(), &mut out)?;
    Ok(out.get(Method::Predict).expect("an answer").values().to_vec())
}

#[test]
fn an_encoded_target_does_not_leak() {
    // Categories of two rows each say nothing of a target that is noise; only a leak would make them seem to.
    let category = |row: usize| Some(format!("c{}", row / 2));
    let (schema, frame) = frame(600, |row| noise(row * 3), &[&category]);
    let y: Vec<f64> = (0..600).map(|row| noise(row * 3 + 1)).collect();
    for smooth in [Value::Text("auto".to_owned()), Value::Float(0.0)] {
        let encode = step("target-encode", &[("smooth", smooth)]);
        let recipe = recipe("linear", false, vec![Vec::new(), vec![encode]]);
        let model =
            recipe.fit(&schema, &frame, Some(Target::Values(&y)), None, &Context::seeded(1)).unwrap().model;
        let answers = predict(model, &frame).unwrap();
        let error: f64 = answers.iter().zip(&y).map(|(answer, y)| (answer - y).powi(2)).sum();
        let mean = y.iter().sum::<f64>() / 600.0;
        let all: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
        // With the leak half of the variance would be told.
        assert!(error / all > 0.9, "{}", error / all);
    }
}

#[test]
fn what_is_fitted_is_the_same_on_any_number_of_threads() {
    let words = ["the", "red", "fox", "runs", "far", "away"];
    let note = |row: usize| {
        let count = 1 + row % 5;
        Some((0..count).map(|at| words[(noise(row * 5 + at) * 6.0) as usize]).collect::<Vec<_>>().join(" "))
    };
    let city = |row: usize| (row % 9 != 4).then(|| format!("city {}", (noise(row) * 12.0) as usize));
    let (schema, frame) = frame(10_000, |row| noise(row + 7).powi(3) - 0.2, &[&note, &city]);
    let codes: Vec<u32> = (0..10_000).map(|row| (noise(row + 3) * 3.0) as u32).collect();
    let labels = Labels::range(3);
    let mut recipe = recipe(
        "lda",
        true,
        vec![
            vec![step("power", &[])],
            vec![step("tf-idf", &[("max_features", Value::Int(5))])],
            vec![step("target-encode", &[]), step("standard", &[])],
        ],
    );
    recipe.steps = vec![step("select-best", &[("k", Value::Int(6))])];
    let artifact = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let target = Target::Classes { codes: &codes, labels: &labels };
        pool.install(|| {
            let model =
                recipe.fit(&schema, &frame, Some(target), None, &Context::seeded(seed)).unwrap().model;
            artifact::encode(&model, "")
        })
    };
    let one = artifact(1, 5);
    assert_eq!(one, artifact(3, 5));
    // The folds are others.
    assert_ne!(one, artifact(1, 6));
}

#[test]
fn dates_are_served_as_texts() {
    let date =
        |row: usize| Some(format!("2024-05-{:02}{}", 1 + row % 28, if row == 3 { "T06:30" } else { "" }));
    let (schema, rows) = frame(100, noise, &[&date]);
    // Fridays to Sundays.
    let weekday = |row: usize| (row % 28 + 2) % 7;
    let y: Vec<f64> = (0..100).map(|row| if weekday(row) < 4 { 1.0 } else { 2.0 }).collect();
    let fit = |parameters: &[(&str, Value)], kind, rows: &Frame| {
        let recipe = recipe(kind, false, vec![Vec::new(), vec![step("date", parameters)]]);
        recipe
            .fit(&schema, rows, Some(Target::Values(&y)), None, &Context::seeded(1))
            .map(|product| product.model)
    };
    let model = fit(&[], "decision-tree", &rows).unwrap();
    let feature = &model.schema().features()[1];
    assert_eq!(feature.example, foretell_frame::Cell::Text("2024-05-01".to_owned()));
    assert_eq!(predict(model.clone(), &rows).unwrap(), y);
    let other = |row: usize| [Some("2031-07-04 10:00:00Z".to_owned()), Some("a day".to_owned())][row].clone();
    let (_, served) = frame(2, noise, &[&other]);
    let refused = predict(model, &served).unwrap_err().violation().unwrap();
    assert_eq!((refused.row, refused.feature), (1, Some(1)));
    assert_eq!(refused.kind, ViolationKind::NotADate { got: "a day".to_owned() });
    let message = refused.message(&schema);
    assert_eq!(message, "expected a date such as `2024-05-01T10:11:12` for `first`, got `a day`");

    // What is no date is missing where that is wanted, and as such learnt from or not.
    let parts = Value::List(["weekday", "epoch-days"].map(|part| Value::Text(part.to_owned())).into());
    let missing = [("errors", Value::Text("missing".to_owned())), ("parts", parts)];
    assert_eq!(predict(fit(&missing, "gradient-boosting", &rows).unwrap(), &served).unwrap().len(), 2);
    let odd = |row: usize| if row == 99 { Some("soon".to_owned()) } else { date(row) };
    let (_, rows) = frame(100, noise, &[&odd]);
    let error = fit(&[], "linear", &rows).unwrap_err().to_string();
    assert!(error.contains("in `first`, got `soon`; with `errors = \"missing\"`"), "{error}");
    let error = fit(&missing, "linear", &rows).unwrap_err().to_string();
    assert!(error.contains("missing values in `first`"), "{error}");
}

#[test]
fn texts_that_would_fill_the_memory_are_refused() {
    // Each row has a word of its own.
    let (schema, frame) = frame(20_000, noise, &[&|row| Some(format!("word{row}"))]);
    let y: Vec<f64> = (0..20_000).map(noise).collect();
    let recipe = recipe("linear", false, vec![Vec::new(), vec![step("bag-of-words", &[])]]);
    let error = recipe.fit(&schema, &frame, Some(Target::Values(&y)), None, &Context::seeded(1)).unwrap_err();
    assert!(matches!(error, FitError::Data { .. }));
    let message = error.to_string();
    assert!(message.contains("20000 rows of 20001 columns") && message.contains("max_features"), "{message}");
}

#[test]
fn steps_say_what_they_cannot_learn_from() {
    let (schema, frame) = frame(30, |row| noise(row) - 0.5, &[&|row| Some(format!("t{}", row % 3))]);
    let y: Vec<f64> = (0..30).map(noise).collect();
    let error = |number: Transformer, text: Transformer| {
        let recipe = recipe("linear", false, vec![vec![number], vec![text]]);
        let target = Target::Values(&y);
        recipe.fit(&schema, &frame, Some(target), None, &Context::seeded(1)).unwrap_err().to_string()
    };
    let standard = || step("standard", &[]);
    let box_cox = step("power", &[("method", Value::Text("box-cox".to_owned()))]);
    let message = error(box_cox, step("one-hot", &[]));
    assert!(message.contains("numbers above 0 in `number` for `box-cox`"), "{message}");
    let of_classes = step("select-best", &[("score_func", Value::Text("chi2".to_owned()))]);
    let message = error(of_classes, step("one-hot", &[]));
    assert!(message.contains("0 or more, in `number` for `chi2`"), "{message}");
    let of_classes = step("select-best", &[("score_func", Value::Text("f_classif".to_owned()))]);
    let message = error(of_classes, step("one-hot", &[]));
    assert!(message.contains("`f_regression` for one of numbers, got `f_classif`"), "{message}");
    let message = error(step("tf-idf", &[]), step("one-hot", &[]));
    assert!(message.contains("texts in `number` for `TfidfVectorizer`, got numbers"), "{message}");
    let message = error(standard(), step("select-best", &[]));
    assert!(message.contains("numbers in `first` for `SelectKBest`, got texts"), "{message}");
    let message = error(step("date", &[]), step("one-hot", &[]));
    assert!(message.contains("texts of dates in `number`, got numbers"), "{message}");
}
