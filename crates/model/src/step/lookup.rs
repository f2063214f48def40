//! Numbers from tables, and numbers by condition.

use super::Accepts;
use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Rows};

/// Checks a table: position -> number, the same for every column. A position that is not in it is refused.
pub(super) fn infer_table(
    table: &[f64],
    columns: &[Column],
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    if table.is_empty() {
        return Err(ModelError::mismatch("a table with at least one number", "none"));
    }
    let accepted = facts.numbers(columns, Accepts::FINITE)?;
    Ok(vec![Column::COMPUTED; accepted.len()])
}

pub(super) fn compile_table(table: &[f64], layout: &Layout) -> (Vec<Op>, Layout) {
    (vec![layout.guard(Accepts::FINITE), Op::Table(table.to_vec())], layout.clone())
}

/// Looks every number up, in place.
pub(crate) fn apply_table(
    table: &[f64],
    numbers: &mut [f64],
    width: usize,
    rows: &Rows<'_>,
) -> Result<(), Refusal> {
    for (at, x) in numbers.iter_mut().enumerate() {
        let position = *x as usize;
        match table.get(position).filter(|_| position as f64 == *x) {
            Some(value) => *x = *value,
            None => {
                let (row, column) = (rows.start + at / width, at % width);
                return Err(Refusal { row, column, feature: None, problem: Problem::Undefined(*x) });
            }
        }
    }
    Ok(())
}

/// Checks a choice: of three equal parts of the columns, the second where the first is not 0, else the third.
pub(super) fn infer_choice(columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
    let accepted = facts.numbers(columns, Accepts::ALL)?;
    let width = columns.len() / 3;
    expect_count("columns", 3 * width, columns.len())?;
    let computed = |column: usize| {
        let (a, b) = (accepted[width + column], accepted[2 * width + column]);
        Column { missing: a.missing.or(b.missing), infinite: a.infinite.or(b.infinite), ..Column::COMPUTED }
    };
    Ok((0..width).map(computed).collect())
}

pub(super) fn compile_choice(layout: &Layout) -> (Vec<Op>, Layout) {
    let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
    let computed = Layout::computed((0..after.columns.len() / 3).map(|_| None));
    (vec![Op::Gather(positions), Op::Choose], computed)
}

/// Appends what is chosen.
pub(crate) fn apply_choice(block: &Block<'_>, rows: &Rows<'_>, out: &mut Vec<f64>) -> usize {
    let width = block.width / 3;
    for row in 0..rows.count {
        let row = block.row(row);
        let (condition, (yes, no)) = (&row[..width], row[width..].split_at(width));
        out.extend((0..width).map(|column| if condition[column] != 0.0 { yes[column] } else { no[column] }));
    }
    width
}
