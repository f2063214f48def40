//! Transformers by name: parameters, and what each learns of its columns.
//!
//! Sources: the definitions of scikit-learn's user guide, "Preprocessing data" and "Imputation of missing values";
//! Tipping and Bishop, "Probabilistic Principal Component Analysis" (1999) for the signs and scales of components.

use foretell_model::Step;
use foretell_model::step::{
    Accepts, Arithmetic, Curve, Curves, Function, Normalize, OneHot, Quantile, Scale, Unknown,
};

use super::category::{categories, encoded, impute};
use super::column::{Known, RawColumn};
use super::combine::{components, polynomial};
use super::parameters::{
    Distribution, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, Pca, PolynomialFeatures,
    QuantileTransformer, RobustScaler, SimpleImputer, StandardScaler, VarianceThreshold,
};
use crate::FitError;
use crate::parameter::{Parameters, Value};

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
        let encoded = |unknown| encoded(columns, &named, unknown);
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
