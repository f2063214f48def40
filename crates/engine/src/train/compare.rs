//! Another model beside the one that was trained, on the same rows.

use foretell_evaluate::Observed;
use foretell_frame::{Frame, RowBuilder, Schema, Slot};

use super::{Data, TrainError, Trained};
use crate::live::LiveModel;

/// Rows that are told of when they do not fit.
const TOLD: usize = 1;

impl Trained {
    /// What another model answers to the rows that this one was measured on. Features are found by their names, or by
    /// their places where one of the two has no names.
    ///
    /// # Errors
    /// The other needs what the rows do not have.
    pub fn rival(&self, data: &Data, other: &LiveModel) -> Result<Observed, TrainError> {
        let rival = |reason: String| TrainError::Rival { reason };
        let (frame, target) = data.select(&self.measured_on);
        let frame = translate(&frame, data.schema(), other.schema()).map_err(rival)?;
        data.ask(other, &frame, &target, &self.measured_on).map_err(|error| rival(error.to_string()))
    }
}

/// The rows of one schema as those of another.
fn translate(frame: &Frame, from: &Schema, to: &Schema) -> Result<Frame, String> {
    let place = |feature: usize| match from.named() && to.named() {
        true => to.position(&from.features()[feature].name),
        false => Some(feature).filter(|feature| *feature < to.len()),
    };
    let places: Vec<(Slot, usize)> = (0..from.len())
        .filter_map(|feature| Some((from.slots()[feature], place(feature)?)))
        .filter(|(slot, _)| *slot != Slot::Unused)
        .collect();
    let mut translated = Frame::default();
    let mut builder = RowBuilder::new(to, &mut translated, TOLD);
    for row in 0..frame.rows() {
        builder.begin_row();
        for (slot, place) in &places {
            match slot {
                Slot::Number(column) => match frame.row(row)[*column] {
                    number if number.is_nan() => builder.missing(*place),
                    number => builder.number(*place, number),
                },
                Slot::Text(column) => match frame.texts()[*column].get(row) {
                    Some(text) => builder.text(*place, text),
                    None => builder.empty(*place),
                },
                Slot::Unused => {}
            }
        }
        builder.end_row();
    }
    let violations = builder.finish();
    violations.first().map_or(Ok(()), |violation| Err(violation.message(to)))?;
    Ok(translated)
}

#[cfg(test)]
mod tests {
    use foretell_frame::Feature;

    use super::*;

    fn schema(features: Vec<Feature>) -> Schema {
        Schema::new(features, true).unwrap()
    }

    fn rows(schema: &Schema) -> Frame {
        let mut frame = Frame::default();
        let mut builder = RowBuilder::new(schema, &mut frame, 10);
        for (number, text) in [(1.5, Some("a")), (f64::NAN, None)] {
            builder.begin_row();
            builder.number(0, number);
            match text {
                Some(text) => builder.text(1, text),
                None => builder.missing(1),
            }
            builder.number(2, 7.0);
            builder.end_row();
        }
        assert_eq!(builder.finish(), []);
        frame
    }

    #[test]
    fn features_are_found_by_their_names() {
        let from = schema(vec![Feature::number("x"), Feature::text("t"), Feature::number("y")]);
        let to = schema(vec![Feature::number("y"), Feature::text("t"), Feature::number("x")]);
        let frame = translate(&rows(&from), &from, &to).unwrap();
        assert_eq!(frame.row(0), [7.0, 1.5]);
        assert!(frame.row(1)[1].is_nan());
        assert_eq!(frame.texts()[0].iter().collect::<Vec<_>>(), [Some("a"), None]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let from = schema(vec![Feature::number("x"), Feature::text("t"), Feature::number("y")]);
        let more = schema(vec![Feature::number("x"), Feature::number("z")]);
        let error = translate(&rows(&from), &from, &more).unwrap_err();
        assert!(error.contains("`z`"), "{error}");
        let other = schema(vec![Feature::text("x")]);
        assert!(translate(&rows(&from), &from, &other).unwrap_err().contains("expected a string"));
    }

    #[test]
    fn without_names_places_count() {
        let from = schema(vec![Feature::number("x"), Feature::text("t"), Feature::number("y")]);
        let to = Schema::new(vec![Feature::number("f0"), Feature::text("f1"), Feature::number("f2")], false);
        let frame = translate(&rows(&from), &from, &to.unwrap()).unwrap();
        assert_eq!(frame.row(0), [1.5, 7.0]);
    }
}
