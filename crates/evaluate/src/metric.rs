//! The metrics by name.

/// What a metric is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Classifiers.
    Classification,
    /// Regressions.
    Regression,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident: $kind:ident, $name:literal $(| $alias:literal)*, $title:literal, $better:ident;)*) => {
        /// A number that says how good predictions are. Definitions are scikit-learn's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $variant,)*
        }

        impl Metric {
            /// All metrics, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in options, files and answers.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its name for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it is of.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// Whether a larger value is better.
            pub fn larger_is_better(self) -> bool {
                match self { $(Self::$variant => metrics!(@ $better),)* }
            }

            /// The metric with this name, or with the name of scikit-learn's function.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
    (@ larger) => { true };
    (@ smaller) => { false };
}

metrics! {
    /// Share of rows whose predicted class is the known one.
    Accuracy: Classification, "accuracy" | "accuracy_score", "accuracy", larger;
    /// Mean over the known classes of their recall.
    BalancedAccuracy: Classification, "balanced_accuracy" | "balanced_accuracy_score", "balanced accuracy", larger;
    /// Share of the rows predicted as the second of two classes that are of it.
    Precision: Classification, "precision" | "precision_score", "precision", larger;
    /// Share of the rows of the second of two classes that are predicted as it.
    Recall: Classification, "recall" | "recall_score", "recall", larger;
    /// Harmonic mean of precision and recall of the second of two classes.
    F1: Classification, "f1" | "f1_score", "F1", larger;
    /// Mean of the precision of all classes.
    PrecisionMacro: Classification, "precision_macro", "precision, macro", larger;
    /// Mean of the recall of all classes.
    RecallMacro: Classification, "recall_macro", "recall, macro", larger;
    /// Mean of the F1 of all classes.
    F1Macro: Classification, "f1_macro", "F1, macro", larger;
    /// Precision over the decisions about all classes.
    PrecisionMicro: Classification, "precision_micro", "precision, micro", larger;
    /// Recall over the decisions about all classes.
    RecallMicro: Classification, "recall_micro", "recall, micro", larger;
    /// F1 over the decisions about all classes.
    F1Micro: Classification, "f1_micro", "F1, micro", larger;
    /// Mean of the precision of all classes, by their number of rows.
    PrecisionWeighted: Classification, "precision_weighted", "precision, weighted", larger;
    /// Mean of the recall of all classes, by their number of rows.
    RecallWeighted: Classification, "recall_weighted", "recall, weighted", larger;
    /// Mean of the F1 of all classes, by their number of rows.
    F1Weighted: Classification, "f1_weighted", "F1, weighted", larger;
    /// Area under the receiver operating characteristic; of more than two classes the mean of each against the rest.
    RocAuc: Classification, "roc_auc" | "roc_auc_score" | "roc_auc_ovr", "ROC AUC", larger;
    /// The same, classes counting by their number of rows.
    RocAucWeighted: Classification, "roc_auc_ovr_weighted", "ROC AUC, weighted", larger;
    /// Mean precision over the steps of recall; of more than two classes the mean of each against the rest.
    AveragePrecision: Classification, "average_precision" | "average_precision_score", "average precision", larger;
    /// Mean of `-ln p` of the known class, `p` being at least float64's machine epsilon.
    LogLoss: Classification, "log_loss", "log loss", smaller;
    /// Mean squared distance of the probabilities from what happened; halved for two classes.
    Brier: Classification, "brier" | "brier_score" | "brier_score_loss", "Brier score", smaller;
    /// Matthews' correlation of known and predicted classes.
    Mcc: Classification, "mcc" | "matthews_corrcoef", "Matthews correlation", larger;
    /// Cohen's kappa: agreement beyond chance.
    Kappa: Classification, "kappa" | "cohen_kappa" | "cohen_kappa_score", "Cohen's kappa", larger;
    /// Coefficient of determination.
    R2: Regression, "r2" | "r2_score", "R2", larger;
    /// Share of the variance that is predicted.
    ExplainedVariance: Regression, "explained_variance" | "explained_variance_score", "explained variance", larger;
    /// Root of the mean squared error.
    Rmse: Regression, "rmse" | "root_mean_squared_error", "RMSE", smaller;
    /// Mean squared error.
    Mse: Regression, "mse" | "mean_squared_error", "MSE", smaller;
    /// Mean absolute error.
    Mae: Regression, "mae" | "mean_absolute_error", "MAE", smaller;
    /// Median absolute error.
    MedianAe: Regression, "median_ae" | "median_absolute_error", "median absolute error", smaller;
    /// Mean of the error as a share of the known value (0.1 is ten per cent).
    Mape: Regression, "mape" | "mean_absolute_percentage_error", "MAPE", smaller;
    /// Largest absolute error.
    MaxError: Regression, "max_error", "largest error", smaller;
    /// Mean squared difference of the logarithms of 1 + value.
    Msle: Regression, "msle" | "mean_squared_log_error", "MSLE", smaller;
    /// Mean deviance of a Poisson distribution.
    PoissonDeviance: Regression, "poisson_deviance" | "mean_poisson_deviance", "Poisson deviance", smaller;
    /// Mean deviance of a gamma distribution.
    GammaDeviance: Regression, "gamma_deviance" | "mean_gamma_deviance", "gamma deviance", smaller;
    /// Mean loss of a quantile.
    Pinball: Regression, "pinball" | "pinball_loss" | "mean_pinball_loss", "pinball loss", smaller;
}

impl Metric {
    /// The metrics of a kind.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |metric| metric.kind() == kind)
    }

    /// The known name nearest to an unknown one.
    pub fn nearest(name: &str) -> Option<&'static str> {
        let near = |metric: &Metric| (strsim::jaro_winkler(name, metric.name()), metric.name());
        let best = Self::ALL.iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0));
        best.filter(|(similarity, _)| *similarity > 0.75).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_near_ones_are_found() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(*metric));
        }
        assert_eq!(Metric::parse("mean_absolute_error"), Some(Metric::Mae));
        assert_eq!(Metric::nearest("acuracy"), Some("accuracy"));
        assert_eq!(Metric::nearest("zzz"), None);
    }
}
