//! The table of all classes that are understood.

use super::{
    Lowering, boosting, calibration, cluster, columns, compose, decompose, density, dummy, encode, expand,
    gaussian_process, hist_boosting, impute, isolation, kernels, linear, manifold, members, multiclass,
    naive_bayes, neighbours, neural, partial_least_squares, quadratic, records, represent, scale, select,
    semi_supervised, svm, targets, text, trees,
};
use crate::pickle::{Class, Value};
use crate::{FormatError, Why, catboost, lightgbm, xgboost};

/// Classes, and the function that understands them.
type Table = &'static [(&'static [&'static str], Lowering)];

/// The libraries whose classes are known: package, name of the library, and classes.
const LIBRARIES: [(&str, &str, Table); 4] = [
    ("sklearn", "scikit-learn", SCIKIT_LEARN),
    ("xgboost", "XGBoost", XGBOOST),
    ("lightgbm", "LightGBM", LIGHTGBM),
    ("catboost", "CatBoost", CATBOOST),
];

/// The function that understands a class.
pub(super) fn lowering(class: Class<'_>) -> Option<Lowering> {
    let (_, _, table) = LIBRARIES.iter().find(|(package, ..)| *package == class.package())?;
    table.iter().find(|(names, _)| names.contains(&class.name())).map(|(_, lowering)| *lowering)
}

/// The refusal of a value of a class that nothing here understands.
pub(super) fn not_opened(value: &Value<'_>) -> FormatError {
    let refused = value.class().filter(|class| class.package() == "sklearn");
    let known = refused.and_then(|class| REFUSED.iter().find(|(names, _)| names.contains(&class.name())));
    match known {
        Some((_, reason)) => value.class_not_opened(Why::Known(reason)),
        None => value.unsupported_class(),
    }
}

/// scikit-learn's public classes that are not opened, and why.
pub(crate) fn refused_classes() -> &'static [(&'static [&'static str], &'static str)] {
    REFUSED
}

/// The names of the classes of each library that are understood, in alphabetical order.
pub(crate) fn supported_classes() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    LIBRARIES.iter().map(|(_, library, table)| {
        let mut names: Vec<_> = table.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        // Private classes stand inside others only.
        names.retain(|name| !name.starts_with('_'));
        names.sort_unstable_by_key(|name| name.to_lowercase());
        (*library, names)
    })
}

/// scikit-learn's classes.
const SCIKIT_LEARN: Table = &[
    (&["Pipeline"], compose::pipeline),
    (&["ColumnTransformer"], columns::column_transformer),
    (&["FeatureUnion"], compose::feature_union),
    (&["FrozenEstimator"], compose::frozen),
    (&["SelfTrainingClassifier"], compose::self_training),
    (&["RFE", "RFECV"], compose::recursive_elimination),
    (&["GridSearchCV", "RandomizedSearchCV"], compose::search),
    (&["HalvingGridSearchCV", "HalvingRandomSearchCV"], compose::search),
    (&["StandardScaler"], scale::standard_scaler),
    (&["MinMaxScaler"], scale::min_max_scaler),
    (&["MaxAbsScaler"], scale::max_abs_scaler),
    (&["RobustScaler"], scale::robust_scaler),
    (&["Normalizer"], scale::normalizer),
    (&["FunctionTransformer"], scale::function_transformer),
    (&["OneHotEncoder"], encode::one_hot),
    (&["OrdinalEncoder"], encode::ordinal),
    (&["SimpleImputer"], impute::simple_imputer),
    (&["Imputer"], impute::imputer),
    (&["IterativeImputer"], impute::iterative_imputer),
    (&["KNNImputer"], impute::nearest_imputer),
    (&["MissingIndicator"], impute::missing_indicator),
    (&["PCA"], decompose::pca),
    (&["IncrementalPCA"], decompose::incremental_pca),
    (&["TruncatedSVD"], decompose::truncated_svd),
    (&["FastICA"], decompose::fast_ica),
    (&["FactorAnalysis"], decompose::factor_analysis),
    (&["SparsePCA", "MiniBatchSparsePCA"], decompose::sparse_pca),
    (&["BernoulliRBM"], decompose::bernoulli_rbm),
    (&["FeatureAgglomeration"], decompose::feature_agglomeration),
    (&["NMF"], represent::non_negative),
    (&["MiniBatchNMF"], represent::non_negative_online),
    (&["LatentDirichletAllocation"], represent::topics),
    (&["DictionaryLearning", "MiniBatchDictionaryLearning"], represent::dictionary),
    (&["SparseCoder"], represent::sparse_coder),
    (&["Isomap"], manifold::isomap),
    (&["LocallyLinearEmbedding"], manifold::locally_linear),
    (&["KNeighborsTransformer"], manifold::nearest_transformer),
    (&["RadiusNeighborsTransformer"], manifold::radius_transformer),
    (&["NeighborhoodComponentsAnalysis"], decompose::neighbourhood_components),
    (&["KernelPCA"], kernels::kernel_pca),
    (&["KernelCenterer"], kernels::kernel_centerer),
    (&["Nystroem"], kernels::nystroem),
    (&["RBFSampler"], kernels::rbf_sampler),
    (&["PolynomialCountSketch"], kernels::polynomial_count_sketch),
    (&["AdditiveChi2Sampler"], kernels::additive_chi2_sampler),
    (&["SkewedChi2Sampler"], kernels::skewed_chi2_sampler),
    (&["PLSSVD"], partial_least_squares::svd),
    (&["GaussianRandomProjection", "SparseRandomProjection"], decompose::random_projection),
    (&["Binarizer"], expand::binarizer),
    (&["KBinsDiscretizer"], expand::k_bins_discretizer),
    (&["PowerTransformer"], expand::power_transformer),
    (&["QuantileTransformer"], expand::quantile_transformer),
    (&["PolynomialFeatures"], expand::polynomial_features),
    (&["SplineTransformer"], expand::spline_transformer),
    (&["TargetEncoder"], expand::target_encoder),
    (&["LabelEncoder"], records::label_encoder),
    (&["LabelBinarizer"], records::label_binarizer),
    (&["DictVectorizer"], records::dict_vectorizer),
    (&["CountVectorizer"], text::count_vectorizer),
    (&["TfidfVectorizer"], text::tfidf_vectorizer),
    (&["TfidfTransformer"], text::tfidf_transformer),
    (&["FeatureHasher"], records::feature_hasher),
    (&["HashingVectorizer"], text::hashing_vectorizer),
    (&["SequentialFeatureSelector"], select::sequential),
    (&["VarianceThreshold"], select::variance_threshold),
    (&["SelectKBest"], select::select_k_best),
    (&["SelectPercentile"], select::select_percentile),
    (&["SelectFpr"], select::select_fpr),
    (&["SelectFdr"], select::select_fdr),
    (&["SelectFwe"], select::select_fwe),
    (&["GenericUnivariateSelect"], select::generic_univariate_select),
    (&["SelectFromModel"], select::select_from_model),
    (&["LinearRegression", "Ridge", "RidgeCV"], linear::regression),
    (&["Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"], linear::regression),
    (&["MultiTaskLasso", "MultiTaskLassoCV"], linear::regression),
    (&["MultiTaskElasticNet", "MultiTaskElasticNetCV"], linear::regression),
    (&["Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC"], linear::regression),
    (&["OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV"], linear::regression),
    (&["BayesianRidge", "ARDRegression"], linear::regression),
    (&["HuberRegressor", "QuantileRegressor", "TheilSenRegressor"], linear::regression),
    (&["LinearSVR", "SGDRegressor", "PassiveAggressiveRegressor"], linear::regression),
    (&["PoissonRegressor", "GammaRegressor"], linear::log_link_regression),
    (&["TweedieRegressor"], linear::tweedie_regression),
    (&["RANSACRegressor"], compose::ransac),
    (&["LogisticRegression", "LogisticRegressionCV"], linear::logistic_regression),
    (&["SGDClassifier"], linear::sgd_classifier),
    (&["RidgeClassifier", "RidgeClassifierCV"], linear::ridge_classifier),
    (&["LinearSVC", "Perceptron"], linear::classification_without_probability),
    (&["PassiveAggressiveClassifier"], linear::classification_without_probability),
    (&["LinearDiscriminantAnalysis", "LDA"], linear::linear_discriminant_analysis),
    (&["DecisionTreeClassifier", "ExtraTreeClassifier"], trees::tree_classifier),
    (&["DecisionTreeRegressor", "ExtraTreeRegressor"], trees::tree_regressor),
    (&["RandomForestClassifier", "ExtraTreesClassifier"], trees::forest_classifier),
    (&["RandomForestRegressor", "ExtraTreesRegressor"], trees::forest_regressor),
    (&["IsolationForest"], isolation::isolation_forest),
    (&["RandomTreesEmbedding"], isolation::random_trees_embedding),
    (&["GradientBoostingClassifier"], boosting::classifier),
    (&["GradientBoostingRegressor"], boosting::regression),
    (&["HistGradientBoostingClassifier"], hist_boosting::classifier),
    (&["HistGradientBoostingRegressor"], hist_boosting::regression),
    (&["VotingClassifier"], members::voting_classifier),
    (&["VotingRegressor"], members::voting_regressor),
    (&["StackingClassifier"], members::stacking_classifier),
    (&["StackingRegressor"], members::stacking_regressor),
    (&["BaggingClassifier"], members::bagging_classifier),
    (&["BaggingRegressor"], members::bagging_regressor),
    (&["AdaBoostClassifier"], members::ada_boost_classifier),
    (&["AdaBoostRegressor"], members::ada_boost_regressor),
    (&["CalibratedClassifierCV"], calibration::calibrated),
    (&["TransformedTargetRegressor"], targets::transformed_target),
    (&["MultiOutputRegressor"], targets::multi_output_regressor),
    (&["MultiOutputClassifier"], targets::multi_output_classifier),
    (&["OneVsRestClassifier"], targets::one_versus_rest),
    (&["OneVsOneClassifier"], multiclass::one_versus_one),
    (&["OutputCodeClassifier"], multiclass::output_code),
    (&["FixedThresholdClassifier"], multiclass::fixed_threshold),
    (&["TunedThresholdClassifierCV"], multiclass::tuned_threshold),
    (&["_ConstantPredictor"], targets::constant_predictor),
    (&["RegressorChain"], targets::regressor_chain),
    (&["ClassifierChain"], targets::classifier_chain),
    (&["IsotonicRegression"], calibration::isotonic_regression),
    (&["SVC", "NuSVC"], svm::classifier),
    (&["SVR", "NuSVR"], svm::regression),
    (&["OneClassSVM"], svm::one_class),
    (&["SGDOneClassSVM"], linear::one_class),
    (&["MLPClassifier"], neural::classifier),
    (&["MLPRegressor"], neural::regression),
    (&["GaussianNB"], naive_bayes::gaussian),
    (&["BernoulliNB"], naive_bayes::bernoulli),
    (&["MultinomialNB"], naive_bayes::multinomial),
    (&["ComplementNB"], naive_bayes::complement),
    (&["CategoricalNB"], naive_bayes::categorical),
    (&["QuadraticDiscriminantAnalysis", "QDA"], quadratic::discriminant_analysis),
    (&["GaussianMixture"], quadratic::gaussian_mixture),
    (&["BayesianGaussianMixture"], quadratic::bayesian_gaussian_mixture),
    (&["EllipticEnvelope"], quadratic::elliptic_envelope),
    (&["KernelRidge"], kernels::kernel_ridge),
    (&["GaussianProcessRegressor"], gaussian_process::regression),
    (&["GaussianProcessClassifier"], gaussian_process::classifier),
    (&["_BinaryGaussianProcessClassifierLaplace"], gaussian_process::binary_classifier),
    (&["PLSRegression", "PLSCanonical", "CCA"], partial_least_squares::regression),
    (&["KernelDensity"], density::kernel_density),
    (&["LabelPropagation", "LabelSpreading"], semi_supervised::propagation),
    (&["KNeighborsClassifier"], neighbours::nearest_classifier),
    (&["KNeighborsRegressor"], neighbours::nearest_regressor),
    (&["RadiusNeighborsClassifier"], neighbours::radius_classifier),
    (&["RadiusNeighborsRegressor"], neighbours::radius_regressor),
    (&["LocalOutlierFactor"], neighbours::local_outlier_factor),
    (&["KMeans", "MiniBatchKMeans"], cluster::k_means),
    (&["BisectingKMeans"], cluster::bisecting_k_means),
    (&["MeanShift", "AffinityPropagation"], cluster::nearest_centre),
    (&["Birch"], cluster::birch),
    (&["NearestCentroid"], cluster::nearest_centroid),
    (&["DummyClassifier"], dummy::classifier),
    (&["DummyRegressor"], dummy::regression),
];

/// XGBoost's classes.
const XGBOOST: Table = &[
    (&["XGBClassifier", "XGBRFClassifier", "XGBRegressor", "XGBRFRegressor"], xgboost::estimator),
    (&["XGBRanker", "Booster"], xgboost::estimator),
];

/// LightGBM's classes.
const LIGHTGBM: Table =
    &[(&["LGBMClassifier", "LGBMRegressor", "LGBMRanker", "LGBMModel", "Booster"], lightgbm::estimator)];

/// CatBoost's classes.
const CATBOOST: Table =
    &[(&["CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker", "CatBoost"], catboost::estimator)];

/// scikit-learn's public classes that there is nothing to serve of.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "AgglomerativeClustering",
            "DBSCAN",
            "HDBSCAN",
            "OPTICS",
            "SpectralBiclustering",
            "SpectralClustering",
            "SpectralCoclustering",
        ],
        "it labels the rows that it was fitted on and predicts nothing for others; fit a classifier to its labels",
    ),
    (
        &["ClassicalMDS", "MDS", "SpectralEmbedding", "TSNE"],
        "it places the rows that it was fitted on and cannot transform others; `PCA`, `Isomap` and \
         `LocallyLinearEmbedding` can",
    ),
    (
        &[
            "EmpiricalCovariance",
            "GraphicalLasso",
            "GraphicalLassoCV",
            "LedoitWolf",
            "MinCovDet",
            "OAS",
            "ShrunkCovariance",
        ],
        "it estimates a covariance and predicts nothing; `EllipticEnvelope` tells outliers by it",
    ),
    (
        &["NearestNeighbors"],
        "it finds rows of its training data and predicts nothing; `KNeighborsClassifier` and `KNeighborsRegressor` \
         answer by neighbours, `KNeighborsTransformer` gives their distances",
    ),
    (
        &["MultiLabelBinarizer"],
        "it encodes sets of labels, which are targets and no columns of a table; save the estimator without it",
    ),
    (
        &["PatchExtractor"],
        "it takes images and no rows of a table; give an estimator the values of the patches as columns",
    ),
];
