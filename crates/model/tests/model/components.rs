//! Models of steps that compare rows with components or with training rows, for the zoo.

use foretell_frame::Shape;
use foretell_model::estimator::{KernelDensity, Metric, Neighbours, Reach, Search, Targets, Window};
use foretell_model::head::{Link, Mixture, Regression};
use foretell_model::step::{
    Function, ImputeNearest, NonNegative, Representation, RepresentationRule, Solver, Sparse, SparseRule,
    Step, Topics,
};
use foretell_model::{Estimator, Fitted, Head, Model};

use crate::zoo::{Numbers, WIDTH, model};

/// Models with weights of components, windows, neighbours of neighbours, and convolutions.
pub(crate) fn models(numbers: &mut Numbers) -> Vec<(&'static str, Model)> {
    let mut models = Vec::new();
    for solver in [
        Solver::CoordinateDescent,
        Solver::Multiplicative { beta: 2.0 },
        Solver::Multiplicative { beta: 0.0 },
        Solver::MultiplicativeOnline { beta: 1.0 },
    ] {
        let rule = NonNegative { solver, l1: 0.01, l2: 0.02, rounds: 30, tolerance: 1e-4 };
        models.push((
            "weights that are not negative",
            positive(RepresentationRule::NonNegative(rule), numbers),
        ));
    }
    let topics = Topics { prior: 0.2, rounds: 20, tolerance: 1e-3 };
    models.push(("topics", positive(RepresentationRule::Topics(topics), numbers)));
    for (rule, split_sign) in [
        (SparseRule::Threshold(0.5), true),
        (SparseRule::Lasso { alpha: 0.3, sweeps: 50, tolerance: 1e-6 }, false),
        (SparseRule::Pursuit(2), true),
        (SparseRule::LeastAngle(2), false),
    ] {
        let rule = RepresentationRule::Sparse(Sparse { rule, positive: false, split_sign });
        let components = numbers.floats(3 * WIDTH);
        let step = Step::Represent(Representation { features: WIDTH, components, rule });
        models.push(("sparse codes", model(WIDTH, vec![step], None)));
    }
    let mut points = numbers.floats(30 * WIDTH);
    points.iter_mut().step_by(7).for_each(|x| *x = f64::NAN);
    for (inverse_distance, incomparable) in [(true, false), (false, true)] {
        let points = points.clone();
        let impute = ImputeNearest { features: WIDTH, points, neighbours: 4, inverse_distance, incomparable };
        models.push(("imputed by neighbours", model(WIDTH, vec![Step::ImputeNearest(impute)], None)));
    }
    models.push(("convolved", model(6, vec![Step::Convolve(3)], None)));
    let density = KernelDensity {
        features: WIDTH,
        metric: Metric::Euclidean,
        points: numbers.floats(20 * WIDTH),
        log_weights: Some(numbers.floats(20)),
        window: Window::Gaussian,
        bandwidth: 0.7,
        constant: -1.0,
    };
    let head = Head::Mixture(Mixture { components: None });
    let fitted = Fitted { estimator: Estimator::KernelDensity(density), head };
    models.push(("kernel density", model(WIDTH, Vec::new(), Some(fitted))));
    let lengths = numbers.floats(20 * 20);
    let values = numbers.floats(2 * 20);
    for (targets, outputs) in [
        (Targets::Graph { distances: true }, 20),
        (Targets::Geodesic { lengths }, 20),
        (Targets::Barycentre { outputs: 2, values, regularization: 1e-3 }, 2),
    ] {
        let points = numbers.floats(20 * WIDTH);
        let search = Search { features: WIDTH, metric: Metric::Euclidean, points, tree: None };
        let neighbours = Neighbours { search, reach: Reach::Nearest(4), inverse_distance: false, targets };
        let shape = Shape::Matrix(outputs);
        let head = Head::Regression(Regression { shape, link: Link::Identity, margin: false, rounds: 1.0 });
        let fitted = Fitted { estimator: Estimator::Neighbours(neighbours), head };
        models.push(("answers of neighbours", model(WIDTH, Vec::new(), Some(fitted))));
    }
    models
}

/// A model of squared, so not negative, columns.
fn positive(rule: RepresentationRule, numbers: &mut Numbers) -> Model {
    let components = numbers.floats(3 * WIDTH).into_iter().map(f64::abs).collect();
    let step = Step::Represent(Representation { features: WIDTH, components, rule });
    model(WIDTH, vec![Step::Elementwise(vec![Function::Square]), step], None)
}
