//! Transformers by name: parameters, and what each learns of its columns.
//!
//! Sources: the definitions of scikit-learn's user guide, "Preprocessing data" and "Imputation of missing values";
//! Tipping and Bishop, "Probabilistic Principal Component Analysis" (1999) for the signs and scales of components.

use std::collections::BTreeMap;

use foretell_frame::Cell;
use foretell_model::step::{
    Accepts, Arithmetic, Categories, Curve, Curves, Function, Impute, Norm, Normalize, OneHot, Ordinal,
    Products, Quantile, Scale, Unknown,
};
use foretell_model::{Step, estimator::Linear};

use super::column::{Known, RawColumn};
use crate::FitError;
use crate::linalg::eigen_symmetric;
use crate::parameter::{Parameter, Parameters, Range, Value, choices, parameters};

/// Most categories of a column.
const MOST_CATEGORIES: usize = 1000;
/// Most columns that polynomials may become.
const MOST_TERMS: usize = 10_000;

parameters! {
    /// Mean 0 and standard deviation 1.
    pub struct StandardScaler {
        /// Whether the mean is taken away.
        with_mean: bool = true, Range::Any;
        /// Whether the standard deviation is divided by.
        with_std: bool = true, Range::Any;
    }
}

parameters! {
    /// From 0 to 1, or within other bounds.
    pub struct MinMaxScaler {
        /// The bounds.
        feature_range: Vec<f64> = vec![0.0, 1.0], Range::Any;
    }
}

parameters! {
    /// Median 0 and distance of two quantiles 1.
    pub struct RobustScaler {
        /// Whether the median is taken away.
        with_centering: bool = true, Range::Any;
        /// Whether the distance is divided by.
        with_scaling: bool = true, Range::Any;
        /// The quantiles, in hundredths.
        quantile_range: Vec<f64> = vec![25.0, 75.0], Range::Within(0.0, 100.0);
    }
}

choices!(Norm {
    "l1" => Self::L1,
    "l2" => Self::L2,
    "max" => Self::Max,
});

parameters! {
    /// Rows of length 1.
    pub struct Normalizer {
        /// What a row's length is.
        norm: Norm = Norm::L2, Range::Any;
    }
}

/// What takes the place of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The most frequent value, the least of them.
    MostFrequent,
    /// Always the same.
    Constant,
}

choices!(Strategy {
    "mean" => Self::Mean,
    "median" => Self::Median,
    "most_frequent" => Self::MostFrequent,
    "constant" => Self::Constant,
});

/// A number or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Parameter for Fill {
    fn read(value: &Value, range: Range) -> Option<Self> {
        if let Value::Text(text) = value {
            return Some(Self::Text(text.clone()));
        }
        f64::read(value, range).map(Self::Number)
    }

    fn write(&self) -> Value {
        match self {
            Self::Number(number) => number.write(),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }

    fn expected(_: Range) -> String {
        "a number or a text".to_owned()
    }
}

parameters! {
    /// Values in the place of missing ones.
    pub struct SimpleImputer {
        /// Which.
        strategy: Strategy = Strategy::Mean, Range::Any;
        /// The constant: by default 0, or the text `missing_value`.
        fill_value: Option<Fill> = None, Range::Any;
        /// Whether columns are added that tell what was missing.
        add_indicator: bool = false, Range::Any;
    }
}

parameters! {
    /// A column of 0 and 1 for each category; none is 1 for a category that is not known.
    pub struct OneHotEncoder {
        /// Categories of fewer rows share one column.
        min_frequency: Option<usize> = None, Range::AtLeast(1.0);
    }
}

parameters! {
    /// The position of the category among all, in their order.
    pub struct OrdinalEncoder {
        /// The number of a missing value, and of a category that is not known.
        unknown_value: f64 = -1.0, Range::Any;
    }
}

parameters! {
    /// Products of columns.
    pub struct PolynomialFeatures {
        /// Most factors.
        degree: usize = 2, Range::Within(1.0, 10.0);
        /// Whether no column is a factor twice.
        interaction_only: bool = false, Range::Any;
        /// Whether there is a column of ones.
        include_bias: bool = true, Range::Any;
    }
}

/// How quantiles are distributed afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly from 0 to 1.
    Uniform,
    /// As the standard normal distribution.
    Normal,
}

choices!(Distribution {
    "uniform" => Self::Uniform,
    "normal" => Self::Normal,
});

parameters! {
    /// The share of the rows that are smaller.
    pub struct QuantileTransformer {
        /// Most quantiles that are kept.
        n_quantiles: usize = 1000, Range::AtLeast(2.0);
        /// How they are distributed afterwards.
        output_distribution: Distribution = Distribution::Uniform, Range::Any;
    }
}

parameters! {
    /// The directions in which the columns vary most.
    pub struct Pca {
        /// How many; all where it is not given.
        n_components: Option<usize> = None, Range::AtLeast(1.0);
        /// Whether they vary by 1 each.
        whiten: bool = false, Range::Any;
    }
}

parameters! {
    /// Without columns that vary no more.
    pub struct VarianceThreshold {
        /// Than this.
        threshold: f64 = 0.0, Range::AtLeast(0.0);
    }
}

/// Something that is learnt of columns before an estimator learns from them.
#[derive(Debug, Clone, PartialEq)]
pub enum Transformer {
    /// Values in the place of missing ones.
    Impute(SimpleImputer),
    /// Mean 0, standard deviation 1.
    Standard(StandardScaler),
    /// Within bounds.
    MinMax(MinMaxScaler),
    /// Largest magnitude 1.
    MaxAbs,
    /// Median 0, distance of quantiles 1.
    Robust(RobustScaler),
    /// Quantiles.
    Quantile(QuantileTransformer),
    /// The same function of every number.
    Function(Function),
    /// Products of columns.
    Polynomial(PolynomialFeatures),
    /// Indicators of categories.
    OneHot(OneHotEncoder),
    /// Positions of categories.
    Ordinal(OrdinalEncoder),
    /// Positions of categories for an estimator that knows them to be such; missing where they are not known.
    Codes,
    /// Without columns that hardly vary.
    Variance(VarianceThreshold),
    /// Directions.
    Pca(Pca),
    /// Rows of length 1.
    Normalize(Normalizer),
}

/// A function, by its name.
const FUNCTIONS: [(&str, Function); 6] = [
    ("log1p", Function::Log1p),
    ("log", Function::Log),
    ("sqrt", Function::Sqrt),
    ("square", Function::Square),
    ("abs", Function::Absolute),
    ("cbrt", Function::Cbrt),
];

/// The names of all transformers.
pub const TRANSFORMERS: [&str; 18] = [
    "impute",
    "standard",
    "min-max",
    "max-abs",
    "robust",
    "quantile",
    "log1p",
    "log",
    "sqrt",
    "square",
    "abs",
    "cbrt",
    "polynomial",
    "one-hot",
    "ordinal",
    "variance",
    "pca",
    "normalize",
];

impl Transformer {
    /// The transformer of this name, with the parameters' defaults.
    pub fn named(name: &str) -> Option<Self> {
        if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
            return Some(Self::Function(*function));
        }
        Some(match name {
            "impute" => Self::Impute(SimpleImputer::default()),
            "standard" => Self::Standard(StandardScaler::default()),
            "min-max" => Self::MinMax(MinMaxScaler::default()),
            "max-abs" => Self::MaxAbs,
            "robust" => Self::Robust(RobustScaler::default()),
            "quantile" => Self::Quantile(QuantileTransformer::default()),
            "polynomial" => Self::Polynomial(PolynomialFeatures::default()),
            "one-hot" => Self::OneHot(OneHotEncoder::default()),
            "ordinal" => Self::Ordinal(OrdinalEncoder::default()),
            "variance" => Self::Variance(VarianceThreshold::default()),
            "pca" => Self::Pca(Pca::default()),
            "normalize" => Self::Normalize(Normalizer::default()),
            _ => return None,
        })
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// An unknown name; a value out of range.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), FitError> {
        match self {
            Self::Impute(parameters) => parameters.set(name, value),
            Self::Standard(parameters) => parameters.set(name, value),
            Self::MinMax(parameters) => parameters.set(name, value),
            Self::Robust(parameters) => parameters.set(name, value),
            Self::Quantile(parameters) => parameters.set(name, value),
            Self::Polynomial(parameters) => parameters.set(name, value),
            Self::OneHot(parameters) => parameters.set(name, value),
            Self::Ordinal(parameters) => parameters.set(name, value),
            Self::Variance(parameters) => parameters.set(name, value),
            Self::Pca(parameters) => parameters.set(name, value),
            Self::Normalize(parameters) => parameters.set(name, value),
            Self::MaxAbs | Self::Function(_) | Self::Codes => {
                Err(FitError::UnknownParameter { of: self.class(), name: name.to_owned(), known: &[] })
            }
        }
    }

    /// scikit-learn's name of the class.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Impute(_) => "SimpleImputer",
            Self::Standard(_) => "StandardScaler",
            Self::MinMax(_) => "MinMaxScaler",
            Self::MaxAbs => "MaxAbsScaler",
            Self::Robust(_) => "RobustScaler",
            Self::Quantile(_) => "QuantileTransformer",
            Self::Function(_) => "FunctionTransformer",
            Self::Polynomial(_) => "PolynomialFeatures",
            Self::OneHot(_) => "OneHotEncoder",
            Self::Ordinal(_) | Self::Codes => "OrdinalEncoder",
            Self::Variance(_) => "VarianceThreshold",
            Self::Pca(_) => "PCA",
            Self::Normalize(_) => "Normalizer",
        }
    }

    /// Whether it takes categories.
    pub fn encodes(&self) -> bool {
        matches!(self, Self::OneHot(_) | Self::Ordinal(_) | Self::Codes)
    }

    /// Learns from columns; `names` are theirs, for messages.
    pub(super) fn fit(&self, columns: &[RawColumn], names: &[&str]) -> Result<Step, FitError> {
        let named = |at: usize| names.get(at).copied().unwrap_or("a computed column");
        let encoded = |unknown| encoded(columns, &named, unknown, None);
        match self {
            Self::Impute(parameters) => impute(parameters, columns, &named),
            Self::OneHot(parameters) => {
                let unknown =
                    if parameters.min_frequency.is_some() { Unknown::Infrequent } else { Unknown::Ignore };
                let columns = categories(columns, &named, parameters.min_frequency)?;
                Ok(Step::OneHot(OneHot { columns, unknown }))
            }
            Self::Ordinal(parameters) => encoded(parameters.unknown_value),
            Self::Codes => encoded(f64::NAN),
            Self::Function(function) => {
                known(columns, self, &named)?;
                Ok(Step::Elementwise(vec![*function]))
            }
            Self::Normalize(parameters) => {
                known(columns, self, &named)?;
                Ok(Step::Normalize(Normalize { norm: parameters.norm, smallest: 10.0 * f64::EPSILON }))
            }
            Self::Standard(_) | Self::MinMax(_) | Self::MaxAbs | Self::Robust(_) => {
                let known = known(columns, self, &named)?;
                let operations = self.scaling(&known)?;
                Ok(Step::Scale(Scale { operations, range: None, centre: None }))
            }
            Self::Quantile(parameters) => {
                let known = known(columns, self, &named)?;
                let curve = |column: &Known| {
                    let (values, shares) = column.quantiles(parameters.n_quantiles);
                    let normal = parameters.output_distribution == Distribution::Normal;
                    Curve::Quantile(Quantile { values, shares, normal })
                };
                let columns = known.iter().map(curve).collect();
                Ok(Step::Curves(Curves { columns, accepts: Accepts { missing: true, infinite: false } }))
            }
            Self::Polynomial(parameters) => {
                known(columns, self, &named)?;
                polynomial(parameters, columns.len())
            }
            Self::Variance(parameters) => {
                let known = known(columns, self, &named)?;
                // Rounding makes a little variance where there is none.
                let varies = |column: &Known| match parameters.threshold {
                    0.0 => column.range().0 < column.range().1,
                    threshold => column.deviation().powi(2) > threshold,
                };
                let kept: Vec<usize> = (0..known.len()).filter(|at| varies(&known[*at])).collect();
                if kept.is_empty() {
                    return Err(FitError::data("a column that varies enough", "none"));
                }
                Ok(Step::Select(kept))
            }
            Self::Pca(parameters) => {
                known(columns, self, &named)?;
                components(parameters, columns, &named)
            }
        }
    }

    /// The arithmetic of a scaler.
    fn scaling(&self, columns: &[Known]) -> Result<Vec<Arithmetic>, FitError> {
        let each = |value: &dyn Fn(&Known) -> f64| columns.iter().map(value).collect::<Vec<_>>();
        let pair = |name, values: &[f64]| match values {
            [low, high] if low < high => Ok((*low, *high)),
            _ => {
                let got = format!("{values:?}");
                Err(FitError::Parameter { name, expected: "two numbers, the lower first".to_owned(), got })
            }
        };
        let mut operations = Vec::new();
        match self {
            Self::Standard(StandardScaler { with_mean, with_std }) => {
                if *with_mean {
                    operations.push(Arithmetic::Subtract(each(&Known::mean)));
                }
                if *with_std {
                    operations.push(Arithmetic::Divide(each(&|column| one_for_none(column.deviation()))));
                }
            }
            Self::MinMax(MinMaxScaler { feature_range }) => {
                let (low, high) = pair("feature_range", feature_range)?;
                let scale = |column: &Known| (high - low) / one_for_none(column.range().1 - column.range().0);
                operations.push(Arithmetic::Multiply(each(&scale)));
                operations.push(Arithmetic::Add(each(&|column| low - column.range().0 * scale(column))));
            }
            Self::MaxAbs => {
                let most = |column: &Known| one_for_none(column.range().0.abs().max(column.range().1.abs()));
                operations.push(Arithmetic::Divide(each(&most)));
            }
            Self::Robust(RobustScaler { with_centering, with_scaling, quantile_range }) => {
                let (low, high) = pair("quantile_range", quantile_range)?;
                if *with_centering {
                    operations.push(Arithmetic::Subtract(each(&|column| column.quantile(0.5))));
                }
                if *with_scaling {
                    let distance =
                        |column: &Known| column.quantile(high / 100.0) - column.quantile(low / 100.0);
                    operations.push(Arithmetic::Divide(each(&|column| one_for_none(distance(column)))));
                }
            }
            Self::Impute(_)
            | Self::Quantile(_)
            | Self::Function(_)
            | Self::Polynomial(_)
            | Self::OneHot(_)
            | Self::Ordinal(_)
            | Self::Codes
            | Self::Variance(_)
            | Self::Pca(_)
            | Self::Normalize(_) => {}
        }
        Ok(operations)
    }
}

/// scikit-learn's rule for columns that are all the same.
fn one_for_none(scale: f64) -> f64 {
    if scale.abs() < 10.0 * f64::EPSILON { 1.0 } else { scale }
}

/// The numbers of columns; fails on texts, infinities, and columns without a number.
fn known<'n>(
    columns: &[RawColumn],
    transformer: &Transformer,
    named: &impl Fn(usize) -> &'n str,
) -> Result<Vec<Known>, FitError> {
    let each = |(at, column): (usize, &RawColumn)| match column {
        RawColumn::Numbers(values) => Known::new(values, named(at)),
        RawColumn::Texts(_) => {
            let expected = format!("numbers in `{}` for `{}`", named(at), transformer.class());
            Err(FitError::data(expected, "texts; encode them first"))
        }
    };
    columns.iter().enumerate().map(each).collect()
}

fn impute<'n>(
    parameters: &SimpleImputer,
    columns: &[RawColumn],
    named: &impl Fn(usize) -> &'n str,
) -> Result<Step, FitError> {
    let wrong = |at: usize, got: &str| {
        let name = named(at);
        Err(FitError::Parameter {
            name: "strategy",
            expected: format!("`most_frequent` or `constant` for the texts of `{name}`"),
            got: got.to_owned(),
        })
    };
    let fill = |(at, column): (usize, &RawColumn)| match (column, parameters.strategy, &parameters.fill_value)
    {
        (RawColumn::Numbers(values), Strategy::Mean, _) => {
            Known::new(values, named(at)).map(|s| Cell::Number(s.mean()))
        }
        (RawColumn::Numbers(values), Strategy::Median, _) => {
            Known::new(values, named(at)).map(|known| Cell::Number(known.quantile(0.5)))
        }
        (RawColumn::Texts(_), Strategy::Mean, _) => wrong(at, "mean"),
        (RawColumn::Texts(_), Strategy::Median, _) => wrong(at, "median"),
        (_, Strategy::MostFrequent, _) => column.most_frequent().ok_or_else(|| {
            FitError::data(format!("values in `{}`", named(at)), "none in the rows to learn from")
        }),
        (RawColumn::Numbers(_), Strategy::Constant, None) => Ok(Cell::Number(0.0)),
        (RawColumn::Numbers(_), Strategy::Constant, Some(Fill::Number(number))) => Ok(Cell::Number(*number)),
        (RawColumn::Texts(_), Strategy::Constant, None) => Ok(Cell::Text("missing_value".to_owned())),
        (RawColumn::Texts(_), Strategy::Constant, Some(Fill::Text(text))) => Ok(Cell::Text(text.clone())),
        (_, Strategy::Constant, Some(other)) => Err(FitError::Parameter {
            name: "fill_value",
            expected: format!("a value of the kind that `{}` holds", named(at)),
            got: other.write().to_string(),
        }),
    };
    let fill = columns.iter().enumerate().map(|column| fill(column).map(Some)).collect::<Result<_, _>>()?;
    let missing = |at: &usize| parameters.add_indicator && columns[*at].has_missing();
    let indicators = (0..columns.len()).filter(missing).collect();
    Ok(Step::Impute(Impute { marker: Cell::Missing, fill, indicators, refuse_missing: Vec::new() }))
}

/// Positions of categories.
fn encoded<'n>(
    columns: &[RawColumn],
    named: &impl Fn(usize) -> &'n str,
    unknown: f64,
    min_frequency: Option<usize>,
) -> Result<Step, FitError> {
    let mut columns = categories(columns, named, min_frequency)?;
    for column in &mut columns {
        for (value, code) in column.values.iter().zip(&mut column.codes) {
            code.take_if(|_| *value == Cell::Missing);
        }
    }
    Ok(Step::Ordinal(Ordinal { columns, unknown: Unknown::Code(unknown), missing: unknown }))
}

/// The categories of columns, ascending, a missing one last; those of fewer rows than told share the last code.
fn categories<'n>(
    columns: &[RawColumn],
    named: &impl Fn(usize) -> &'n str,
    min_frequency: Option<usize>,
) -> Result<Vec<Categories>, FitError> {
    let each = |(at, column): (usize, &RawColumn)| {
        let counted = column.categories();
        if counted.len() > MOST_CATEGORIES {
            let got = format!("{} in {} rows; leave the column out", counted.len(), column.len());
            let expected = format!("at most {MOST_CATEGORIES} categories in `{}`", named(at));
            return Err(FitError::data(expected, got));
        }
        let rare = |count: usize| min_frequency.is_some_and(|least| count < least);
        let frequent = counted.iter().filter(|(_, count)| !rare(*count)).count();
        let infrequent = (frequent < counted.len()).then_some(frequent as u32);
        let mut next = 0..;
        let code = |(_, count): &(Cell, usize)| if rare(*count) { infrequent } else { next.next() };
        let codes = counted.iter().map(code).collect();
        let width = frequent + usize::from(infrequent.is_some());
        let values = counted.into_iter().map(|(value, _)| value).collect();
        Ok(Categories { values, codes, infrequent, width })
    };
    columns.iter().enumerate().map(each).collect()
}

/// Products in scikit-learn's order: by their number of factors, then as combinations of positions ascend.
fn polynomial(parameters: &PolynomialFeatures, width: usize) -> Result<Step, FitError> {
    let mut factors: Vec<Vec<usize>> = vec![Vec::new()];
    let mut last: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..parameters.degree {
        let longer = |product: &Vec<usize>| {
            let skip = usize::from(parameters.interaction_only && !product.is_empty());
            let first = product.last().map_or(0, |last| last + skip);
            let product = product.clone();
            (first..width).map(move |next| product.iter().copied().chain([next]).collect::<Vec<_>>())
        };
        last = last.iter().flat_map(longer).take(MOST_TERMS + 1).collect();
        factors.extend(last.iter().cloned());
        if factors.len() > MOST_TERMS {
            return Err(FitError::data(format!("at most {MOST_TERMS} products"), "more; lower the `degree`"));
        }
    }
    if !parameters.include_bias {
        factors.remove(0);
    }
    Ok(Step::Products(Products { features: width, factors }))
}

/// Components with the largest coefficient of each positive, as scikit-learn's are.
fn components<'n>(
    parameters: &Pca,
    columns: &[RawColumn],
    named: &impl Fn(usize) -> &'n str,
) -> Result<Step, FitError> {
    let (width, rows) = (columns.len(), columns.first().map_or(0, RawColumn::len));
    let most = width.min(rows.saturating_sub(1)).max(1);
    let count = parameters.n_components.unwrap_or(most);
    if count > most {
        let expected = format!("at most {most}, for {width} columns and {rows} rows");
        return Err(FitError::Parameter { name: "n_components", expected, got: count.to_string() });
    }
    let mut centred: Vec<Vec<f64>> = Vec::with_capacity(width);
    let mut means = Vec::with_capacity(width);
    for (at, column) in columns.iter().enumerate() {
        let values = column.numbers().filter(|values| !values.iter().any(|value| value.is_nan()));
        let values = values.ok_or_else(|| {
            FitError::data(
                format!("numbers in `{}` for `PCA`", named(at)),
                "missing values; impute them first",
            )
        })?;
        let mean = values.iter().sum::<f64>() / rows as f64;
        means.push(mean);
        centred.push(values.iter().map(|value| value - mean).collect());
    }
    let mut covariance = vec![0.0; width * width];
    for i in 0..width {
        for j in 0..=i {
            let sum: f64 = centred[i].iter().zip(&centred[j]).map(|(a, b)| a * b).sum();
            covariance[i * width + j] = sum / (rows as f64 - 1.0).max(1.0);
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
    let (values, vectors) = eigen_symmetric(&covariance, width);
    let (mut coefficients, mut intercept) = (Vec::new(), Vec::new());
    for (value, vector) in values.iter().zip(vectors.chunks_exact(width)).take(count) {
        let largest = vector.iter().fold(0.0f64, |most, x| if x.abs() > most.abs() { *x } else { most });
        let scale = if parameters.whiten { value.max(f64::MIN_POSITIVE).sqrt() } else { 1.0 };
        let direction: Vec<f64> = vector.iter().map(|x| x * largest.signum() / scale).collect();
        intercept.push(-direction.iter().zip(&means).map(|(x, mean)| x * mean).sum::<f64>());
        coefficients.extend(direction);
    }
    Ok(Step::Project(Linear { features: width, coefficients, intercept }))
}

/// The values of columns counted, in their order.
pub(super) fn counted<K: Ord>(values: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_insert(0) += 1);
    counts
}
