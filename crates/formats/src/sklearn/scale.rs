//! Transformers that compute with each number alone, or with each row: scalers, `Normalizer`, `FunctionTransformer`.

use foretell_model::step::{Accepts, Arithmetic, Function, Norm, Normalize, Scale, Step};

use super::{Input, Lowered, Naming, Result, Version, features, present};
use crate::pickle::Value;

/// `StandardScaler`.
pub(super) fn standard_scaler(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let features = features(value, &["scale_", "mean_", "var_"])?;
    let centre = constants(value, "mean_", features)?;
    let mut operations = Vec::new();
    if value.field("with_mean")?.bool()? {
        operations.push(Arithmetic::Subtract(needed(value, "mean_", features)?));
    }
    if value.field("with_std")?.bool()? {
        operations.push(divide(needed(value, "scale_", features)?, input));
    }
    Ok(scaler(Scale { operations, range: None, centre }, features, input))
}

/// `MinMaxScaler`.
pub(super) fn min_max_scaler(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let features = features(value, &["scale_"])?;
    let mut operations = vec![
        Arithmetic::Multiply(needed(value, "scale_", features)?),
        Arithmetic::Add(needed(value, "min_", features)?),
    ];
    if flag(value, "clip")? {
        let range = value.field("feature_range")?;
        operations.push(Arithmetic::Clip { low: range.at(0)?.float()?, high: range.at(1)?.float()? });
    }
    let (low, high) = (constants(value, "data_min_", features)?, constants(value, "data_max_", features)?);
    let range = low.zip(high).map(|(low, high)| low.into_iter().zip(high).collect());
    Ok(scaler(Scale { operations, range, centre: None }, features, input))
}

/// `MaxAbsScaler`.
pub(super) fn max_abs_scaler(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let features = features(value, &["scale_"])?;
    let mut operations = vec![divide(needed(value, "scale_", features)?, input)];
    if flag(value, "clip")? {
        operations.push(Arithmetic::Clip { low: -1.0, high: 1.0 });
    }
    Ok(scaler(Scale { operations, ..Scale::default() }, features, input))
}

/// `RobustScaler`.
pub(super) fn robust_scaler(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let features = features(value, &["scale_", "center_"])?;
    let centre = constants(value, "center_", features)?;
    let mut operations = Vec::new();
    if value.field("with_centering")?.bool()? {
        operations.push(Arithmetic::Subtract(needed(value, "center_", features)?));
    }
    if value.field("with_scaling")?.bool()? {
        operations.push(divide(needed(value, "scale_", features)?, input));
    }
    Ok(scaler(Scale { operations, range: None, centre }, features, input))
}

/// `Normalizer`.
pub(super) fn normalizer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let norm = match value.field("norm")?.text()? {
        "l1" => Norm::L1,
        "l2" => Norm::L2,
        "max" => Norm::Max,
        other => return Err(value.unsupported_option("norm", other, "`l1`, `l2` or `max`")),
    };
    // Before 1.0, and for sparse rows, only a norm of exactly 0 counts as 1.
    let only_zero = input.sparse || Version::of(value)? < Version(1, 0);
    let smallest = if only_zero { f64::from_bits(1) } else { 10.0 * f64::EPSILON };
    let normalize = Normalize { norm, smallest };
    Ok(Lowered::transformer(None, vec![Step::Normalize(normalize)], input.sparse).naming(Naming::Same))
}

/// `FunctionTransformer`: the identity, or a ufunc of numpy. Functions of the user are not in the file.
pub(super) fn function_transformer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let mut steps = Vec::new();
    if value.field("validate")?.bool()? {
        steps.push(Step::Require(Accepts { missing: false, infinite: false }));
    }
    let Some(func) = present(value, "func")? else {
        return Ok(Lowered::transformer(None, steps, input.sparse).naming(Naming::Same));
    };
    if let Some(arguments) = present(value, "kw_args")?
        && !arguments.pairs()?.is_empty()
    {
        return Err(value.unsupported_option("kw_args", arguments.describe(), "no arguments"));
    }
    let function = numpy_name(&func)?.and_then(ufunc);
    let Some(function) = function else {
        let supported = "None or a function of one number of numpy, such as `numpy.log1p`";
        let name = func.reference().map_or_else(|| func.describe(), |name| name.to_string());
        return Err(value.unsupported_option("func", name, supported));
    };
    steps.push(Step::Elementwise(vec![function]));
    Ok(Lowered::transformer(None, steps, input.sparse).naming(Naming::Same))
}

/// The `inverse_func` of a `FunctionTransformer`; `None` where it is the identity.
pub(super) fn inverse_function(value: &Value<'_>) -> Result<Option<Function>> {
    let Some(func) = present(value, "inverse_func")? else { return Ok(None) };
    if let Some(arguments) = present(value, "inv_kw_args")?
        && !arguments.pairs()?.is_empty()
    {
        return Err(value.unsupported_option("inv_kw_args", arguments.describe(), "no arguments"));
    }
    match numpy_name(&func)?.and_then(ufunc) {
        Some(function) => Ok(Some(function)),
        None => {
            let supported = "None or a function of one number of numpy, such as `numpy.expm1`";
            let name = func.reference().map_or_else(|| func.describe(), |name| name.to_string());
            Err(value.unsupported_option("inverse_func", name, supported))
        }
    }
}

/// The name of a numpy ufunc: a plain reference, or before numpy 1.20 a call of `_ufunc_reconstruct(module, name)`.
fn numpy_name<'p>(func: &Value<'p>) -> Result<Option<&'p str>> {
    if let Some(name) = func.reference() {
        return Ok((name.package() == "numpy").then(|| name.name()));
    }
    if func.class().is_some_and(|class| class.is("numpy", "_ufunc_reconstruct")) {
        return func.args()?.at(1)?.text().map(Some);
    }
    Ok(None)
}

/// The function of a numpy ufunc's name.
fn ufunc(name: &str) -> Option<Function> {
    Some(match name {
        "abs" | "absolute" | "fabs" => Function::Absolute,
        "cbrt" => Function::Cbrt,
        "exp" => Function::Exp,
        "exp2" => Function::Exp2,
        "expm1" => Function::Expm1,
        "log" => Function::Log,
        "log10" => Function::Log10,
        "log1p" => Function::Log1p,
        "log2" => Function::Log2,
        "negative" => Function::Negative,
        "reciprocal" => Function::Reciprocal,
        "sign" => Function::Sign,
        "sin" => Function::Sin,
        "cos" => Function::Cos,
        "tan" => Function::Tan,
        "tanh" => Function::Tanh,
        "sqrt" => Function::Sqrt,
        "square" => Function::Square,
        "floor" => Function::Floor,
        "ceil" => Function::Ceil,
        "rint" => Function::Rint,
        _ => return None,
    })
}

fn scaler(scale: Scale, features: usize, input: Input) -> Lowered {
    Lowered::transformer(features, vec![Step::Scale(scale)], input.sparse).naming(Naming::Same)
}

/// A dense matrix is divided, a sparse one multiplied by the reciprocals.
fn divide(scale: Vec<f64>, input: Input) -> Arithmetic {
    if input.sparse {
        Arithmetic::Multiply(scale.into_iter().map(|scale| 1.0 / scale).collect())
    } else {
        Arithmetic::Divide(scale)
    }
}

/// One constant per column.
fn needed(value: &Value<'_>, name: &'static str, features: usize) -> Result<Vec<f64>> {
    value.field(name)?.f64_vector(features)
}

/// One constant per column, where the scaler has them.
fn constants(value: &Value<'_>, name: &'static str, features: usize) -> Result<Option<Vec<f64>>> {
    present(value, name)?.map(|constants| constants.f64_vector(features)).transpose()
}

/// A parameter that older versions do not have and that is off by default.
fn flag(value: &Value<'_>, name: &'static str) -> Result<bool> {
    value.optional(name)?.map_or(Ok(false), |flag| flag.bool())
}
