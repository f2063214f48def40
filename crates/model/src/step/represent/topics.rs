//! Latent Dirichlet allocation with given topics.
//!
//! Source: `sklearn/decomposition/_lda.py` and `_online_lda_fast.pyx` (online variational Bayes, Hoffman, Blei and Bach
//! 2010; the digamma function after algorithm AS 103).

use super::Problems;
use crate::error::ModelError;
use crate::kernel::dot;

/// Shares of topics. The components are `exp(E[log beta])`.
#[derive(Debug, Clone, PartialEq)]
pub struct Topics {
    /// The prior weight of each topic.
    pub prior: f64,
    /// The most rounds.
    pub rounds: usize,
    /// The mean change at which shares have settled.
    pub tolerance: f64,
}

impl Topics {
    pub(super) fn check(&self) -> Result<(), ModelError> {
        if self.prior.is_finite() && self.prior > 0.0 && !self.tolerance.is_nan() {
            return Ok(());
        }
        Err(ModelError::mismatch("a prior above 0 and a tolerance", self.prior))
    }

    pub(super) fn solve(
        &self,
        problems: &Problems<'_>,
        x: &[f64],
        shares: &mut [f64],
        memory: &mut Vec<f64>,
    ) {
        let count = problems.count;
        memory.clear();
        memory.resize(2 * count + x.len(), 0.0);
        let (expected, rest) = memory.split_at_mut(count);
        let (made, ratios) = rest.split_at_mut(count);
        shares.fill(1.0);
        expected.fill((digamma(1.0) - digamma(count as f64)).exp());
        for _ in 0..self.rounds {
            for (column, (ratio, cell)) in ratios.iter_mut().zip(x).enumerate() {
                *ratio = 0.0;
                if *cell != 0.0 {
                    let of_topics = expected.iter().enumerate();
                    let likelihood = of_topics
                        .map(|(topic, e)| e * problems.components[topic * problems.features + column]);
                    *ratio = cell / (likelihood.sum::<f64>() + f64::EPSILON);
                }
            }
            let mut total = 0.0;
            for (topic, made) in made.iter_mut().enumerate() {
                *made = expected[topic] * dot(ratios, problems.component(topic)) + self.prior;
                total += *made;
            }
            let of_total = digamma(total);
            expected.iter_mut().zip(&*made).for_each(|(e, made)| *e = (digamma(*made) - of_total).exp());
            let change = shares.iter().zip(&*made).map(|(old, new)| (old - new).abs()).sum::<f64>();
            shares.copy_from_slice(made);
            if change / (count as f64) < self.tolerance {
                break;
            }
        }
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
    }
}

/// The digamma function of a positive number, as exact as the library's.
fn digamma(mut x: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if x <= 1e-6 {
        return -EULER - 1.0 / x;
    }
    let mut result = 0.0;
    while x < 6.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / x;
    result += x.ln() - 0.5 * r;
    let r = r * r;
    result - r * ((1.0 / 12.0) - r * ((1.0 / 120.0) - r * (1.0 / 252.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_the_words_of_one_topic_is_of_that_topic() {
        let components = [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5];
        let problems = Problems { features: 4, count: 2, components: &components, gram: &[] };
        let rule = Topics { prior: 0.1, rounds: 100, tolerance: 1e-9 };
        let mut shares = [0.0; 2];
        rule.solve(&problems, &[3.0, 2.0, 0.0, 0.0], &mut shares, &mut Vec::new());
        assert!((shares[0] - 5.1 / 5.2).abs() < 1e-9, "{shares:?}");
        rule.solve(&problems, &[0.0; 4], &mut shares, &mut Vec::new());
        assert_eq!(shares, [0.5, 0.5]);
    }

    #[test]
    fn digamma_is_what_tables_say() {
        for (x, expected) in [(1.0, -0.577_215_664_9), (0.5, -1.963_510_026_0), (10.0, 2.251_752_589_1)] {
            assert!((digamma(x) - expected).abs() < 1e-7, "{x}");
        }
        assert_eq!(digamma(1e-6), -0.577_215_664_901_532_9 - 1e6);
    }
}
