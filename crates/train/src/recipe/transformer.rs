//! Transformers by name: parameters, and what each learns of its columns.
//!
//! Sources: the definitions of scikit-learn's user guide, "Preprocessing data" and "Imputation of missing values";
//! Tipping and Bishop, "Probabilistic Principal Component Analysis" (1999) for the signs and scales of components.

use foretell_model::Step;
use foretell_model::step::{
    Accepts, Arithmetic, Curve, Curves, Function, Normalize, OneHot, Quantile, Scale, Unknown,
};

use super::category::{MOST_CATEGORIES, categories, encoded, impute};
use super::column::{Known, one_for_none};
use super::combine::{components, polynomial};
use super::kitchen::Learnt;
use super::lesson::Lesson;
use super::parameters::{
    CountVectorizer, DateParts, Distribution, MinMaxScaler, NoDate, Normalizer, OneHotEncoder,
    OrdinalEncoder, Pca, PolynomialFeatures, PowerTransformer, QuantileTransformer, RobustScaler, SelectBest,
    SimpleImputer, StandardScaler, TargetEncoder, TfidfVectorizer, VarianceThreshold,
};
use super::{date, power, score, target, text};
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
    /// Powers that make columns look normal.
    Power(PowerTransformer),
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
    /// What the target is among the rows of a category.
    Target(TargetEncoder),
    /// Parts of dates.
    Dates(DateParts),
    /// Counts of terms.
    Terms(CountVectorizer),
    /// Weighted counts of terms.
    WeighedTerms(TfidfVectorizer),
    /// Without columns that hardly vary.
    Variance(VarianceThreshold),
    /// The columns that tell the most of the target.
    Best(SelectBest),
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
pub const TRANSFORMERS: [&str; 24] = [
    "impute",
    "standard",
    "min-max",
    "max-abs",
    "robust",
    "quantile",
    "power",
    "log1p",
    "log",
    "sqrt",
    "square",
    "abs",
    "cbrt",
    "polynomial",
    "one-hot",
    "ordinal",
    "target-encode",
    "date",
    "bag-of-words",
    "tf-idf",
    "variance",
    "select-best",
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
            "power" => Self::Power(PowerTransformer::default()),
            "polynomial" => Self::Polynomial(PolynomialFeatures::default()),
            "one-hot" => Self::OneHot(OneHotEncoder::default()),
            "ordinal" => Self::Ordinal(OrdinalEncoder::default()),
            "target-encode" => Self::Target(TargetEncoder::default()),
            "date" => Self::Dates(DateParts::default()),
            "bag-of-words" => Self::Terms(CountVectorizer::default()),
            "tf-idf" => Self::WeighedTerms(TfidfVectorizer::default()),
            "variance" => Self::Variance(VarianceThreshold::default()),
            "select-best" => Self::Best(SelectBest::default()),
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
            Self::Power(parameters) => parameters.set(name, value),
            Self::Polynomial(parameters) => parameters.set(name, value),
            Self::OneHot(parameters) => parameters.set(name, value),
            Self::Ordinal(parameters) => parameters.set(name, value),
            Self::Target(parameters) => parameters.set(name, value),
            Self::Dates(parameters) => parameters.set(name, value),
            Self::Terms(parameters) => parameters.set(name, value),
            Self::WeighedTerms(parameters) => parameters.set(name, value),
            Self::Variance(parameters) => parameters.set(name, value),
            Self::Best(parameters) => parameters.set(name, value),
            Self::Pca(parameters) => parameters.set(name, value),
            Self::Normalize(parameters) => parameters.set(name, value),
            Self::MaxAbs | Self::Function(_) | Self::Codes => {
                Err(FitError::UnknownParameter { of: self.class(), name: name.to_owned(), known: Vec::new() })
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
            Self::Power(_) => "PowerTransformer",
            Self::Function(_) => "FunctionTransformer",
            Self::Polynomial(_) => "PolynomialFeatures",
            Self::OneHot(_) => "OneHotEncoder",
            Self::Ordinal(_) | Self::Codes => "OrdinalEncoder",
            Self::Target(_) => "TargetEncoder",
            Self::Dates(_) => "DateParts",
            Self::Terms(_) => "CountVectorizer",
            Self::WeighedTerms(_) => "TfidfVectorizer",
            Self::Variance(_) => "VarianceThreshold",
            Self::Best(SelectBest { percentile: Some(_), .. }) => "SelectPercentile",
            Self::Best(_) => "SelectKBest",
            Self::Pca(_) => "PCA",
            Self::Normalize(_) => "Normalizer",
        }
    }

    /// Whether it takes categories or texts.
    pub fn encodes(&self) -> bool {
        matches!(
            self,
            Self::OneHot(_)
                | Self::Ordinal(_)
                | Self::Target(_)
                | Self::Codes
                | Self::Dates(_)
                | Self::Terms(_)
                | Self::WeighedTerms(_)
        )
    }

    /// Whether it takes one column only, so that each has to be a group of its own.
    pub fn takes_one(&self) -> bool {
        matches!(self, Self::Terms(_) | Self::WeighedTerms(_))
    }

    /// Where values are missing in what it makes.
    pub(super) fn gaps(&self) -> Gaps {
        match self {
            Self::Standard(_)
            | Self::MinMax(_)
            | Self::MaxAbs
            | Self::Robust(_)
            | Self::Quantile(_)
            | Self::Power(_)
            | Self::Dates(DateParts { errors: NoDate::Refused, .. }) => Gaps::Same,
            Self::Impute(_)
            | Self::OneHot(_)
            | Self::Target(_)
            | Self::Terms(_)
            | Self::WeighedTerms(_)
            | Self::Best(_)
            | Self::Pca(_) => Gaps::None,
            Self::Function(_)
            | Self::Polynomial(_)
            | Self::Ordinal(_)
            | Self::Codes
            | Self::Dates(_)
            | Self::Variance(_)
            | Self::Normalize(_) => Gaps::Unknown,
        }
    }

    /// Learns from columns.
    pub(super) fn fit(&self, lesson: &Lesson<'_>) -> Result<Learnt, FitError> {
        let known = || lesson.known(self.class());
        let step = match self {
            Self::Impute(parameters) => impute(parameters, lesson)?,
            Self::OneHot(parameters) => {
                let unknown =
                    if parameters.min_frequency.is_some() { Unknown::Infrequent } else { Unknown::Ignore };
                let columns = categories(lesson, parameters.min_frequency, MOST_CATEGORIES)?;
                Step::OneHot(OneHot { columns, unknown })
            }
            Self::Ordinal(parameters) => encoded(lesson, parameters.unknown_value)?,
            Self::Codes => encoded(lesson, f64::NAN)?,
            Self::Target(parameters) => return target::encode(parameters, lesson),
            Self::Dates(parameters) => date::dates(parameters, lesson)?,
            Self::Terms(parameters) => return text::counts(parameters, lesson).map(Learnt::from),
            Self::WeighedTerms(parameters) => return text::weights(parameters, lesson).map(Learnt::from),
            Self::Function(function) => {
                known()?;
                Step::Elementwise(vec![*function])
            }
            Self::Normalize(parameters) => {
                known()?;
                Step::Normalize(Normalize { norm: parameters.norm, smallest: 10.0 * f64::EPSILON })
            }
            Self::Standard(_) | Self::MinMax(_) | Self::MaxAbs | Self::Robust(_) => {
                let operations = self.scaling(&known()?)?;
                Step::Scale(Scale { operations, range: None, centre: None })
            }
            Self::Power(parameters) => return power::power(parameters, lesson).map(Learnt::from),
            Self::Quantile(parameters) => {
                let curve = |column: &Known| {
                    let (values, shares) = column.quantiles(parameters.n_quantiles);
                    let normal = parameters.output_distribution == Distribution::Normal;
                    Curve::Quantile(Quantile { values, shares, normal })
                };
                let columns = known()?.iter().map(curve).collect();
                Step::Curves(Curves { columns, accepts: Accepts { missing: true, infinite: false } })
            }
            Self::Polynomial(parameters) => {
                let width = known()?.len();
                polynomial(parameters, width)?
            }
            Self::Variance(parameters) => {
                let known = known()?;
                // Rounding makes a little variance where there is none.
                let varies = |column: &Known| match parameters.threshold {
                    0.0 => column.range().0 < column.range().1,
                    threshold => column.deviation().powi(2) > threshold,
                };
                let kept: Vec<usize> = (0..known.len()).filter(|at| varies(&known[*at])).collect();
                if kept.is_empty() {
                    return Err(FitError::data("a column that varies enough", "none"));
                }
                Step::Select(kept)
            }
            Self::Best(parameters) => Step::Select(score::best(parameters, lesson)?),
            Self::Pca(parameters) => components(parameters, lesson)?,
        };
        Ok(step.into())
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
            | Self::Power(_)
            | Self::Function(_)
            | Self::Polynomial(_)
            | Self::OneHot(_)
            | Self::Ordinal(_)
            | Self::Target(_)
            | Self::Dates(_)
            | Self::Terms(_)
            | Self::WeighedTerms(_)
            | Self::Codes
            | Self::Variance(_)
            | Self::Best(_)
            | Self::Pca(_)
            | Self::Normalize(_) => {}
        }
        Ok(operations)
    }
}

/// Where values are missing in what a transformer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gaps {
    /// Where they were before.
    Same,
    /// Nowhere.
    None,
    /// That shows in the rows.
    Unknown,
}
