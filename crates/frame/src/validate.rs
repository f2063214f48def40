//! Validation of a batch against a schema: done once, below all protocols.

use crate::{Cell, Feature, Frame, Schema, Slot, Violation, ViolationKind};

/// Appends to `violations` what is wrong with the rows of `frame`, in order of rows, until there are `limit`
/// of them. The frame must have the schema's layout.
pub fn validate(schema: &Schema, frame: &Frame, limit: usize, violations: &mut Vec<Violation>) {
    let suspicious = frame.numbers().iter().any(|value| !value.is_finite());
    let closed = schema.features().iter().any(|feature| feature.closed);
    if !suspicious && !closed && schema.texts() == 0 {
        return;
    }
    for row in 0..frame.rows() {
        for (position, (feature, slot)) in schema.features().iter().zip(schema.slots()).enumerate() {
            if violations.len() >= limit {
                return;
            }
            if let Some(kind) = check(feature, *slot, frame, row) {
                violations.push(Violation { row, feature: Some(position), kind });
            }
        }
    }
}

fn check(feature: &Feature, slot: Slot, frame: &Frame, row: usize) -> Option<ViolationKind> {
    match slot {
        Slot::Number(column) => {
            let value = frame.row(row)[column];
            if value.is_nan() {
                return (!feature.nullable).then_some(ViolationKind::Missing);
            }
            if value.is_infinite() && !feature.infinite {
                return Some(ViolationKind::Infinite);
            }
            let known = |cell: &Cell| matches!(cell, Cell::Number(category) if *category == value);
            unknown(feature, known, || Cell::Number(value))
        }
        Slot::Text(column) => {
            let Some(value) = frame.texts()[column].get(row) else {
                return (!feature.nullable).then_some(ViolationKind::Missing);
            };
            let known = |cell: &Cell| matches!(cell, Cell::Text(category) if category == value);
            unknown(feature, known, || Cell::Text(value.to_owned()))
        }
        Slot::Unused => None,
    }
}

fn unknown(
    feature: &Feature,
    known: impl Fn(&Cell) -> bool,
    got: impl Fn() -> Cell,
) -> Option<ViolationKind> {
    let categories = feature.categories.as_ref().filter(|_| feature.closed)?;
    (!categories.iter().any(known)).then(|| ViolationKind::UnknownCategory { got: got() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_cell_is_named_up_to_the_limit() {
        let mut color = Feature::text("color");
        color.categories = Some(vec![Cell::Text("red".into())]);
        color.closed = true;
        let schema = Schema::new(vec![Feature::number("x"), color], true).unwrap();
        let mut frame = Frame::new(&schema);
        for text in [Some("red"), Some("blue"), None] {
            frame.text_mut(0).push(text);
        }
        frame.set_rows(3);
        frame.numbers_mut().copy_from_slice(&[f64::NAN, f64::INFINITY, 1.0]);
        let mut violations = Vec::new();
        validate(&schema, &frame, 10, &mut violations);
        let codes: Vec<_> = violations.iter().map(|v| (v.row, v.feature, v.code())).collect();
        assert_eq!(
            codes,
            [
                (0, Some(0), "missing_value"),
                (1, Some(0), "not_finite"),
                (1, Some(1), "unknown_category"),
                (2, Some(1), "missing_value")
            ]
        );
        assert_eq!(
            violations[2].message(&schema),
            "expected a category of `color` that the model knows, got `blue`"
        );
        violations.clear();
        validate(&schema, &frame, 2, &mut violations);
        assert_eq!(violations.len(), 2);
    }
}
