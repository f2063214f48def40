//! Steps that replace, encode and rearrange, and what they refuse.

use foretell_frame::{Cell, Frame, Method, MethodSet};
use foretell_model::step::{Branch, Categories, Function, Impute, OneHot, Ordinal, Step, Unknown};
use foretell_model::{Model, PredictError, Problem};

use crate::zoo::{model, texts};
use crate::{output, predict};

const NAN: f64 = f64::NAN;

fn transform(features: usize, steps: Vec<Step>, rows: &[&[f64]]) -> Vec<f64> {
    output(model(features, steps, None), rows, Method::Transform)
}

/// Transforms one text column; `None` is a missing value.
fn transform_texts(model: Model, values: &[Option<&str>]) -> Result<Vec<f64>, PredictError> {
    let mut frame = Frame::new(model.schema());
    values.iter().for_each(|value| frame.text_mut(0).push(*value));
    frame.set_rows(values.len());
    let out = predict(model, &frame, MethodSet::EMPTY.with(Method::Transform))?;
    Ok(out.get(Method::Transform).unwrap().values().to_vec())
}

fn number(value: f64) -> Option<Cell> {
    Some(Cell::Number(value))
}

fn impute(marker: Cell, fill: Vec<Option<Cell>>) -> Impute {
    Impute { marker, fill, indicators: Vec::new(), refuse_missing: Vec::new() }
}

#[test]
fn missing_values_are_replaced_and_indicated() {
    let fill = vec![number(7.0), None, number(-1.0)];
    let step = Impute { indicators: vec![2, 1], ..impute(Cell::Missing, fill) };
    let rows: [&[f64]; 2] = [&[NAN, 1.0, 2.0], &[3.0, NAN, NAN]];
    let expected = [7.0, 2.0, 0.0, 0.0, 3.0, -1.0, 1.0, 1.0];
    assert_eq!(transform(3, vec![Step::Impute(step)], &rows), expected);
}

#[test]
fn a_marker_is_replaced_and_a_really_missing_value_refused() {
    let fill = vec![number(7.0), number(8.0)];
    let step = Step::Impute(impute(Cell::Number(-1.0), fill));
    assert_eq!(transform(2, vec![step.clone()], &[&[-1.0, 2.0]]), [7.0, 2.0]);
    let model = model(2, vec![step], None);
    assert!(model.schema().features().iter().all(|feature| !feature.nullable));
    let mut frame = Frame::new(model.schema());
    frame.push_numbers(&[1.0, 1.0]);
    frame.push_numbers(&[1.0, NAN]);
    let error = predict(model, &frame, MethodSet::EMPTY.with(Method::Transform)).unwrap_err();
    assert_eq!(error.to_string(), "row 1, `f1`: expected a number, got a missing value or the result of one");
}

#[test]
fn a_column_that_was_never_missing_may_stay_so_by_decree() {
    let fill = vec![number(0.0), number(0.0)];
    let step = Impute { indicators: vec![0], refuse_missing: vec![1], ..impute(Cell::Missing, fill) };
    let model = model(2, vec![Step::Impute(step)], None);
    let nullable: Vec<bool> = model.schema().features().iter().map(|feature| feature.nullable).collect();
    assert_eq!(nullable, [true, false]);
    let mut frame = Frame::new(model.schema());
    frame.push_numbers(&[NAN, NAN]);
    let error = predict(model, &frame, MethodSet::EMPTY.with(Method::Transform)).unwrap_err();
    assert_eq!(error.violation().map(|violation| violation.feature), Some(Some(1)));
}

#[test]
fn texts_pass_through_imputers_into_a_table() {
    let fill = vec![Some(Cell::Text("none".into()))];
    let branches = vec![
        Branch { columns: vec![1], steps: vec![Step::Impute(impute(Cell::Missing, fill))], weight: None },
        Branch { columns: vec![0], steps: Vec::new(), weight: Some(2.0) },
    ];
    let model = model(2, vec![Step::Parallel(branches)], None);
    let mut frame = Frame::new(model.schema());
    [Some("a"), None].iter().for_each(|value| frame.text_mut(0).push(*value));
    frame.set_rows(2);
    frame.numbers_mut().copy_from_slice(&[1.5, 2.5]);
    let out = predict(model, &frame, MethodSet::EMPTY.with(Method::Transform)).unwrap();
    assert_eq!(out.table().numbers(), [3.0, 5.0]);
    assert_eq!(out.table().texts()[0].iter().collect::<Vec<_>>(), [Some("a"), Some("none")]);
}

#[test]
fn unknown_categories_follow_the_rule() {
    let with = |unknown| {
        let categories = Categories {
            codes: vec![Some(0), Some(1), Some(1)],
            infrequent: Some(1),
            width: 2,
            ..texts(&["a", "b", "c"])
        };
        model(1, vec![Step::OneHot(OneHot { columns: vec![categories], unknown })], None)
    };
    let values = [Some("a"), Some("c"), Some("zebra"), None];
    let ignored = transform_texts(with(Unknown::Ignore), &values).unwrap();
    assert_eq!(ignored, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let infrequent = transform_texts(with(Unknown::Infrequent), &values).unwrap();
    assert_eq!(infrequent, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    let error = transform_texts(with(Unknown::Error), &values).unwrap_err();
    let expected = "row 2, `f0`: expected a category that the model knows, got `zebra`";
    assert_eq!(error.to_string(), expected);
    let PredictError::Refused { problem, .. } =
        transform_texts(with(Unknown::Error), &values[3..]).unwrap_err()
    else {
        panic!("a missing value is refused");
    };
    assert_eq!(problem, Problem::Missing);
}

#[test]
fn dropped_categories_have_no_indicator_and_missing_ones_may_have_one() {
    let categories = Categories {
        values: vec![Cell::Number(1.0), Cell::Number(2.5), Cell::Missing],
        codes: vec![None, Some(0), Some(1)],
        infrequent: None,
        width: 2,
    };
    let one_hot = Step::OneHot(OneHot { columns: vec![categories], unknown: Unknown::Error });
    let rows: [&[f64]; 3] = [&[1.0], &[2.5], &[NAN]];
    assert_eq!(transform(1, vec![one_hot], &rows), [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn ordinal_codes_tell_unknown_from_missing() {
    let categories = |missing: bool| {
        let mut categories = texts(&["low", "high"]);
        if missing {
            categories.values.push(Cell::Missing);
            categories.codes.push(None);
        }
        categories
    };
    let with = |missing| {
        let columns = vec![categories(missing)];
        model(1, vec![Step::Ordinal(Ordinal { columns, unknown: Unknown::Code(-1.0), missing: -9.0 })], None)
    };
    let values = [Some("high"), Some("?"), None];
    assert_eq!(transform_texts(with(true), &values).unwrap(), [1.0, -1.0, -9.0]);
    assert_eq!(transform_texts(with(false), &values).unwrap(), [1.0, -1.0, -1.0]);
}

#[test]
fn columns_are_selected_and_branches_stand_in_order() {
    let branches = vec![
        Branch {
            columns: vec![2, 0],
            steps: vec![Step::Elementwise(vec![Function::Negative])],
            weight: None,
        },
        Branch { columns: vec![0], steps: Vec::new(), weight: Some(10.0) },
    ];
    let steps = vec![Step::Parallel(branches), Step::Select(vec![2, 0])];
    // Feature 1 is looked at by no branch: a frame has two numbers a row.
    assert_eq!(transform(3, steps, &[&[1.0, 3.0], &[2.0, 4.0]]), [10.0, -3.0, 20.0, -4.0]);
}

#[test]
fn numbers_that_become_infinite_on_the_way_are_refused_where_they_are_not_accepted() {
    let steps = vec![Step::Elementwise(vec![Function::Log]), Step::Scale(Default::default())];
    let model = model(2, steps, None);
    let mut frame = Frame::new(model.schema());
    frame.push_numbers(&[1.0, 0.0]);
    let error = predict(model, &frame, MethodSet::EMPTY.with(Method::Transform)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 0, `f1`: expected a finite number, got one that is infinite or too large"
    );
}
