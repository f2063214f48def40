//! How much a model's answers depend on each feature.

use foretell_evaluate::{Evaluator, Metric, Observed, Random};
use foretell_frame::{Frame, Slot, TextColumn};

use crate::live::LiveModel;
use crate::score::{Answers, ScoreError};

/// Rows that are predicted, at most: bounds the time for many rows.
const MOST_ROWS: usize = 2000;
const REPEATS: usize = 5;

/// The importance of each feature by permutation, in order of the schema: how much the metric gets worse, on average
/// of five, when the feature's values are shuffled among the rows. Of at most 2000 rows. Zero for a feature that the
/// model does not look at. Decided by the seed.
///
/// Source: L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10; as scikit-learn's
/// `permutation_importance`.
///
/// # Errors
/// The model does not take the rows, or cannot be scored on them.
pub fn permutation(
    model: &LiveModel,
    frame: &Frame,
    target: &TextColumn,
    metric: Metric,
    seed: u64,
) -> Result<Vec<f64>, ScoreError> {
    let mut rows: Vec<usize> = (0..frame.rows()).collect();
    Random::new(seed, 0).shuffle(&mut rows);
    rows.truncate(MOST_ROWS);
    let mut part = Frame::default();
    let mut known = TextColumn::default();
    let mut one = Frame::default();
    for row in &rows {
        one.copy_rows(frame, *row, row + 1);
        part.append(&one);
        known.push(target.get(*row));
    }
    let measure = |frame: &Frame| -> Result<f64, ScoreError> {
        let mut answers = Answers::new(model)?;
        answers.add(model, frame, &known, |row| row as u64)?;
        let observed: Observed = answers.finish()?;
        Ok(Evaluator::new(&observed).value(metric).unwrap_or(f64::NAN))
    };
    let whole = measure(&part)?;
    let mut shuffled = part.clone();
    let mut importance = Vec::with_capacity(model.schema().len());
    for (feature, slot) in model.schema().slots().iter().enumerate() {
        let mut random = Random::new(seed, 1 + feature as u64);
        let mut sum = 0.0;
        for _ in 0..REPEATS {
            let mut order: Vec<usize> = (0..part.rows()).collect();
            random.shuffle(&mut order);
            sum += match slot {
                Slot::Unused => 0.0,
                Slot::Number(_) | Slot::Text(_) => {
                    permute(&mut shuffled, &part, *slot, &order);
                    worse(metric, whole, measure(&shuffled)?)
                }
            };
        }
        permute(&mut shuffled, &part, *slot, &(0..part.rows()).collect::<Vec<_>>());
        importance.push(sum / REPEATS as f64);
    }
    Ok(importance)
}

fn worse(metric: Metric, whole: f64, shuffled: f64) -> f64 {
    if metric.larger_is_better() { whole - shuffled } else { shuffled - whole }
}

/// Gives each row of one column the value that another row has in `from`.
fn permute(to: &mut Frame, from: &Frame, slot: Slot, order: &[usize]) {
    match slot {
        Slot::Number(column) => {
            let width = from.width();
            for (row, source) in order.iter().enumerate() {
                to.numbers_mut()[row * width + column] = from.numbers()[source * width + column];
            }
        }
        Slot::Text(column) => {
            let texts = to.text_mut(column);
            texts.clear();
            order.iter().for_each(|source| texts.push(from.texts()[column].get(*source)));
        }
        Slot::Unused => {}
    }
}
