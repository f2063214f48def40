//! Rows that are held out, to tell when to stop.

use crate::random::Stream;
use crate::{FitError, Target};

/// Some rows divided into those to learn from, in their order, and a share that is held out: of each class, or of all.
pub(super) fn hold_out(
    rows: Vec<usize>,
    target: Target<'_>,
    share: f64,
    random: &mut Stream,
) -> Result<(Vec<usize>, Vec<usize>), FitError> {
    let mut groups: Vec<Vec<usize>> = match target {
        Target::Values(_) => vec![rows],
        Target::Classes { codes, labels } => {
            let mut groups = vec![Vec::new(); labels.len()];
            rows.into_iter().for_each(|row| groups[codes[row] as usize].push(row));
            groups
        }
    };
    let (mut learns, mut held_out) = (Vec::new(), Vec::new());
    for group in &mut groups {
        random.shuffle(group);
        let count = (group.len() as f64 * share).round() as usize;
        held_out.extend(group.drain(..count));
        learns.append(group);
    }
    if held_out.len() < 2 || learns.is_empty() {
        let expected = "enough rows to hold out 2 of them; raise `validation_fraction`";
        return Err(FitError::data(expected, held_out.len()));
    }
    learns.sort_unstable();
    Ok((learns, held_out))
}
