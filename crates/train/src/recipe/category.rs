//! Columns whose values are categories, and values in the place of missing ones.

use foretell_frame::Cell;
use foretell_model::Step;
use foretell_model::step::{Categories, Impute, Ordinal, Unknown};

use super::column::{Known, RawColumn};
use super::lesson::Lesson;
use super::parameters::{Fill, SimpleImputer, Strategy};
use crate::FitError;
use crate::parameter::Parameter;

/// Most categories of a column that become indicators or codes.
pub(super) const MOST_CATEGORIES: usize = 1000;

/// Values in the place of missing ones.
pub(super) fn impute(parameters: &SimpleImputer, lesson: &Lesson<'_>) -> Result<Step, FitError> {
    let columns = lesson.columns;
    let named = |at| lesson.name(at);
    let wrong = |at: usize, got: &str| {
        let name = named(at);
        Err(FitError::Parameter {
            name: "strategy",
            expected: format!("`most_frequent` or `constant` for the texts of `{name}`"),
            got: got.to_owned(),
        })
    };
    let fill = |(at, column): (usize, &RawColumn)| match (column, parameters.strategy, &parameters.fill_value)
    {
        (RawColumn::Numbers(values), Strategy::Mean, _) => {
            Known::new(values, named(at)).map(|s| Cell::Number(s.mean()))
        }
        (RawColumn::Numbers(values), Strategy::Median, _) => {
            Known::new(values, named(at)).map(|known| Cell::Number(known.quantile(0.5)))
        }
        (RawColumn::Texts(_), Strategy::Mean, _) => wrong(at, "mean"),
        (RawColumn::Texts(_), Strategy::Median, _) => wrong(at, "median"),
        (_, Strategy::MostFrequent, _) => column.most_frequent().ok_or_else(|| {
            FitError::data(format!("values in `{}`", named(at)), "none in the rows to learn from")
        }),
        (RawColumn::Numbers(_), Strategy::Constant, None) => Ok(Cell::Number(0.0)),
        (RawColumn::Numbers(_), Strategy::Constant, Some(Fill::Number(number))) => Ok(Cell::Number(*number)),
        (RawColumn::Texts(_), Strategy::Constant, None) => Ok(Cell::Text("missing_value".to_owned())),
        (RawColumn::Texts(_), Strategy::Constant, Some(Fill::Text(text))) => Ok(Cell::Text(text.clone())),
        (_, Strategy::Constant, Some(other)) => Err(FitError::Parameter {
            name: "fill_value",
            expected: format!("a value of the kind that `{}` holds", named(at)),
            got: other.write().to_string(),
        }),
    };
    let fill = columns.iter().enumerate().map(|column| fill(column).map(Some)).collect::<Result<_, _>>()?;
    let missing = |at: &usize| parameters.add_indicator && columns[*at].has_missing();
    let indicators = (0..columns.len()).filter(missing).collect();
    Ok(Step::Impute(Impute { marker: Cell::Missing, fill, indicators, refuse_missing: Vec::new() }))
}

/// Positions of categories; `unknown` for what is missing or not known.
pub(super) fn encoded(lesson: &Lesson<'_>, unknown: f64) -> Result<Step, FitError> {
    let mut columns = categories(lesson, None, MOST_CATEGORIES)?;
    for column in &mut columns {
        for (value, code) in column.values.iter().zip(&mut column.codes) {
            code.take_if(|_| *value == Cell::Missing);
        }
    }
    Ok(Step::Ordinal(Ordinal { columns, unknown: Unknown::Code(unknown), missing: unknown }))
}

/// The categories of columns, ascending, a missing one last; those of fewer rows than told share the last code.
pub(super) fn categories(
    lesson: &Lesson<'_>,
    min_frequency: Option<usize>,
    most: usize,
) -> Result<Vec<Categories>, FitError> {
    let each = |(at, column): (usize, &RawColumn)| {
        let counted = column.categories();
        if counted.len() > most {
            let got = format!("{} in {} rows; leave the column out", counted.len(), column.len());
            let expected = format!("at most {most} categories in `{}`", lesson.name(at));
            return Err(FitError::data(expected, got));
        }
        let rare = |count: usize| min_frequency.is_some_and(|least| count < least);
        let frequent = counted.iter().filter(|(_, count)| !rare(*count)).count();
        let infrequent = (frequent < counted.len()).then_some(frequent as u32);
        let mut next = 0..;
        let code = |(_, count): &(Cell, usize)| if rare(*count) { infrequent } else { next.next() };
        let codes = counted.iter().map(code).collect();
        let width = frequent + usize::from(infrequent.is_some());
        let values = counted.into_iter().map(|(value, _)| value).collect();
        Ok(Categories { values, codes, infrequent, width })
    };
    lesson.columns.iter().enumerate().map(each).collect()
}
