//! `SimpleImputer` and the `Imputer` before it, `KNNImputer`, `IterativeImputer` and `MissingIndicator`.

use foretell_frame::Cell;
use foretell_model::step::{Answer, Arithmetic, Branch, Impute, ImputeNearest, Refinement, Scale, Step};

use super::compose::is_word;
use super::encode::{cell, number};
use super::naming::After;
use super::{Input, Lowered, Naming, Result, Version, count, lower, present};
use crate::pickle::{Kind, Value};

/// `SimpleImputer`.
pub(super) fn simple_imputer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    imputed(value, marker(value)?, input)
}

fn imputed(value: &Value<'_>, marker: Cell, input: Input) -> Result<Lowered> {
    let statistics = statistics(&value.field("statistics_")?)?;
    let keeps_empty = present(value, "keep_empty_features")?.map_or(Ok(false), |keeps| keeps.bool())?;
    if keeps_empty && let Some(column) = statistics.iter().position(|statistic| *statistic == Cell::Missing) {
        let detail =
            format_args!("column {column} keeps missing values although `keep_empty_features` is set");
        return Err(value.invalid(detail));
    }
    let columns = statistics.len();
    // A column without a statistic was empty in training and is dropped.
    let kept = (0..columns).filter(|&column| statistics[column] != Cell::Missing);
    let kept: Vec<After> = kept.map(|input| After { input, prefix: "", suffix: String::new() }).collect();
    let fill = statistics
        .into_iter()
        .map(|statistic| Some(statistic).filter(|fill| *fill != Cell::Missing))
        .collect();
    let indicators = match present(value, "indicator_")? {
        Some(indicator) if value.field("add_indicator")?.bool()? => indicated(&indicator, columns)?,
        Some(_) | None => Vec::new(),
    };
    let names = kept.into_iter().chain(indicator_names(&indicators)).collect();
    let step = Step::Impute(Impute { marker, fill, indicators, refuse_missing: Vec::new() });
    Ok(Lowered::transformer(columns, vec![step], input.sparse).naming(Naming::After(names)))
}

/// `Imputer`, which `SimpleImputer` replaced in 0.20 and which left in 0.22.
pub(super) fn imputer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    if value.field("axis")?.size()? != 0 {
        return Err(value.unsupported_option("axis", 1, "0, which imputes by column"));
    }
    let marker = if is_word(&value.field("missing_values")?, "NaN") { Cell::Missing } else { marker(value)? };
    imputed(value, marker, input)
}

/// `MissingIndicator` on its own: drops the values and keeps the indicators.
pub(super) fn missing_indicator(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Version::expect_from(value, 0, 21, "chose other columns")?;
    let columns = count(&value.field("_n_features")?)?;
    let indicators = indicated(value, columns)?;
    let refuses = match value.field("features")?.text()? {
        "missing-only" => value.field("error_on_new")?.bool()?,
        "all" => false,
        other => return Err(value.unsupported_option("features", other, "`missing-only` or `all`")),
    };
    let refuse_missing = (0..columns).filter(|column| refuses && !indicators.contains(column)).collect();
    let sparse = value.field("sparse")?;
    let sparse = if sparse.is_text() { input.sparse } else { sparse.bool()? };
    let fill = vec![None; columns];
    let names = indicator_names(&indicators).collect();
    let step = Step::Impute(Impute { marker: marker(value)?, fill, indicators, refuse_missing });
    Ok(Lowered::transformer(columns, vec![step], sparse).naming(Naming::After(names)))
}

/// `KNNImputer`: means over the nearest rows that have the value.
pub(super) fn nearest_imputer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let fitted = value.field("_fit_X")?.f64_matrix(None, None)?;
    let features = fitted.cols;
    let metric = value.field("metric")?;
    if !is_word(&metric, "nan_euclidean") {
        return Err(value.unsupported_option("metric", metric.describe(), "`nan_euclidean`"));
    }
    let weights = value.field("weights")?;
    let inverse_distance = is_word(&weights, "distance");
    if !inverse_distance && !is_word(&weights, "uniform") {
        return Err(value.unsupported_option("weights", weights.describe(), "`uniform` or `distance`"));
    }
    // What is missing: by its mask, as a marker stands in the rows themselves.
    let mask = value.field("_mask_fit_X")?;
    let missing = mask.array()?;
    missing.expect_shape(&[Some(fitted.rows), Some(features)])?;
    let mut points = fitted.data;
    points.iter_mut().zip(missing.bools()?).filter(|(_, missing)| *missing).for_each(|(x, _)| *x = f64::NAN);
    let valid = |column: &usize| points.iter().skip(*column).step_by(features.max(1)).any(|x| !x.is_nan());
    let keeps_empty = present(value, "keep_empty_features")?.map_or(Ok(false), |keeps| keeps.bool())?;
    let empty: Vec<usize> = (0..features).filter(|column| !valid(column)).collect();
    let kept: Vec<usize> = (0..features).filter(|column| keeps_empty || !empty.contains(column)).collect();
    let told = match present(value, "indicator_")? {
        Some(indicator) if value.field("add_indicator")?.bool()? => indicated(&indicator, features)?,
        Some(_) | None => Vec::new(),
    };
    let branch = |steps| Branch { columns: (0..features).collect(), steps, weight: None };
    let marked = |fill: Vec<Option<Cell>>, indicators: Vec<usize>| -> Result<Step> {
        Ok(Step::Impute(Impute { marker: marker(value)?, fill, indicators, refuse_missing: Vec::new() }))
    };
    let nearest = ImputeNearest {
        features,
        points,
        neighbours: count(&value.field("n_neighbors")?)?,
        inverse_distance,
        // Since 1.6 rows without a distance do not count.
        incomparable: Version::of(value)? < Version(1, 6),
    };
    let mut filling =
        vec![marked(vec![Some(Cell::Missing); features], Vec::new())?, Step::ImputeNearest(nearest)];
    if keeps_empty && !empty.is_empty() {
        // Whatever stands in a column that was empty in training becomes 0.
        let factors = (0..features).map(|column| f64::from(u8::from(!empty.contains(&column)))).collect();
        filling
            .push(Step::Scale(Scale { operations: vec![Arithmetic::Multiply(factors)], ..Scale::default() }));
    }
    filling.push(Step::Select(kept.clone()));
    let mut steps = filling;
    if !told.is_empty() {
        steps = vec![Step::Parallel(vec![
            branch(steps),
            branch(vec![marked(vec![None; features], told.clone())?]),
        ])];
    }
    let names = kept.into_iter().map(|input| After { input, prefix: "", suffix: String::new() });
    let names = names.chain(indicator_names(&told)).collect();
    Ok(Lowered::transformer(features, steps, input.sparse).naming(Naming::After(names)))
}

/// `IterativeImputer`: constants first, then estimators over the other columns, in the rounds of the fit.
///
/// Where every number of a request is missing scikit-learn leaves the constants; here a row's answer does not depend on
/// the rows beside it, and such a row goes through the rounds as it does among others.
pub(super) fn iterative_imputer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    if value.field("sample_posterior")?.bool()? {
        return Err(value.unsupported_option("sample_posterior", "True", "False, as it draws at random"));
    }
    let initial = value.field("initial_imputer_")?;
    let filled = simple_imputer(&initial, input)?;
    let statistics = statistics(&initial.field("statistics_")?)?;
    let columns = statistics.len();
    let kept: Vec<usize> = (0..columns).filter(|&column| statistics[column] != Cell::Missing).collect();
    if let Some(empty) = present(value, "_is_empty_feature")?
        && value.field("keep_empty_features")?.bool()?
        && empty.bool_vector(columns)?.contains(&true)
    {
        let supported = "False where a column was empty in training";
        return Err(value.unsupported_option("keep_empty_features", "True", supported));
    }
    let told = match present(value, "indicator_")? {
        Some(indicator) if value.field("add_indicator")?.bool()? => indicated(&indicator, columns)?,
        Some(_) | None => Vec::new(),
    };
    let masks = |indicators: &[usize]| -> Result<Branch> {
        let (marker, fill, indicators) = (marker(value)?, vec![None; columns], indicators.to_vec());
        let step = Step::Impute(Impute { marker, fill, indicators, refuse_missing: Vec::new() });
        Ok(Branch { columns: (0..columns).collect(), steps: vec![step], weight: None })
    };
    // Columns: the numbers, for each of them whether it was missing, and the indicators that are asked for.
    let steps = filled.into_steps(&initial)?;
    let numbers = Branch { columns: (0..columns).collect(), steps, weight: None };
    let mut steps = vec![Step::Parallel(vec![numbers, masks(&kept)?, masks(&told)?])];
    if value.field("n_iter_")?.size()? > 0 {
        steps.push(Step::Refine(refinements(value, kept.len())?));
    }
    steps.push(Step::Select((0..kept.len()).chain(2 * kept.len()..2 * kept.len() + told.len()).collect()));
    let names = kept.iter().map(|&input| After { input, prefix: "", suffix: String::new() });
    let names = names.chain(indicator_names(&told)).collect();
    Ok(Lowered::transformer(columns, steps, false).naming(Naming::After(names)))
}

/// What the estimators of all rounds replace, of `columns` columns with their masks behind them.
fn refinements(value: &Value<'_>, columns: usize) -> Result<Vec<Refinement>> {
    let low = value.field("_min_value")?.f64_vector(columns)?;
    let high = value.field("_max_value")?.f64_vector(columns)?;
    let position = |value: &Value<'_>, column: i64| {
        let column = usize::try_from(column).ok().filter(|&column| column < columns);
        column.ok_or_else(|| value.mismatch(format_args!("a column of {columns}"), value.describe()))
    };
    let refinement = |triplet: &Value<'_>| {
        let parts = triplet.args()?;
        let (target, neighbours, estimator) = (parts.at(0)?, parts.at(1)?, parts.at(2)?);
        let column = position(&target, target.int()?)?;
        let inputs = neighbours.i64_vector(None)?.into_iter().map(|column| position(&neighbours, column));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let steps = lower(&estimator, Input::default())?.answering(&estimator, Answer::Value)?;
        Ok(Refinement { column, mask: columns + column, inputs, steps, low: low[column], high: high[column] })
    };
    value.field("imputation_sequence_")?.items()?.iter().map(refinement).collect()
}

fn indicator_names(indicators: &[usize]) -> impl Iterator<Item = After> {
    indicators.iter().map(|&input| After { input, prefix: "missingindicator_", suffix: String::new() })
}

/// What is replaced: `missing_values`.
fn marker(value: &Value<'_>) -> Result<Cell> {
    let marker = value.field("missing_values")?;
    cell(&marker).map_err(|_| {
        value.unsupported_option("missing_values", marker.describe(), "NaN, None, a number or a text")
    })
}

/// The columns that an indicator was fitted to tell of.
fn indicated(indicator: &Value<'_>, columns: usize) -> Result<Vec<usize>> {
    let features = indicator.field("features_")?;
    let in_range = |column: i64| usize::try_from(column).ok().filter(|&column| column < columns);
    let indicated = features.i64_vector(None)?.into_iter().map(in_range).collect::<Option<_>>();
    indicated
        .ok_or_else(|| features.invalid(format_args!("a column is not among the {columns} of the imputer")))
}

/// The replacement of each column; missing where the column was empty in training.
fn statistics(value: &Value<'_>) -> Result<Vec<Cell>> {
    let array = value.array()?;
    array.expect_shape(&[None])?;
    match array.dtype().kind() {
        Kind::Object => value.items()?.iter().map(cell).collect(),
        Kind::Text => Ok(array.texts()?.into_iter().map(Cell::Text).collect()),
        Kind::Bool
        | Kind::Int
        | Kind::Uint
        | Kind::Float
        | Kind::Bytes
        | Kind::Structured(_)
        | Kind::Other(_) => Ok(array.f64s()?.into_iter().map(number).collect()),
    }
}
