//! Which kernel is the fastest for an ensemble on this processor, by measurement.

use std::time::{Duration, Instant};

use super::{Forest, ForestBuffers, Kernel, Trees};

/// Different rows, so that no branch is learnt by heart and no node stays in the cache by repetition.
const ROWS: usize = 256;
/// How long a kernel is measured, for one row and for batches each.
const BUDGET: Duration = Duration::from_millis(5);

impl Forest {
    /// The fastest kernels for one row and for a batch.
    pub(crate) fn fastest(&self, trees: &Trees) -> [Kernel; 2] {
        let rows = rows(trees);
        let (mut buffers, mut raw) = (ForestBuffers::default(), Vec::new());
        [1, ROWS].map(|count| {
            let mut time = |kernel| {
                buffers.kernel = kernel;
                let (begin, mut best) = (Instant::now(), Duration::MAX);
                while best == Duration::MAX || begin.elapsed() < BUDGET {
                    let start = Instant::now();
                    for rows in rows.chunks_exact(count * trees.features.max(1)) {
                        raw.clear();
                        // Rows that the model refuses are refused by all kernels.
                        let _ = self.scores(rows, count, &mut buffers, &mut raw);
                    }
                    best = best.min(start.elapsed());
                }
                best
            };
            self.kernels().min_by_key(|kernel| time(*kernel)).unwrap_or_default()
        })
    }
}

/// Rows whose values are thresholds of tests of their features, at random.
fn rows(trees: &Trees) -> Vec<f64> {
    let (features, nodes) = (trees.features.max(1), trees.nodes.left.len());
    let mut rows = vec![0.0; ROWS * features];
    let mut state = 1u64;
    for row in rows.chunks_exact_mut(features) {
        for _ in 0..4 * features {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let node = (state >> 33) as usize % nodes.max(1);
            if let (Some(feature), Some(threshold)) =
                (trees.nodes.feature.get(node), trees.nodes.threshold.get(node))
            {
                let value = row.get_mut(*feature as usize).filter(|_| threshold.is_finite());
                value.into_iter().for_each(|value| *value = *threshold);
            }
        }
    }
    rows
}
