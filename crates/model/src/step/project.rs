//! Weighted sums of the columns in place of the columns.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::estimator::Linear;
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

pub(super) fn infer(
    linear: &Linear,
    columns: &[Column],
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    let outputs = linear.check()?;
    expect_count("columns", linear.features, columns.len())?;
    facts.numbers(columns, Accepts::FINITE)?;
    Ok(vec![Column::COMPUTED; outputs])
}

pub(super) fn compile(linear: &Linear, layout: &Layout) -> (Vec<Op>, Layout) {
    let after = Layout::computed(linear.intercept.iter().map(|_| None));
    (vec![layout.guard(Accepts::FINITE), Op::Project(linear.compile())], after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    #[test]
    fn a_projection_has_one_column_per_intercept_and_refuses_other_widths() {
        let linear = Linear { features: 2, coefficients: vec![1.0; 6], intercept: vec![0.0; 3] };
        let mut facts = Facts::new(2).unwrap();
        let columns = facts.columns();
        assert_eq!(infer(&linear, &columns, &mut facts).unwrap(), [Column::COMPUTED; 3]);
        let one = columns[..1].to_vec();
        let error = crate::step::infer_all(&[Step::Project(linear)], one, &mut facts).unwrap_err();
        assert_eq!(error.to_string(), "step 1 (project): expected 2 columns, got 1");
    }
}
