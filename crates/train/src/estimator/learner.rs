//! The estimators by name.

use foretell_model::{Fitted, Step};

use super::boosting::Boosting;
use super::elastic_net::{ElasticNet, Lasso};
use super::isolation::IsolationForest;
use super::k_means::KMeans;
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
use super::{
    boosting, elastic_net, isolation, k_means, lda, linear, logistic, naive_bayes, neighbours, qda, ridge,
    sgd, svm,
};
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
    /// Outliers.
    Isolation(IsolationForest),
    /// Clusters.
    Clusters(KMeans),
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
    /// The class of scikit-learn that learns without a target, where there is one; then there are no others.
    pub untargeted: Option<&'static str>,
    make: fn(classes: bool) -> Learner,
}

/// What can be fitted.
pub const KINDS: [Kind; 20] = [
    Kind::values("linear", "LinearRegression", |_| Learner::Linear(LinearRegression::default())),
    Kind::values("ridge", "Ridge", |_| Learner::Ridge(Ridge::default())),
    Kind::values("lasso", "Lasso", |_| Learner::Lasso(Lasso::default())),
    Kind::values("elastic-net", "ElasticNet", |_| Learner::ElasticNet(ElasticNet::default())),
    Kind::classes("logistic", "LogisticRegression", |_| Learner::Logistic(LogisticRegression::default())),
    Kind::both("linear-svm", "LinearSVC", "LinearSVR", |classes| match classes {
        true => Learner::SupportClasses(LinearSVC::default()),
        false => Learner::SupportValues(LinearSVR::default()),
    }),
    Kind::both("sgd", "SGDClassifier", "SGDRegressor", |classes| match classes {
        true => Learner::DescentClasses(SGDClassifier::default()),
        false => Learner::DescentValues(SGDRegressor::default()),
    }),
    Kind::classes("lda", "LinearDiscriminantAnalysis", |_| {
        Learner::Discriminant(LinearDiscriminantAnalysis::default())
    }),
    Kind::classes("qda", "QuadraticDiscriminantAnalysis", |_| {
        Learner::Quadratic(QuadraticDiscriminantAnalysis::default())
    }),
    Kind::classes("gaussian-nb", "GaussianNB", |_| Learner::NaiveBayes(GaussianNB::default())),
    Kind::classes("multinomial-nb", "MultinomialNB", |_| Learner::Multinomial(MultinomialNB::default())),
    Kind::classes("bernoulli-nb", "BernoulliNB", |_| Learner::Bernoulli(BernoulliNB::default())),
    Kind::both("k-neighbors", "KNeighborsClassifier", "KNeighborsRegressor", |_| {
        Learner::Neighbours(KNeighbors::default())
    }),
    Kind::both("decision-tree", "DecisionTreeClassifier", "DecisionTreeRegressor", |_| {
        Learner::Tree(DecisionTree::default())
    }),
    Kind::both("random-forest", "RandomForestClassifier", "RandomForestRegressor", |classes| {
        Learner::Forest(Forest::random(classes))
    }),
    Kind::both("extra-trees", "ExtraTreesClassifier", "ExtraTreesRegressor", |classes| {
        Learner::Forest(Forest::extra(classes))
    }),
    Kind::both("gradient-boosting", "GradientBoostingClassifier", "GradientBoostingRegressor", |_| {
        Learner::Boosting(Boosting::default())
    }),
    Kind::both("mlp", "MLPClassifier", "MLPRegressor", |_| Learner::Mlp(Mlp::default())),
    Kind::untargeted("isolation-forest", "IsolationForest", |_| {
        Learner::Isolation(IsolationForest::default())
    }),
    Kind::untargeted("k-means", "KMeans", |_| Learner::Clusters(KMeans::default())),
];

impl Kind {
    const fn classes(name: &'static str, class: &'static str, make: fn(bool) -> Learner) -> Self {
        Self { name, classifier: Some(class), regressor: None, untargeted: None, make }
    }

    const fn values(name: &'static str, class: &'static str, make: fn(bool) -> Learner) -> Self {
        Self { name, classifier: None, regressor: Some(class), untargeted: None, make }
    }

    const fn both(
        name: &'static str,
        classifier: &'static str,
        regressor: &'static str,
        make: fn(bool) -> Learner,
    ) -> Self {
        Self { name, classifier: Some(classifier), regressor: Some(regressor), untargeted: None, make }
    }

    const fn untargeted(name: &'static str, class: &'static str, make: fn(bool) -> Learner) -> Self {
        Self { name, classifier: None, regressor: None, untargeted: Some(class), make }
    }

    /// The kind with this short name, or the name of one of its classes; with the latter, whether it learns classes.
    pub fn find(name: &str) -> Option<(Self, Option<bool>)> {
        KINDS.into_iter().find_map(|kind| {
            let is = |class: Option<&str>| class == Some(name);
            if kind.name == name || is(kind.untargeted) {
                return Some((kind, None));
            }
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

    /// Whether it learns what is known of rows; else it learns of the rows alone.
    pub fn has_target(self) -> bool {
        self.untargeted.is_none()
    }

    /// The class of scikit-learn that it is for classes or numbers, or without them.
    pub fn class(self, classes: bool) -> &'static str {
        let class = if classes { self.classifier } else { self.regressor };
        class.or(self.untargeted).unwrap_or(self.name)
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
            Learner::Isolation($parameters) => $done,
            Learner::Clusters($parameters) => $done,
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
            | Self::Neighbours(_)
            | Self::Isolation(_)
            | Self::Clusters(_) => Needs { no_missing: true, indicators: true, scaled: false },
            Self::DescentClasses(_) | Self::DescentValues(_) | Self::Mlp(_) => {
                Needs { no_missing: true, indicators: true, scaled: true }
            }
        }
    }

    /// Fits, where it needs one with a target.
    ///
    /// # Errors
    /// Parameters out of their range, data that it cannot learn from, and a progress that ends it.
    pub fn fit(
        &self,
        sample: Sample<'_>,
        target: Option<Target<'_>>,
        context: &Context<'_>,
    ) -> Result<Learnt, FitError> {
        let target = target.ok_or_else(|| FitError::data("a target", "none"));
        let fitted = match self {
            Self::Linear(parameters) => linear::fit(parameters, sample, target?, context),
            Self::Ridge(parameters) => ridge::fit(parameters, sample, target?, context),
            Self::Lasso(parameters) => elastic_net::fit(&parameters.into(), sample, target?, context),
            Self::ElasticNet(parameters) => elastic_net::fit(parameters, sample, target?, context),
            Self::Logistic(parameters) => logistic::fit(parameters, sample, target?, context),
            Self::SupportClasses(parameters) => svm::fit_classes(parameters, sample, target?, context),
            Self::SupportValues(parameters) => svm::fit_values(parameters, sample, target?, context),
            Self::DescentClasses(parameters) => sgd::fit_classes(parameters, sample, target?, context),
            Self::DescentValues(parameters) => sgd::fit_values(parameters, sample, target?, context),
            Self::Discriminant(parameters) => lda::fit(parameters, sample, target?, context),
            Self::Quadratic(parameters) => return qda::fit(parameters, sample, target?, context),
            Self::NaiveBayes(parameters) => naive_bayes::fit(parameters, sample, target?, context),
            Self::Multinomial(parameters) => {
                naive_bayes::fit_multinomial(parameters, sample, target?, context)
            }
            Self::Bernoulli(parameters) => {
                return naive_bayes::fit_bernoulli(parameters, sample, target?, context);
            }
            Self::Neighbours(parameters) => neighbours::fit(parameters, sample, target?, context),
            Self::Tree(parameters) => return parameters.fit(sample, target?, context),
            Self::Forest(parameters) => return parameters.fit(sample, target?, context),
            Self::Boosting(parameters) => {
                return boosting::boost(parameters, sample, target?, None, context).map(Learnt::from);
            }
            Self::Mlp(parameters) => return parameters.fit(sample, target?, context).map(Learnt::from),
            Self::Isolation(parameters) => return isolation::fit(parameters, sample, context),
            Self::Clusters(parameters) => k_means::fit(parameters, sample, context),
        };
        fitted.map(Learnt::from)
    }

    /// What the columns become where a model is asked for a transformation, which few are.
    pub(crate) fn transform(&self, fitted: &Fitted) -> Option<Vec<Step>> {
        if matches!(self, Self::Clusters(_)) { k_means::distances(fitted) } else { None }
    }
}
