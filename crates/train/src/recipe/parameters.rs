//! The parameters of transformers, with scikit-learn's names and defaults.

use foretell_model::step::{Accents, DatePart, Norm};

use crate::parameter::{Parameter, Range, Value, choices, parameters};

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

/// A family of powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Of any number.
    YeoJohnson,
    /// Of numbers above 0.
    BoxCox,
}

choices!(Power {
    "yeo-johnson" => Self::YeoJohnson,
    "box-cox" => Self::BoxCox,
});

parameters! {
    /// The power that makes each column look most like a normal distribution.
    pub struct PowerTransformer {
        /// Of which family.
        method: Power = Power::YeoJohnson, Range::Any;
        /// Whether mean 0 and standard deviation 1 are made of it.
        standardize: bool = true, Range::Any;
    }
}

/// How much a column tells of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreFunction {
    /// The F statistic of an analysis of variance: how far the means of classes are apart.
    Variance,
    /// The F statistic of a correlation with numbers.
    Correlation,
    /// The chi-squared statistic of counts by class.
    ChiSquared,
}

choices!(ScoreFunction {
    "f_classif" => Self::Variance,
    "f_regression" => Self::Correlation,
    "chi2" => Self::ChiSquared,
});

parameters! {
    /// Only the columns that tell the most of the target.
    pub struct SelectBest {
        /// By what: `f_classif` for classes and `f_regression` for numbers where it is not given.
        score_func: Option<ScoreFunction> = None, Range::Any;
        /// How many; 10 where neither this nor `percentile` is given.
        k: Option<usize> = None, Range::AtLeast(1.0);
        /// How many, in hundredths of all.
        percentile: Option<f64> = None, Range::AboveUpTo(0.0, 100.0);
    }
}

/// How much the mean of all rows counts in that of a category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smooth {
    /// As much as the variances within the category and of all rows say.
    Auto,
    /// As much as so many rows.
    Rows(f64),
}

impl Parameter for Smooth {
    fn read(value: &Value, range: Range) -> Option<Self> {
        if *value == Value::Text("auto".to_owned()) {
            return Some(Self::Auto);
        }
        f64::read(value, range).map(Self::Rows)
    }

    fn write(&self) -> Value {
        match self {
            Self::Auto => Value::Text("auto".to_owned()),
            Self::Rows(rows) => rows.write(),
        }
    }

    fn expected(range: Range) -> String {
        format!("`auto` or {}", f64::expected(range))
    }
}

parameters! {
    /// What the target is among the rows of the category.
    pub struct TargetEncoder {
        /// How much the mean of all rows counts.
        smooth: Smooth = Smooth::Auto, Range::AtLeast(0.0);
        /// In how many parts the rows that are learnt from are divided: each learns the categories of the others.
        cv: usize = 5, Range::Within(2.0, 100.0);
        /// Whether rows are mixed before.
        shuffle: bool = true, Range::Any;
    }
}

/// What terms are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermUnit {
    /// Words.
    Word,
    /// Characters.
    Character,
    /// Characters of one word, with a space before and after it.
    CharacterInWord,
}

choices!(TermUnit {
    "word" => Self::Word,
    "char" => Self::Character,
    "char_wb" => Self::CharacterInWord,
});

choices!(Accents {
    "none" => Self::Keep,
    "ascii" => Self::Ascii,
    "unicode" => Self::Unicode,
});

/// A number of texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Documents {
    /// So many.
    Count(usize),
    /// This share of all.
    Share(f64),
}

impl Parameter for Documents {
    fn read(value: &Value, _: Range) -> Option<Self> {
        // 1 is one text, and 1.0 all of them.
        if let Value::Int(count) = value {
            return usize::try_from(*count).ok().map(Self::Count);
        }
        f64::read(value, Range::Within(0.0, 1.0)).map(Self::Share)
    }

    fn write(&self) -> Value {
        match self {
            Self::Count(count) => count.write(),
            Self::Share(share) => share.write(),
        }
    }

    fn expected(_: Range) -> String {
        "a whole number of texts, or a share of all from 0.0 to 1.0".to_owned()
    }
}

/// Words that are no terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopWords {
    /// Common words of English, those of scikit-learn.
    English,
    /// These.
    Listed(Vec<String>),
}

impl Parameter for StopWords {
    fn read(value: &Value, range: Range) -> Option<Self> {
        match value {
            Value::Text(text) if text == "english" => Some(Self::English),
            Value::List(_) => Vec::read(value, range).map(Self::Listed),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::None => None,
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::English => Value::Text("english".to_owned()),
            Self::Listed(words) => words.write(),
        }
    }

    fn expected(_: Range) -> String {
        "`english` or a list of words".to_owned()
    }
}

/// What a word is unless told otherwise: two characters or more.
const WORD: &str = r"(?u)\b\w\w+\b";

parameters! {
    /// How often each term is in a text.
    pub struct CountVectorizer {
        /// Whether letters are made small.
        lowercase: bool = true, Range::Any;
        /// What becomes of accents.
        strip_accents: Accents = Accents::Keep, Range::Any;
        /// Words that are no terms.
        stop_words: Option<StopWords> = None, Range::Any;
        /// What a word is.
        token_pattern: String = WORD.to_owned(), Range::Any;
        /// Least and most units in a term.
        ngram_range: Vec<usize> = vec![1, 1], Range::AtLeast(1.0);
        /// What the units are.
        analyzer: TermUnit = TermUnit::Word, Range::Any;
        /// Terms of more texts are left out.
        max_df: Documents = Documents::Share(1.0), Range::Any;
        /// Terms of fewer texts are left out.
        min_df: Documents = Documents::Count(1), Range::Any;
        /// At most so many terms, those that are used most.
        max_features: Option<usize> = None, Range::AtLeast(1.0);
        /// Whether every term counts once.
        binary: bool = false, Range::Any;
    }
}

parameters! {
    /// How often each term is in a text, weighed by how few texts have it.
    pub struct TfidfVectorizer {
        /// The length that a row is given.
        norm: Option<Norm> = Some(Norm::L2), Range::Any;
        /// Whether terms that few texts have weigh more.
        use_idf: bool = true, Range::Any;
        /// Whether these weights are those of one text more that has every term.
        smooth_idf: bool = true, Range::Any;
        /// Whether 1 and the logarithm of a count takes its place.
        sublinear_tf: bool = false, Range::Any;
    }
    with
    /// How terms are counted.
    counts: CountVectorizer;
}

choices!(DatePart {
    "year" => Self::Year,
    "month" => Self::Month,
    "day" => Self::Day,
    "weekday" => Self::Weekday,
    "day-of-year" => Self::DayOfYear,
    "hour" => Self::Hour,
    "minute" => Self::Minute,
    "second" => Self::Second,
    "epoch-days" => Self::EpochDays,
    "epoch-seconds" => Self::EpochSeconds,
});

/// What becomes of a text that is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoDate {
    /// It is refused.
    Refused,
    /// Its parts are missing.
    Missing,
}

choices!(NoDate {
    "refuse" => Self::Refused,
    "missing" => Self::Missing,
});

parameters! {
    /// Texts of dates as numbers.
    pub struct DateParts {
        /// Which: where none are told year, month, day, weekday, hour if some text tells a time, and epoch-days.
        parts: Option<Vec<DatePart>> = None, Range::Any;
        /// What becomes of a text that is no date.
        errors: NoDate = NoDate::Refused, Range::Any;
    }
}
