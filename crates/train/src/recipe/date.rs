//! Texts of dates as numbers.

use foretell_model::Step;
use foretell_model::step::{DatePart, Dates, Moment};

use super::column::RawColumn;
use super::lesson::Lesson;
use super::parameters::{DateParts, NoDate};
use crate::FitError;

/// Unless told otherwise; the hour only where some text tells a time.
const USUAL: [DatePart; 6] =
    [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Weekday, DatePart::Hour, DatePart::EpochDays];

/// The parts of dates.
pub(super) fn dates(parameters: &DateParts, lesson: &Lesson<'_>) -> Result<Step, FitError> {
    let lenient = parameters.errors == NoDate::Missing;
    let (mut timed, mut examples) = (false, Vec::new());
    for (at, column) in lesson.columns.iter().enumerate() {
        let name = lesson.name(at);
        let RawColumn::Texts(texts) = column else {
            return Err(FitError::data(format!("texts of dates in `{name}`"), "numbers"));
        };
        let mut example = None;
        for text in texts.iter().flatten() {
            match Moment::parse(text) {
                Some(moment) => {
                    timed |= moment.has_time();
                    example.get_or_insert_with(|| text.clone());
                }
                None if lenient => {}
                None => {
                    let expected = format!("dates such as `2024-05-01T10:11:12` in `{name}`");
                    let got = format!("`{text}`; with `errors = \"missing\"` it is a missing value");
                    return Err(FitError::data(expected, got));
                }
            }
        }
        let none = || FitError::data(format!("dates in `{name}`"), "none in the rows to learn from");
        examples.push(example.ok_or_else(none)?);
    }
    let usual = || USUAL.into_iter().filter(|part| timed || *part != DatePart::Hour).collect();
    let parts = parameters.parts.clone().unwrap_or_else(usual);
    if parts.is_empty() {
        let expected = "at least one part".to_owned();
        return Err(FitError::Parameter { name: "parts", expected, got: "none".to_owned() });
    }
    Ok(Step::Dates(Dates { parts, examples, lenient }))
}
