//! Transformers that compute with each column by its own constants, or make several columns of each: binarisers,
//! discretisers, power and quantile transforms, polynomials, splines, encoders of the target.

use foretell_model::step::{
    Accepts, Curve, Curves, Extrapolation, Function, Ordinal, Products, Quantile, Spline, Splines, Step,
    Unknown,
};

use super::encode::{category_texts, one_hot, ordinal_column};
use super::naming::After;
use super::{Input, Lowered, MOST, Naming, Result, Version, bounded, count, present, scale};
use crate::pickle::Value;

/// `Binarizer`.
pub(super) fn binarizer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let threshold = value.field("threshold")?.float()?;
    let Some(features) = present(value, "n_features_in_")? else {
        // Before 0.23 it did not count its columns, as it does the same to all.
        let steps = vec![Step::Require(Accepts::FINITE), Step::Elementwise(vec![Function::Above(threshold)])];
        return Ok(Lowered::transformer(None, steps, input.sparse).naming(Naming::Same));
    };
    let features = count(&features)?;
    let curve = Curve::Threshold(threshold);
    let curves = Curves { columns: vec![curve; features], accepts: Accepts::FINITE };
    Ok(transformer(features, vec![Step::Curves(curves)], input.sparse, Naming::Same))
}

/// `KBinsDiscretizer`.
pub(super) fn k_bins_discretizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let edges = value.field("bin_edges_")?.items()?;
    let features = edges.len();
    let nudge = if Version::of(value)? < Version(1, 1) { (1e-8, 1e-5) } else { (0.0, 0.0) };
    let mut columns = Vec::new();
    for edges in &edges {
        let all = edges.f64_vector(None)?;
        if all.len() < 2 || all.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(edges.mismatch("at least two ascending edges", edges.describe()));
        }
        columns.push(Curve::Bins { edges: all[1..all.len() - 1].to_vec(), nudge });
    }
    let mut steps = vec![Step::Curves(Curves { columns, accepts: Accepts::FINITE })];
    let encode = value.field("encode")?.text()?;
    match encode {
        "ordinal" => return Ok(transformer(features, steps, false, Naming::Same)),
        "onehot" | "onehot-dense" => {}
        other => {
            let supported = "`onehot`, `onehot-dense` or `ordinal`";
            return Err(value.unsupported_option("encode", other, supported));
        }
    }
    let encoder = value.field("_encoder")?;
    let encoded = one_hot(&encoder, Input::default())?;
    if encoded.features != Some(features) {
        return Err(encoder.mismatch(format_args!("{features} columns"), encoder.describe()));
    }
    steps.extend(encoded.pipeline.steps);
    Ok(transformer(features, steps, encode == "onehot", encoded.naming))
}

/// `PowerTransformer`, scaled afterwards when it standardizes.
pub(super) fn power_transformer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let lambdas = value.field("lambdas_")?.f64_vector(None)?;
    // Since 1.9 the transform of scipy, which is exact for small numbers.
    let exact = Version::of(value)? >= Version(1, 9);
    let method = value.field("method")?.text()?;
    let curve = |lambda: &f64| match method {
        "box-cox" => Some(Curve::BoxCox(*lambda)),
        "yeo-johnson" => Some(Curve::YeoJohnson { lambda: *lambda, exact }),
        _ => None,
    };
    let Some(columns) = lambdas.iter().map(curve).collect() else {
        return Err(value.unsupported_option("method", method, "`yeo-johnson` or `box-cox`"));
    };
    let accepts = Accepts { missing: true, infinite: false };
    let mut steps = vec![Step::Curves(Curves { columns, accepts })];
    if value.field("standardize")?.bool()? {
        steps.extend(scale::standard_scaler(&value.field("_scaler")?, Input::default())?.pipeline.steps);
    }
    Ok(transformer(lambdas.len(), steps, false, Naming::Same))
}

/// `QuantileTransformer`.
pub(super) fn quantile_transformer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    if input.sparse {
        return Err(value.invalid("a quantile transform of sparse columns is not supported; make them dense"));
    }
    let normal = match value.field("output_distribution")?.text()? {
        "uniform" => {
            Version::expect_from(value, 0, 21, "kept uniform quantiles away from 0 and 1")?;
            false
        }
        "normal" => true,
        other => return Err(value.unsupported_option("output_distribution", other, "`uniform` or `normal`")),
    };
    let shares = value.field("references_")?.f64_vector(None)?;
    let quantiles = value.field("quantiles_")?;
    let matrix = quantiles.f64_matrix(shares.len(), None)?;
    let features = bounded(&quantiles, matrix.cols)?;
    let column = |column: usize| {
        let values = (0..matrix.rows).map(|row| matrix.data[row * matrix.cols + column]).collect();
        Curve::Quantile(Quantile { values, shares: shares.clone(), normal })
    };
    let accepts = Accepts { missing: true, infinite: false };
    let curves = Curves { columns: (0..features).map(column).collect(), accepts };
    Ok(transformer(features, vec![Step::Curves(curves)], false, Naming::Same))
}

/// `PolynomialFeatures`.
pub(super) fn polynomial_features(value: &Value<'_>, input: Input) -> Result<Lowered> {
    // `n_input_features_` before 1.0.
    let features = match present(value, "n_features_in_")? {
        Some(features) => count(&features)?,
        None => count(&value.field("n_input_features_")?)?,
    };
    let degree = value.field("degree")?;
    let (least, most) = match degree.size() {
        Ok(most) => (0, most),
        Err(_) => (degree.at(0)?.size()?, degree.at(1)?.size()?),
    };
    let repeated = !value.field("interaction_only")?.bool()?;
    let mut factors = Vec::new();
    if value.field("include_bias")?.bool()? {
        factors.push(Vec::new());
    }
    for degree in least.max(1)..=most {
        if !repeated && degree > features {
            break;
        }
        combinations(features, degree, repeated, &mut factors)
            .ok_or_else(|| value.mismatch(format_args!("at most {MOST} factors in all"), "more"))?;
    }
    if let Some(outputs) = present(value, "n_output_features_")?
        && outputs.size()? != factors.len()
    {
        return Err(outputs.mismatch(factors.len(), outputs.describe()));
    }
    let naming = Naming::Products(factors.clone());
    let step = Step::Products(Products { features, factors });
    Ok(transformer(features, vec![step], input.sparse, naming))
}

/// Appends all ascending combinations of columns in the order of `itertools`; `None` when there are too many.
fn combinations(features: usize, degree: usize, repeated: bool, all: &mut Vec<Vec<usize>>) -> Option<()> {
    if degree > MOST || features == 0 {
        return (features == 0).then_some(());
    }
    let before: usize = all.iter().map(Vec::len).sum();
    let mut left = MOST.checked_sub(before)?;
    let step = usize::from(!repeated);
    let mut current: Vec<usize> = (0..degree).map(|position| position * step).collect();
    loop {
        left = left.checked_sub(degree)?;
        all.push(current.clone());
        let greatest = |position: usize| features - 1 - (degree - 1 - position) * step;
        let Some(position) = (0..degree).rev().find(|&position| current[position] < greatest(position))
        else {
            return Some(());
        };
        let next = current[position] + 1;
        for (offset, column) in current[position..].iter_mut().enumerate() {
            *column = next + offset * step;
        }
    }
}

/// `SplineTransformer`.
pub(super) fn spline_transformer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let extrapolation = match value.field("extrapolation")?.text()? {
        "error" => Extrapolation::Refuse,
        "constant" => Extrapolation::Constant,
        "linear" => Extrapolation::Linear,
        "continue" => Extrapolation::Continue,
        "periodic" => Extrapolation::Periodic,
        other => {
            let supported = "`error`, `constant`, `linear`, `continue` or `periodic`";
            return Err(value.unsupported_option("extrapolation", other, supported));
        }
    };
    let missing = match present(value, "handle_missing")? {
        None => false,
        Some(rule) => match rule.text()? {
            "error" => false,
            "zeros" => true,
            other => return Err(value.unsupported_option("handle_missing", other, "`error` or `zeros`")),
        },
    };
    let bias = value.field("include_bias")?.bool()?;
    let mut columns = Vec::new();
    let mut names = Vec::new();
    for (input, held) in value.field("bsplines_")?.items()?.iter().enumerate() {
        let spline = spline(held, bias)?;
        let after = |number: usize| After { input, prefix: "", suffix: format!("_sp_{number}") };
        names.extend((0..spline.outputs).map(after));
        columns.push(spline);
    }
    // `sparse_output` since 1.2.
    let sparse = present(value, "sparse_output")?.map_or(Ok(false), |sparse| sparse.bool())?;
    let features = columns.len();
    let step = Step::Splines(Splines { columns, extrapolation, missing });
    Ok(transformer(features, vec![step], sparse, Naming::After(names)))
}

/// A `BSpline` of scipy; since scipy 1.15 its attributes are private.
fn spline(held: &Value<'_>, bias: bool) -> Result<Spline> {
    // Since scipy 1.18 they are those of another object, the first of a pair that is the state.
    let inner = if held.has("k") { None } else { held.state().and_then(|state| state.at(0)).ok() };
    let held = inner.as_ref().unwrap_or(held);
    let either = |private: &'static str, public: &'static str| match present(held, private)? {
        Some(value) => Ok(value),
        None => held.field(public),
    };
    let degree = held.field("k")?.size()?;
    let knots = either("_t", "t")?.f64_vector(None)?;
    let coefficients = either("_c", "c")?;
    let matrix = coefficients.f64_matrix(None, None)?;
    let splines = bounded(&coefficients, matrix.cols)?;
    let outputs = splines.saturating_sub(usize::from(!bias));
    Ok(Spline { degree, knots, coefficients: matrix.data, splines, outputs })
}

/// `TargetEncoder`: positions of categories, then the encodings at these positions.
pub(super) fn target_encoder(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let held = value.field("categories_")?.items()?;
    let categories = held.iter().map(|column| ordinal_column(column, None)).collect::<Result<Vec<_>>>()?;
    let features = categories.len();
    let mean = value.field("target_mean_")?;
    let multiple = value.field("target_type_")?.text()? == "multiclass";
    let means = if multiple { mean.f64_vector(None)? } else { vec![mean.float()?] };
    let encodings = value.field("encodings_")?;
    let tables = encodings.items()?;
    if means.is_empty() || tables.len() != features * means.len() {
        return Err(encodings.mismatch(format_args!("{} tables", features * means.len()), tables.len()));
    }
    let mut columns = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let (of, other) = (&categories[number / means.len()], means[number % means.len()]);
        let values = table.f64_vector(of.values.len())?;
        // A missing value that is a category is the last.
        let missing = values.last().copied().unwrap_or(other);
        columns.push(Curve::Table { values, missing, other });
    }
    let repeated = (0..columns.len()).map(|number| number / means.len()).collect();
    let ordinal = Ordinal { columns: categories, unknown: Unknown::Code(-1.0), missing: f64::NAN };
    let accepts = Accepts { missing: true, infinite: false };
    let steps =
        vec![Step::Ordinal(ordinal), Step::Select(repeated), Step::Curves(Curves { columns, accepts })];
    let naming = if multiple { class_names(value, features)? } else { Naming::Same };
    Ok(transformer(features, steps, false, naming))
}

/// `column_class`.
fn class_names(value: &Value<'_>, features: usize) -> Result<Naming> {
    let classes = value.field("classes_")?;
    let Ok(texts) = category_texts(&classes) else { return Ok(Naming::Unknown) };
    let of = |input: usize| {
        texts.iter().map(move |class| After { input, prefix: "", suffix: format!("_{class}") })
    };
    Ok(Naming::After((0..features).flat_map(of).collect()))
}

fn transformer(features: usize, steps: Vec<Step>, sparse: bool, naming: Naming) -> Lowered {
    Lowered::transformer(features, steps, sparse).naming(naming)
}
