//! Models with more columns than a kernel works on at once.

use foretell_model::estimator::{Activation, KernelFunction};
use foretell_model::head::Link;
use foretell_model::{Fitted, Model};

use crate::zoo::{Numbers, WIDTH, composed_kernel, model, neural, points_sum, regression, scale};

pub(crate) fn models(numbers: &mut Numbers) -> Vec<(&'static str, Model)> {
    let machine = |function, numbers: &mut Numbers| points_sum(function, 150, 2, numbers);
    let estimators = [
        neural(&[WIDTH, 100, 70, 2], Activation::Relu, false, numbers),
        neural(&[WIDTH, 100, 70, 2], Activation::Tanh, true, numbers),
        machine(KernelFunction::Rbf { gamma: 0.3 }, numbers),
        machine(composed_kernel(), numbers),
    ];
    let fitted = |estimator| Some(Fitted { estimator, head: regression(2, Link::Identity) });
    estimators.map(|estimator| ("wide", model(WIDTH, vec![scale(numbers)], fitted(estimator)))).into()
}
