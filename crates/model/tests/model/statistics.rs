//! Categories as the trees of CatBoost see them.

use foretell_frame::{Frame, Kind, Method, MethodSet};
use foretell_model::step::{Part, Positions, Step, TargetStatistics};
use foretell_model::{Model, PredictError, Problem};

use crate::predict;
use crate::zoo::{model, parts, statistics};

/// A change that breaks something, and the refusal that follows.
type Broken<'a> = (&'a dyn Fn(&mut TargetStatistics), &'a str);

/// What comes out of rows of two numbers and two texts.
fn transformed(model: &Model, rows: &[([f64; 2], [Option<&str>; 2])]) -> Result<Vec<f64>, PredictError> {
    let mut frame = Frame::new(model.schema());
    for (_, texts) in rows {
        texts.iter().enumerate().for_each(|(column, text)| frame.text_mut(column).push(*text));
    }
    frame.set_rows(rows.len());
    let numbers: Vec<f64> = rows.iter().flat_map(|(numbers, _)| *numbers).collect();
    frame.numbers_mut().copy_from_slice(&numbers);
    let predictions = predict(model.clone(), &frame, MethodSet::EMPTY.with(Method::Transform))?;
    Ok(predictions.get(Method::Transform).unwrap().values().to_vec())
}

#[test]
fn categories_become_positions_and_statistics() {
    let model = model(4, vec![Step::TargetStatistics(statistics())], None);
    let kinds: Vec<Kind> = model.schema().features().iter().map(|feature| feature.kind).collect();
    assert_eq!(kinds, [Kind::Number, Kind::Text, Kind::Number, Kind::Text]);
    for (numbers, texts, expected) in [
        ([0.75, 2.0], ["red", "green"], [0.75, 2.0, 0.0, 0.25, 1.0]),
        ([0.5, 2.0], ["green", "green"], [0.5, 2.0, 1.0, 0.75, 0.0]),
        ([1.0, 2.0], ["green", "red"], [1.0, 2.0, 1.0, 0.75, 0.0]),
    ] {
        assert_eq!(transformed(&model, &[(numbers, texts.map(Some))]).unwrap(), expected);
    }
    // A missing number is above the threshold here, and an unknown category has no position.
    let missing = transformed(&model, &[([f64::NAN, 2.0], [Some("blue"), Some("green")])]).unwrap();
    assert!(missing[0].is_nan() && missing[2].is_nan(), "{missing:?}");
    assert_eq!(missing[3..], [0.25, 1.0]);
}

#[test]
fn a_missing_category_is_refused() {
    let model = model(4, vec![Step::TargetStatistics(statistics())], None);
    let nullable: Vec<bool> = model.schema().features().iter().map(|feature| feature.nullable).collect();
    assert_eq!(nullable, [true, false, true, false]);
    let rows = [([1.0, 2.0], [Some("red"); 2]), ([1.0, 2.0], [Some("red"), None])];
    let error = transformed(&model, &rows).unwrap_err();
    let PredictError::Refused { row: 1, feature: Some(3), problem: Problem::Missing, .. } = error else {
        panic!("{error:?}")
    };
}

#[test]
fn statistics_of_what_is_not_there_are_refused() {
    let refusal = |change: &dyn Fn(&mut TargetStatistics)| {
        let mut statistics = statistics();
        change(&mut statistics);
        Model::new(parts(4, vec![Step::TargetStatistics(statistics)], None)).unwrap_err().to_string()
    };
    let broken: [Broken<'_>; 5] = [
        (&|s| s.numbers.push(4), "expected a column below 4, got 4"),
        (
            &|s| s.categories[0] = 0,
            "expected a column of kind number, got feature 0, which is a string elsewhere",
        ),
        (
            &|s| s.positions.push(Positions { category: 2, hashes: Vec::new() }),
            "expected a category column below 2, got 2",
        ),
        (
            &|s| s.tables[0].parts.push(Part::Is { category: 2, hash: 1 }),
            "expected a category column below 2, got 2",
        ),
        (&|s| s.tables[0].hashes.truncate(1), "expected 1 numbers of known combinations, got 2"),
    ];
    for (change, expected) in broken {
        assert_eq!(refusal(change), format!("step 1 (target statistics): {expected}"));
    }
}
