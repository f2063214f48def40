//! Decompositions that iterate for every row: non-negative factorization, topics, sparse codes.

use foretell_model::Step;
use foretell_model::step::{
    NonNegative, Representation, RepresentationRule, Solver, Sparse, SparseRule, Topics,
};

use super::{Input, Lowered, Result, Version, bounded, count, numbered, present};
use crate::pickle::{Matrix, Value};

/// `NMF`.
pub(super) fn non_negative(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value, "components_")?;
    if present(value, "shuffle")?.map_or(Ok(false), |shuffle| shuffle.bool())? {
        return Err(value.unsupported_option("shuffle", "True", "False, as it draws at random"));
    }
    let solver = match value.field("solver")?.text()? {
        "cd" => Solver::CoordinateDescent,
        "mu" => Solver::Multiplicative { beta: beta(value)? },
        other => return Err(value.unsupported_option("solver", other, "`cd` or `mu`")),
    };
    let (l1, l2) = penalties(value, components.cols)?;
    let rounds = count(&value.field("max_iter")?)?;
    let rule = NonNegative { solver, l1, l2, rounds, tolerance: value.field("tol")?.float()? };
    Ok(lowered(value, components, RepresentationRule::NonNegative(rule)))
}

/// `MiniBatchNMF`.
pub(super) fn non_negative_online(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value, "components_")?;
    let rounds = match present(value, "transform_max_iter")? {
        Some(rounds) => rounds,
        None => value.field("max_iter")?,
    };
    let (l1, l2) = penalties(value, components.cols)?;
    let solver = Solver::MultiplicativeOnline { beta: beta(value)? };
    let rule =
        NonNegative { solver, l1, l2, rounds: count(&rounds)?, tolerance: value.field("tol")?.float()? };
    Ok(lowered(value, components, RepresentationRule::NonNegative(rule)))
}

/// The divergence that is minimized, as the number that stands for it.
fn beta(value: &Value<'_>) -> Result<f64> {
    let loss = value.field("beta_loss")?;
    if !loss.is_text() {
        return loss.float();
    }
    match loss.text()? {
        "frobenius" => Ok(2.0),
        "kullback-leibler" => Ok(1.0),
        "itakura-saito" => Ok(0.0),
        other => {
            let supported = "`frobenius`, `kullback-leibler`, `itakura-saito` or a number";
            Err(value.unsupported_option("beta_loss", other, supported))
        }
    }
}

/// The penalties of the sum of weights and of the sum of their squares.
fn penalties(value: &Value<'_>, features: usize) -> Result<(f64, f64)> {
    let ratio = value.field("l1_ratio")?.float()?;
    let number = |name| -> Result<Option<f64>> {
        match present(value, name)? {
            Some(alpha) if !alpha.is_text() => alpha.float().map(Some),
            Some(_) | None => Ok(None),
        }
    };
    let scaled = number("alpha_W")?;
    let penalized_components = number("alpha_H")?.is_some();
    // Up to 1.1 there is `alpha`, which is not scaled and counts where the others are left as they are.
    let old = if Version::of(value)? < Version(1, 2) { number("alpha")? } else { None };
    let alpha = match (scaled, old) {
        (Some(scaled), None) => scaled * features as f64,
        (Some(scaled), Some(_)) if scaled != 0.0 || penalized_components => scaled * features as f64,
        (_, Some(old)) => match present(value, "regularization")? {
            None => old,
            Some(part) => match part.text()? {
                "both" | "transformation" => old,
                "components" => 0.0,
                other => {
                    let supported = "`both`, `components` or `transformation`";
                    return Err(value.unsupported_option("regularization", other, supported));
                }
            },
        },
        (None, None) => return Err(value.missing("alpha_W")),
    };
    Ok((alpha * ratio, alpha * (1.0 - ratio)))
}

/// `LatentDirichletAllocation`.
pub(super) fn topics(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value, "exp_dirichlet_component_")?;
    let rule = Topics {
        prior: value.field("doc_topic_prior_")?.float()?,
        rounds: count(&value.field("max_doc_update_iter")?)?,
        tolerance: value.field("mean_change_tol")?.float()?,
    };
    Ok(lowered(value, components, RepresentationRule::Topics(rule)))
}

/// `DictionaryLearning` and `MiniBatchDictionaryLearning`.
pub(super) fn dictionary(value: &Value<'_>, _: Input) -> Result<Lowered> {
    sparse_code(value, components(value, "components_")?)
}

/// `SparseCoder`, whose dictionary was given to it.
pub(super) fn sparse_coder(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let name = if present(value, "dictionary")?.is_some() { "dictionary" } else { "components_" };
    sparse_code(value, components(value, name)?)
}

fn sparse_code(value: &Value<'_>, components: Matrix) -> Result<Lowered> {
    let alpha = || match present(value, "transform_alpha")? {
        Some(alpha) => alpha.float(),
        // Since 1.2 that of the training.
        None if Version::of(value)? >= Version(1, 2) => {
            present(value, "alpha")?.map_or(Ok(1.0), |alpha| alpha.float())
        }
        None => Ok(1.0),
    };
    let most = || match present(value, "transform_n_nonzero_coefs")? {
        Some(most) => count(&most),
        None => Ok((components.cols / 10).max(1).min(components.rows)),
    };
    let rule = match value.field("transform_algorithm")?.text()? {
        "threshold" => SparseRule::Threshold(alpha()?),
        // Its path ends in the solution itself.
        "lasso_lars" => SparseRule::Lasso { alpha: alpha()?, sweeps: 10_000, tolerance: 1e-13 },
        "lasso_cd" => {
            let sweeps = present(value, "transform_max_iter")?.map_or(Ok(1000), |most| count(&most))?;
            let tolerance = if Version::of(value)? < Version(1, 8) { 1e-4 } else { 1e-8 };
            SparseRule::Lasso { alpha: alpha()?, sweeps, tolerance }
        }
        "omp" => SparseRule::Pursuit(most()?),
        "lars" => SparseRule::LeastAngle(most()?),
        other => {
            let supported = "`omp`, `lars`, `lasso_lars`, `lasso_cd` or `threshold`";
            return Err(value.unsupported_option("transform_algorithm", other, supported));
        }
    };
    let positive = present(value, "positive_code")?.map_or(Ok(false), |positive| positive.bool())?;
    let split_sign = value.field("split_sign")?.bool()?;
    Ok(lowered(value, components, RepresentationRule::Sparse(Sparse { rule, positive, split_sign })))
}

fn components(value: &Value<'_>, name: &'static str) -> Result<Matrix> {
    let held = value.field(name)?;
    let matrix = held.f64_matrix(None, None)?;
    bounded(&held, matrix.rows)?;
    Ok(matrix)
}

fn lowered(value: &Value<'_>, components: Matrix, rule: RepresentationRule) -> Lowered {
    let naming = numbered(value, components.rows);
    let split = matches!(&rule, RepresentationRule::Sparse(sparse) if sparse.split_sign);
    let features = components.cols;
    let step = Step::Represent(Representation { features, components: components.data, rule });
    let lowered = Lowered::transformer(features, vec![step], false);
    // The library names as many columns as there are components.
    if split { lowered } else { lowered.naming(naming) }
}
