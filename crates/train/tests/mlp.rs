//! Networks: they learn, stop in time, and do not depend on threads.

use foretell_frame::Labels;
use foretell_train::estimator::mlp::{Activation, Mlp, Solver};
use foretell_train::{Column, Context, Sample, Target};

/// Points of a spiral of two arms, and their arm.
fn spiral() -> (Vec<f64>, Vec<u32>) {
    let mut values = Vec::new();
    let mut arms = Vec::new();
    for at in 0..400u32 {
        let (arm, turn) = (at % 2, f64::from(at / 2) / 60.0);
        let angle = turn * 2.0 + f64::from(arm) * std::f64::consts::PI;
        values.extend([turn * angle.cos(), turn * angle.sin()]);
        arms.push(arm);
    }
    (values, arms)
}

#[test]
fn a_network_learns_what_is_not_linear_on_any_number_of_threads() {
    let (values, arms) = spiral();
    let labels = Labels::range(2);
    let sample = Sample { values: &values, columns: &[Column::Number; 2], weights: None };
    let target = Target::Classes { codes: &arms, labels: &labels };
    let solvers = [(Solver::Adam, 0.01), (Solver::Sgd, 0.1)];
    for (solver, learning_rate_init) in solvers {
        let params = Mlp { solver, learning_rate_init, activation: Activation::Tanh, ..Mlp::default() };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| params.fit(sample, target, &Context::seeded(3)).unwrap())
        };
        let outcome = on(1);
        assert_eq!(outcome, on(3));
        let (first, last) = (outcome.loss_curve[0], outcome.loss_curve[outcome.loss_curve.len() - 1]);
        assert!(last < 0.3 * first, "{solver:?}: from {first} to {last}");
    }
}

#[test]
fn early_stopping_ends_before_the_last_pass() {
    let (values, arms) = spiral();
    let noise: Vec<f64> = arms.iter().enumerate().map(|(at, _)| ((at * at) as f64).sin()).collect();
    let sample = Sample { values: &values, columns: &[Column::Number; 2], weights: None };
    let params = Mlp { early_stopping: true, max_iter: 1000, ..Mlp::default() };
    let outcome = params.fit(sample, Target::Values(&noise), &Context::seeded(3)).unwrap();
    assert_eq!(outcome.validation_scores.len(), outcome.loss_curve.len());
    assert!(outcome.loss_curve.len() < 1000);
}
