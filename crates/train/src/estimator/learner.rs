//! The estimators by name.

use super::boosting::Boosting;
use super::elastic_net::{ElasticNet, Lasso};
use super::lda::LinearDiscriminantAnalysis;
use super::learnt::Learnt;
use super::linear::LinearRegression;
use super::logistic::LogisticRegression;
use super::mlp::Mlp;
use super::naive_bayes::{BernoulliNB, GaussianNB, MultinomialNB};
use super::neighbours::KNeighbors;
use super::qda::QuadraticDiscriminantAnalysis;
use super::ridge::Ridge;
use super::sgd::{SGDClassifier, SGDRegressor};
use super::svm::{LinearSVC, LinearSVR};
use super::tree::{DecisionTree, Forest};
use super::{boosting, elastic_net, lda, linear, logistic, naive_bayes, neighbours, qda, ridge, sgd, svm};
use crate::parameter::{Parameters, Value};
use crate::{Context, FitError, Sample, Target};

/// An estimator with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Learner {
    /// Ordinary least squares.
    Linear(LinearRegression),
    /// Least squares with an L2 penalty.
    Ridge(Ridge),
    /// Least squares with an L1 penalty.
    Lasso(Lasso),
    /// Least squares with both.
    ElasticNet(ElasticNet),
    /// Logistic regression.
    Logistic(LogisticRegression),
    /// A linear support vector machine of classes.
    SupportClasses(LinearSVC),
    /// A linear support vector machine of numbers.
    SupportValues(LinearSVR),
    /// Classes by stochastic gradient descent.
    DescentClasses(SGDClassifier),
    /// Numbers by stochastic gradient descent.
    DescentValues(SGDRegressor),
    /// Linear discriminant analysis.
    Discriminant(LinearDiscriminantAnalysis),
    /// Quadratic discriminant analysis.
    Quadratic(QuadraticDiscriminantAnalysis),
    /// Gaussian naive Bayes.
    NaiveBayes(GaussianNB),
    /// Naive Bayes of counts.
    Multinomial(MultinomialNB),
    /// Naive Bayes of what is there or not.
    Bernoulli(BernoulliNB),
    /// The nearest rows.
    Neighbours(KNeighbors),
    /// One tree.
    Tree(DecisionTree),
    /// A random forest, or extra trees.
    Forest(Forest),
    /// Gradient boosting.
    Boosting(Boosting),
    /// A multi-layer perceptron.
    Mlp(Mlp),
}

/// An estimator as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its short name.
    pub name: &'static str,
    /// The class of scikit-learn that learns classes, where there is one.
    pub classifier: Option<&'static str>,
    /// The class of scikit-learn that learns numbers, where there is one.
    pub regressor: Option<&'static str>,
    make: fn(classes: bool) -> Learner,
}

/// What can be fitted.
pub const KINDS: [Kind; 18] = [
    Kind {
        name: "linear",
        classifier: None,
        regressor: Some("LinearRegression"),
        make: |_| Learner::Linear(LinearRegression::default()),
    },
    Kind {
        name: "ridge",
        classifier: None,
        regressor: Some("Ridge"),
        make: |_| Learner::Ridge(Ridge::default()),
    },
    Kind {
        name: "lasso",
        classifier: None,
        regressor: Some("Lasso"),
        make: |_| Learner::Lasso(Lasso::default()),
    },
    Kind {
        name: "elastic-net",
        classifier: None,
        regressor: Some("ElasticNet"),
        make: |_| Learner::ElasticNet(ElasticNet::default()),
    },
    Kind {
        name: "logistic",
        classifier: Some("LogisticRegression"),
        regressor: None,
        make: |_| Learner::Logistic(LogisticRegression::default()),
    },
    Kind {
        name: "linear-svm",
        classifier: Some("LinearSVC"),
        regressor: Some("LinearSVR"),
        make: |classes| match classes {
            true => Learner::SupportClasses(LinearSVC::default()),
            false => Learner::SupportValues(LinearSVR::default()),
        },
    },
    Kind {
        name: "sgd",
        classifier: Some("SGDClassifier"),
        regressor: Some("SGDRegressor"),
        make: |classes| match classes {
            true => Learner::DescentClasses(SGDClassifier::default()),
            false => Learner::DescentValues(SGDRegressor::default()),
        },
    },
    Kind {
        name: "lda",
        classifier: Some("LinearDiscriminantAnalysis"),
        regressor: None,
        make: |_| Learner::Discriminant(LinearDiscriminantAnalysis::default()),
    },
    Kind {
        name: "qda",
        classifier: Some("QuadraticDiscriminantAnalysis"),
        regressor: None,
        make: |_| Learner::Quadratic(QuadraticDiscriminantAnalysis::default()),
    },
    Kind {
        name: "gaussian-nb",
        classifier: Some("GaussianNB"),
        regressor: None,
        make: |_| Learner::NaiveBayes(GaussianNB::default()),
    },
    Kind {
        name: "multinomial-nb",
        classifier: Some("MultinomialNB"),
        regressor: None,
        make: |_| Learner::Multinomial(MultinomialNB::default()),
    },
    Kind {
        name: "bernoulli-nb",
        classifier: Some("BernoulliNB"),
        regressor: None,
        make: |_| Learner::Bernoulli(BernoulliNB::default()),
    },
    Kind {
        name: "k-neighbors",
        classifier: Some("KNeighborsClassifier"),
        regressor: Some("KNeighborsRegressor"),
        make: |_| Learner::Neighbours(KNeighbors::default()),
    },
    Kind {
        name: "decision-tree",
        classifier: Some("DecisionTreeClassifier"),
        regressor: Some("DecisionTreeRegressor"),
        make: |_| Learner::Tree(DecisionTree::default()),
    },
    Kind {
        name: "random-forest",
        classifier: Some("RandomForestClassifier"),
        regressor: Some("RandomForestRegressor"),
        make: |classes| Learner::Forest(Forest::random(classes)),
    },
    Kind {
        name: "extra-trees",
        classifier: Some("ExtraTreesClassifier"),
        regressor: Some("ExtraTreesRegressor"),
        make: |classes| Learner::Forest(Forest::extra(classes)),
    },
    Kind {
        name: "gradient-boosting",
        classifier: Some("GradientBoostingClassifier"),
        regressor: Some("GradientBoostingRegressor"),
        make: |_| Learner::Boosting(Boosting::default()),
    },
    Kind {
        name: "mlp",
        classifier: Some("MLPClassifier"),
        regressor: Some("MLPRegressor"),
        make: |_| Learner::Mlp(Mlp::default()),
    },
];

impl Kind {
    /// The kind with this short name, or the name of one of its classes; with the latter, whether it learns classes.
    pub fn find(name: &str) -> Option<(Self, Option<bool>)> {
        KINDS.into_iter().find_map(|kind| {
            if kind.name == name {
                return Some((kind, None));
            }
            let is = |class: Option<&str>| class == Some(name);
            let classes = if is(kind.classifier) { true } else { is(kind.regressor).then_some(false)? };
            Some((kind, Some(classes)))
        })
    }

    /// Whether it learns classes, where it learns only one of both.
    pub fn only(self) -> Option<bool> {
        match (self.classifier, self.regressor) {
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            _ => None,
        }
    }

    /// The class of scikit-learn that it is for classes or numbers.
    pub fn class(self, classes: bool) -> &'static str {
        let class = if classes { self.classifier } else { self.regressor };
        class.unwrap_or(self.name)
    }

    /// Its learner with the parameters' defaults.
    pub fn learner(self, classes: bool) -> Learner {
        (self.make)(classes)
    }
}

/// What an estimator can learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Whether missing values have to be replaced before.
    pub no_missing: bool,
    /// Whether categories have to become indicators; else their codes are enough.
    pub indicators: bool,
    /// Whether it learns little unless numbers are of about the same size.
    pub scaled: bool,
}

/// Does the same with whichever parameters there are.
macro_rules! each {
    ($learner:expr, $parameters:ident => $done:expr) => {
        match $learner {
            Learner::Linear($parameters) => $done,
            Learner::Ridge($parameters) => $done,
            Learner::Lasso($parameters) => $done,
            Learner::ElasticNet($parameters) => $done,
            Learner::Logistic($parameters) => $done,
            Learner::SupportClasses($parameters) => $done,
            Learner::SupportValues($parameters) => $done,
            Learner::DescentClasses($parameters) => $done,
            Learner::DescentValues($parameters) => $done,
            Learner::Discriminant($parameters) => $done,
            Learner::Quadratic($parameters) => $done,
            Learner::NaiveBayes($parameters) => $done,
            Learner::Multinomial($parameters) => $done,
            Learner::Bernoulli($parameters) => $done,
            Learner::Neighbours($parameters) => $done,
            Learner::Tree($parameters) => $done,
            Learner::Forest($parameters) => $done,
            Learner::Boosting($parameters) => $done,
            Learner::Mlp($parameters) => $done,
        }
    };
}

impl Learner {
    /// Sets a parameter.
    ///
    /// # Errors
    /// An unknown name; a value out of range.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), FitError> {
        each!(self, parameters => parameters.set(name, value))
    }

    /// All parameters, in order.
    pub fn parameters(&self) -> Vec<(&'static str, Value)> {
        each!(self, parameters => parameters.values())
    }

    /// What it can learn from.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Boosting(_) => Needs { no_missing: false, indicators: false, scaled: false },
            Self::Tree(_) | Self::Forest(_) => Needs { no_missing: false, indicators: true, scaled: false },
            Self::Linear(_)
            | Self::Ridge(_)
            | Self::Lasso(_)
            | Self::ElasticNet(_)
            | Self::Logistic(_)
            | Self::SupportClasses(_)
            | Self::SupportValues(_)
            | Self::Discriminant(_)
            | Self::Quadratic(_)
            | Self::NaiveBayes(_)
            | Self::Multinomial(_)
            | Self::Bernoulli(_)
            | Self::Neighbours(_) => Needs { no_missing: true, indicators: true, scaled: false },
            Self::DescentClasses(_) | Self::DescentValues(_) | Self::Mlp(_) => {
                Needs { no_missing: true, indicators: true, scaled: true }
            }
        }
    }

    /// Fits.
    ///
    /// # Errors
    /// Parameters out of their range, data that it cannot learn from, and a progress that ends it.
    pub fn fit(
        &self,
        sample: Sample<'_>,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Learnt, FitError> {
        let fitted = match self {
            Self::Linear(parameters) => linear::fit(parameters, sample, target, context),
            Self::Ridge(parameters) => ridge::fit(parameters, sample, target, context),
            Self::Lasso(parameters) => elastic_net::fit(&parameters.into(), sample, target, context),
            Self::ElasticNet(parameters) => elastic_net::fit(parameters, sample, target, context),
            Self::Logistic(parameters) => logistic::fit(parameters, sample, target, context),
            Self::SupportClasses(parameters) => svm::fit_classes(parameters, sample, target, context),
            Self::SupportValues(parameters) => svm::fit_values(parameters, sample, target, context),
            Self::DescentClasses(parameters) => sgd::fit_classes(parameters, sample, target, context),
            Self::DescentValues(parameters) => sgd::fit_values(parameters, sample, target, context),
            Self::Discriminant(parameters) => lda::fit(parameters, sample, target, context),
            Self::Quadratic(parameters) => return qda::fit(parameters, sample, target, context),
            Self::NaiveBayes(parameters) => naive_bayes::fit(parameters, sample, target, context),
            Self::Multinomial(parameters) => {
                naive_bayes::fit_multinomial(parameters, sample, target, context)
            }
            Self::Bernoulli(parameters) => {
                return naive_bayes::fit_bernoulli(parameters, sample, target, context);
            }
            Self::Neighbours(parameters) => neighbours::fit(parameters, sample, target, context),
            Self::Tree(parameters) => return parameters.learn(sample, target, context),
            Self::Forest(parameters) => return parameters.learn(sample, target, context),
            Self::Boosting(parameters) => {
                return boosting::boost(parameters, sample, target, None, context).map(Learnt::from);
            }
            Self::Mlp(parameters) => return parameters.learn(sample, target, context).map(Learnt::from),
        };
        fitted.map(Learnt::from)
    }
}
