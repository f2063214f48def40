//! Categories of a training data frame: values become the codes that the trees test.

use foretell_frame::Cell;
use foretell_model::step::{self, Branch, Ordinal, Step, Unknown};

use crate::{FormatError, Problem};

use super::super::learner::{Categories, Forest, Learner};

/// The steps that recode features by the categories that the file holds; none where it holds none, and the features
/// are codes already.
pub(super) fn recode(learner: &Learner, forest: &Forest) -> Result<Vec<Step>, FormatError> {
    if forest.categories.iter().all(Option::is_none) {
        return Ok(Vec::new());
    }
    if forest.categories.len() != learner.features {
        let problem = Problem::Mismatch {
            expected: format!("categories of {} features", learner.features),
            got: forest.categories.len().to_string(),
        };
        return Err(FormatError::new(learner.kind, problem).at(format!("{}.cats.enc", forest.place)));
    }
    let mut branches: Vec<Branch> = Vec::new();
    let mut start = 0;
    for run in forest.categories.chunk_by(|a, b| a.is_some() == b.is_some()) {
        let columns = run.iter().flatten().map(ordinal_column).collect::<Vec<_>>();
        let ordinal = Ordinal { columns, unknown: Unknown::Error, missing: f64::NAN };
        branches.push(Branch {
            columns: (start..start + run.len()).collect(),
            steps: if ordinal.columns.is_empty() { Vec::new() } else { vec![Step::Ordinal(ordinal)] },
            weight: None,
        });
        start += run.len();
    }
    Ok(vec![Step::Parallel(branches)])
}

/// Codes are positions; a missing value stays missing.
fn ordinal_column(categories: &Categories) -> step::Categories {
    let mut values: Vec<Cell> = match categories {
        Categories::Text(texts) => texts.iter().cloned().map(Cell::Text).collect(),
        Categories::Number(numbers) => numbers.iter().copied().map(Cell::Number).collect(),
    };
    let mut codes: Vec<Option<u32>> = (0..values.len() as u32).map(Some).collect();
    values.push(Cell::Missing);
    codes.push(None);
    let width = values.len();
    step::Categories { values, codes, infrequent: None, width }
}
