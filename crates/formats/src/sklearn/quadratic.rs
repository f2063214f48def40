//! Classes and components of normal distribution: quadratic discriminants, mixtures, robust covariance.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm, Linear, Metric};
use foretell_model::head::{LabelRule, LogProbability, Mixture, Outlier, Probability};
use foretell_model::step::{Arithmetic, Branch, Function, Scale};
use foretell_model::{Estimator, Head, Step};

use super::classes::{Classifier, labels};
use super::special::digamma;
use super::{Input, Lowered, Result, Version, count};
use crate::pickle::{Matrix, Value};

/// Where the least variance along an axis of a class is this much smaller than the greatest, it is rounding error.
const SINGULAR: f64 = 1e-24;

/// `QuadraticDiscriminantAnalysis`.
pub(super) fn discriminant_analysis(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let means = value.field("means_")?.f64_matrix(classes.len(), None)?;
    let features = means.cols;
    let priors = value.field("priors_")?.f64_vector(classes.len())?;
    let (rotations, scalings) = (value.field("rotations_")?.items()?, value.field("scalings_")?.items()?);
    if rotations.len() != classes.len() || scalings.len() != classes.len() {
        let got = format_args!("{} rotations and {} scalings", rotations.len(), scalings.len());
        return Err(value.mismatch(format_args!("{} rotations and scalings", classes.len()), got));
    }
    let mut branches = Vec::new();
    for (class, (rotation, scaling)) in rotations.iter().zip(&scalings).enumerate() {
        let variances = scaling.f64_vector(None)?;
        let (least, most) =
            variances.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(*v), m.max(*v)));
        if least <= SINGULAR * most {
            return Err(scaling.invalid(
                "the features of a class are collinear, so that answers are rounding errors; \
                 fit with `reg_param` above 0",
            ));
        }
        let rotation = rotation.f64_matrix(features, variances.len())?;
        let centre = Arithmetic::Subtract(means.row(class).to_vec());
        let constant = -0.5 * variances.iter().map(|v| v.ln()).sum::<f64>() + priors[class].ln();
        let weight = |column: usize, row: usize| rotation.row(row)[column] * variances[column].powf(-0.5);
        let projection = project(features, vec![0.0; variances.len()], weight);
        let mut steps = vec![Step::Scale(Scale { operations: vec![centre], ..Scale::default() }), projection];
        steps.extend(half_squares(variances.len(), constant));
        branches.push(Branch { columns: (0..features).collect(), steps, weight: None });
    }
    // The logarithm of the probability until the class shares its code with the nearest centroid.
    let log_probability = if Version::of(value)? < Version(1, 6) {
        LogProbability::OfProbability
    } else {
        LogProbability::OfJoint
    };
    let decision = if classes.len() == 2 { Shape::Vector } else { Shape::Matrix(classes.len()) };
    let head = Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::Softmax),
        log_probability: Some(log_probability),
        decision: Some(decision),
    };
    let mut lowered = Lowered::estimator(features, Estimator::Columns, head.head());
    lowered.pipeline.steps = vec![Step::Parallel(branches)];
    Ok(lowered)
}

/// `GaussianMixture`.
pub(super) fn gaussian_mixture(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = Components::read(value)?;
    let weights = value.field("weights_")?.f64_vector(components.means.rows)?;
    components.lowered(value, |component| weights[component].ln())
}

/// `BayesianGaussianMixture`: weights and covariances are distributions themselves.
pub(super) fn bayesian_gaussian_mixture(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = Components::read(value)?;
    let count = components.means.rows;
    let concentration = value.field("weight_concentration_")?;
    let log_weights: Vec<f64> = match value.field("weight_concentration_prior_type")?.text()? {
        "dirichlet_process" => {
            let (a, b) = (concentration.at(0)?.f64_vector(count)?, concentration.at(1)?.f64_vector(count)?);
            let mut before = 0.0;
            let log_weight = |(a, b): (&f64, &f64)| {
                let total = digamma(a + b);
                let weight = digamma(*a) - total + before;
                before += digamma(*b) - total;
                weight
            };
            a.iter().zip(&b).map(log_weight).collect()
        }
        "dirichlet_distribution" => {
            let all = concentration.f64_vector(count)?;
            let total = digamma(all.iter().sum());
            all.iter().map(|one| digamma(*one) - total).collect()
        }
        other => {
            let supported = "`dirichlet_process` or `dirichlet_distribution`";
            return Err(value.unsupported_option("weight_concentration_prior_type", other, supported));
        }
    };
    // One for all where they share a covariance.
    let degrees = value.field("degrees_of_freedom_")?;
    let degrees = match degrees.float() {
        Ok(shared) => vec![shared; count],
        Err(_) => degrees.f64_vector(count)?,
    };
    let precision = value.field("mean_precision_")?.f64_vector(count)?;
    let features = components.means.cols;
    components.lowered(value, |component| {
        let degrees = degrees[component];
        let spread = (0..features).map(|feature| digamma(0.5 * (degrees - feature as f64))).sum::<f64>();
        let width = features as f64;
        let log_lambda = width * 2.0_f64.ln() + spread;
        let extra = 0.5 * (log_lambda - width / precision[component]) - 0.5 * width * degrees.ln();
        log_weights[component] + extra
    })
}

/// The components of a mixture.
struct Components {
    means: Matrix,
}

impl Components {
    fn read(value: &Value<'_>) -> Result<Self> {
        let count = count(&value.field("n_components")?)?;
        Ok(Self { means: value.field("means_")?.f64_matrix(count, None)? })
    }

    /// The mixture, given what is added to the logarithm of each component's density. As the library does, rows and
    /// means are projected and only then subtracted, or squared and only then added up.
    fn lowered(self, value: &Value<'_>, constant: impl Fn(usize) -> f64) -> Result<Lowered> {
        let Matrix { rows: count, cols: features, .. } = self.means;
        let normal = -0.5 * features as f64 * (2.0 * std::f64::consts::PI).ln();
        let cholesky = value.field("precisions_cholesky_")?;
        let steps = match value.field("covariance_type")?.text()? {
            "full" => {
                let parts = cholesky.array()?;
                parts.expect_shape(&[Some(count), Some(features), Some(features)])?;
                let parts = parts.f64s()?;
                let part =
                    |component: usize| &parts[component * features * features..][..features * features];
                self.projected(part, |component| normal + constant(component))
            }
            "tied" => {
                let shared = cholesky.f64_matrix(features, features)?.data;
                self.projected(|_| &shared, |component| normal + constant(component))
            }
            "diag" => {
                let roots = cholesky.f64_matrix(count, features)?;
                let constant = |component: usize| normal + constant(component);
                self.separate(|component, feature| roots.row(component)[feature], constant)
            }
            "spherical" => {
                let roots = cholesky.f64_vector(count)?;
                let constant = |component: usize| normal + constant(component);
                self.separate(|component, _| roots[component], constant)
            }
            other => {
                let supported = "`full`, `tied`, `diag` or `spherical`";
                return Err(value.unsupported_option("covariance_type", other, supported));
            }
        };
        let head = Head::Mixture(Mixture { components: Some(Labels::range(count)) });
        let mut lowered = Lowered::estimator(features, Estimator::Columns, head);
        lowered.pipeline.steps = steps;
        Ok(lowered)
    }

    /// Components with Cholesky factors of their precisions.
    fn projected<'m>(
        &self,
        factor: impl Fn(usize) -> &'m [f64],
        constant: impl Fn(usize) -> f64,
    ) -> Vec<Step> {
        let features = self.means.cols;
        let branch = |component: usize| {
            let factor = factor(component);
            let at = |column: usize, row: usize| factor[row * features + column];
            let mean = self.means.row(component);
            let offset = |column| -mean.iter().enumerate().map(|(row, m)| m * at(column, row)).sum::<f64>();
            let log_det: f64 = (0..features).map(|column| at(column, column).ln()).sum();
            let mut steps = vec![project(features, (0..features).map(offset).collect(), at)];
            steps.extend(half_squares(features, constant(component) + log_det));
            Branch { columns: (0..features).collect(), steps, weight: None }
        };
        vec![Step::Parallel((0..self.means.rows).map(branch).collect())]
    }

    /// Components whose features are independent, with the roots of their precisions.
    fn separate(&self, root: impl Fn(usize, usize) -> f64, constant: impl Fn(usize) -> f64) -> Vec<Step> {
        let Matrix { rows: count, cols: features, .. } = self.means;
        let all = || (0..features).collect::<Vec<_>>();
        let squares = vec![Step::Elementwise(vec![Function::Square])];
        let expand = Step::Parallel(vec![
            Branch { columns: all(), steps: squares, weight: None },
            Branch { columns: all(), steps: Vec::new(), weight: None },
        ]);
        let weight = |component: usize, column: usize| {
            let precision = root(component, column % features).powi(2);
            if column < features {
                -0.5 * precision
            } else {
                self.means.row(component)[column - features] * precision
            }
        };
        let offset = |component: usize| {
            let terms = self.means.row(component).iter().enumerate();
            let squares: f64 = terms.map(|(feature, m)| m * m * root(component, feature).powi(2)).sum();
            let log_det: f64 = (0..features).map(|feature| root(component, feature).ln()).sum();
            constant(component) + log_det - 0.5 * squares
        };
        vec![expand, project(2 * features, (0..count).map(offset).collect(), weight)]
    }
}

/// `EllipticEnvelope`: less the square of the Mahalanobis distance.
pub(super) fn elliptic_envelope(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let location = value.field("location_")?.f64_vector(None)?;
    let features = location.len();
    if !value.field("store_precision")?.bool()? {
        let supported = "`True`, with which the file has the precision matrix";
        return Err(value.unsupported_option("store_precision", "False", supported));
    }
    let precision = value.field("precision_")?.f64_matrix(features, features)?.data;
    let offset = value.field("offset_")?.float()?;
    let head = Head::Outlier(Outlier { offset, equal_inlier: true, column: false });
    let sum = squared_mahalanobis(location, precision, -1.0, 0.0);
    Ok(Lowered::estimator(features, Estimator::KernelSum(sum), head))
}

/// `factor` times the square of the Mahalanobis distance to a point, and a constant.
pub(super) fn squared_mahalanobis(
    location: Vec<f64>,
    precision: Vec<f64>,
    factor: f64,
    constant: f64,
) -> KernelSum {
    KernelSum {
        features: location.len(),
        function: KernelFunction::SquaredDistance(Metric::Mahalanobis(precision)),
        points: location,
        terms: vec![KernelTerm { output: 0, first: 0, coefficients: vec![factor] }],
        intercept: vec![constant],
    }
}

/// Weighted sums, the weight given by output and input.
fn project(features: usize, intercept: Vec<f64>, weight: impl Fn(usize, usize) -> f64) -> Step {
    let weights = (0..intercept.len()).flat_map(|output| (0..features).map(move |input| (output, input)));
    let coefficients = weights.map(|(output, input)| weight(output, input)).collect();
    Step::Project(Linear { features, coefficients, intercept })
}

/// A constant less half of the sum of squares.
fn half_squares(columns: usize, constant: f64) -> [Step; 2] {
    [Step::Elementwise(vec![Function::Square]), project(columns, vec![constant], |_, _| -0.5)]
}
