//! The parameters of transformers, with scikit-learn's names and defaults.

use foretell_model::step::Norm;

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
