//! Estimators in artifacts. Names here are names in files: see the [module](super::super) before changing one.

use super::super::code::{Code, choice, item, name, read_fields, take_field, write_field};
use super::super::read::{Decoded, Decoder};
use super::super::write::Encoder;
use crate::estimator::{
    Activation, Average, Boolean, Condition, Estimator, GaussianNaiveBayes, KernelDensity, KernelFunction,
    KernelSum, KernelTerm, LaplaceProcess, Layer, Leaves, Linear, LinearBooster, LinearTrees, Metric,
    Neighbours, Neural, NodeShape, Nodes, NumberFormat, ObliviousTrees, Reach, Search, SearchNode,
    SearchTree, Stationary, Targets, Test, Trees, Window,
};

item!(KernelDensity { features, metric, points, log_weights, window, bandwidth, constant });
choice!(Window { Gaussian, Tophat, Epanechnikov, Exponential, Linear, Cosine });
choice!(KernelFunction {
    Linear,
    Polynomial { gamma, coef0, degree },
    Rbf { gamma },
    Sigmoid { gamma, coef0 },
    Laplacian { gamma },
    Cosine,
    AdditiveChiSquared,
    ChiSquared { gamma },
    Distance(value),
    SquaredDistance(value),
    Stationary { shape, lengths },
    RationalQuadratic { alpha, length },
    Periodic { length, period },
    Constant(value),
    White(value),
    Sum(value),
    Product(value),
    Power(first, second),
});
choice!(Stationary { SquaredExponential, Matern12, Matern32, Matern52 });
item!(KernelSum { features, function, points, terms, intercept });
item!(KernelTerm { output, first, coefficients });
item!(LaplaceProcess { features, function, points, residuals, roots, factor });
item!(Linear { features, coefficients, intercept });
item!(LinearBooster { features, weights, intercept, missing_value });
item!(LinearTrees { trees, constants, starts, features, coefficients });
choice!(Metric {
    Euclidean,
    SquaredEuclidean,
    Manhattan,
    Chebyshev,
    Minkowski { p, weights },
    Standardized(value),
    Mahalanobis(value),
    Hamming,
    Canberra,
    BrayCurtis,
    Cosine,
    Correlation,
    Haversine,
    Boolean(value),
    EuclideanOfPresent,
});
choice!(Boolean { Jaccard, Matching, Dice, Kulsinski, RogersTanimoto, RussellRao, SokalSneath });
choice!(Estimator {
    Linear(value),
    LinearBooster(value),
    Trees(value),
    LinearTrees(value),
    ObliviousTrees(value),
    Neural(value),
    GaussianNaiveBayes(value),
    KernelSum(value),
    LaplaceProcess(value),
    KernelDensity(value),
    Neighbours(value),
    Constant(value),
    Columns,
});
item!(GaussianNaiveBayes { features, log_prior, mean, variance });
item!(Neighbours { search, reach, inverse_distance, targets });
choice!(Reach {
    Nearest(value),
    Within(value),
});
choice!(Targets {
    Values { outputs, values },
    Classes { counts, classes, alone },
    Graph { distances },
    Geodesic { lengths },
    Barycentre { outputs, values, regularization },
    Density { reach, density },
});
choice!(Activation { Identity, Logistic, Tanh, Relu, Exp, Softmax });
item!(Layer { inputs, outputs, weights, bias, activation });
item!(Neural { layers, single });
choice!(Test {
    Above(value),
    Is(value),
});
item!(Condition { feature, test });
item!(ObliviousTrees { features, outputs, missing_above, conditions, depths, tests, leaves, scale, bias });
item!(Search { features, metric, points, tree });
item!(SearchTree { shape, order, nodes });
choice!(NodeShape {
    Boxes(first, second),
    Balls(value),
});
item!(SearchNode { start, end, leaf, radius });
choice!(NumberFormat { Single, Double });
item!(Nodes { feature, threshold, left, right, missing_left, categorical, zero_missing });
item!(Leaves { width, values });
choice!(Average { SumFromBase, SumThenBase, Mean });
item!(Trees {
    features,
    outputs,
    roots,
    output_of_tree,
    nodes,
    leaves,
    category_sets,
    truncate_negative,
    input,
    equal_left,
    sum,
    average,
    base,
    missing,
    infinite,
    missing_value,
});
