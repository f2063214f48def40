//! How large the numbers are that a model takes: found by asking it.
//!
//! A tree of scikit-learn computes in float32 and refuses what overflows there, perhaps only after a scaler has multiplied
//! it, while a linear model takes any float64. No model file says so, but the model itself answers.

use foretell_engine::{LiveModel, Worker};
use foretell_frame::{Frame, MethodSet, Slot};

/// A model with more features is not asked: its document should not take seconds to make.
const MOST_FEATURES: usize = 64;
/// Where several features together are too large, all bounds are halved so many times at most.
const HALVINGS: u32 = 64;

/// The least and the greatest number that each feature takes, by position; `None` for those that take any, and for all of
/// a model that has too many features or refuses its own example.
pub(crate) fn bounds(model: &LiveModel) -> Vec<Option<(f64, f64)>> {
    let count = model.schema().len();
    let mut probe = Probe { model, worker: Worker::new(), frame: model.example(1) };
    if count > MOST_FEATURES || !probe.accepts() {
        return vec![None; count];
    }
    let mut found: Vec<_> = model.schema().slots().iter().map(|slot| probe.feature(*slot)).collect();
    for _ in 0..HALVINGS {
        if probe.accepts_together(&found) {
            return found;
        }
        for (low, high) in found.iter_mut().map(|bound| bound.get_or_insert((f64::MIN, f64::MAX))) {
            *low /= 2.0;
            *high /= 2.0;
        }
    }
    vec![None; count]
}

struct Probe<'a> {
    model: &'a LiveModel,
    worker: Worker,
    /// The example row, of which one number at a time is another.
    frame: Frame,
}

impl Probe<'_> {
    fn accepts(&mut self) -> bool {
        let methods: MethodSet = self.model.methods().iter().take(1).collect();
        self.worker.predict(self.model, &self.frame, methods).is_ok()
    }

    /// The bounds of one feature while the others have their example values.
    fn feature(&mut self, slot: Slot) -> Option<(f64, f64)> {
        let Slot::Number(column) = slot else { return None };
        let example = self.frame.row(0)[column];
        let mut takes = |value: f64| {
            self.frame.numbers_mut()[column] = value;
            let taken = self.accepts();
            self.frame.numbers_mut()[column] = example;
            taken
        };
        if takes(f64::MAX) && takes(f64::MIN) {
            return None;
        }
        let start = if example.is_finite() { example.abs() } else { 0.0 };
        let high = largest(start, &mut takes);
        let low = -largest(start, |size| takes(-size));
        Some((low, high))
    }

    /// Whether rows are taken in which every number is at its bound.
    fn accepts_together(&mut self, bounds: &[Option<(f64, f64)>]) -> bool {
        let example = self.frame.clone();
        let ends: [fn((f64, f64)) -> f64; 2] = [|(low, _)| low, |(_, high)| high];
        ends.into_iter().all(|end| {
            for (slot, bound) in self.model.schema().slots().iter().zip(bounds) {
                if let (Slot::Number(column), Some(bound)) = (slot, bound) {
                    self.frame.numbers_mut()[*column] = end(*bound);
                }
            }
            let taken = self.accepts();
            self.frame.clone_from(&example);
            taken
        })
    }
}

/// The largest number that is taken, by bisection: positive floats are ordered like their bits. All up to `start` are.
fn largest(start: f64, mut takes: impl FnMut(f64) -> bool) -> f64 {
    let (mut taken, mut refused) = (start.to_bits(), f64::MAX.to_bits() + 1);
    while refused - taken > 1 {
        let middle = taken + (refused - taken) / 2;
        if takes(f64::from_bits(middle)) {
            taken = middle;
        } else {
            refused = middle;
        }
    }
    f64::from_bits(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_ends_at_the_last_number_that_is_taken() {
        let limit = f64::from(f32::MAX);
        assert_eq!(largest(1.5, |value| value <= limit), limit);
        assert_eq!(largest(0.0, |_| true), f64::MAX);
        assert_eq!(largest(2.0, |value| value <= 2.0), 2.0);
    }
}
