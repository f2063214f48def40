//! A model of every kind of step, estimator and head, for tests that must hold for all.

use foretell_frame::{Cell, Frame, Kind, Labels, Shape};
use foretell_model::estimator::{
    Activation, Average, Boolean, Condition, GaussianNaiveBayes, KernelFunction, KernelSum, KernelTerm,
    LaplaceProcess, Layer, Leaves, Linear, LinearBooster, LinearTrees, Metric, Neighbours, Neural, Nodes,
    NumberFormat, ObliviousTrees, Reach, Search, Stationary, Targets, Test, Trees,
};
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Mixture, Outlier, PairDecision, Pairwise,
    Probability, Regression,
};
use foretell_model::step::{
    Accents, Accepts, Analysis, Answer, Arithmetic, Branch, Categories, Codes, Combine, Curve, Curves,
    Dataflow, DatePart, Dates, Extrapolation, Function, HashKeys, HashedKey, Impute, Norm, Normalize, OneHot,
    Operands, Ordinal, Pairing, Part, PiecewiseLinear, Positions, Predict, Products, Quantile, Reduce,
    Reduction, Refinement, Rowwise, Rule, Scale, Spline, Splines, Statistic, Step, Table, TargetStatistics,
    TermIndex, Terms, TokenPattern, Units, Unknown, Zip,
};
use foretell_model::{Estimator, Fitted, Head, Model, ModelParts, Pipeline, Provenance, Task};

/// Number of numeric features of most models here.
pub(crate) const WIDTH: usize = 5;

/// A small generator of numbers that are the same in every run (`splitmix64`).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in -2..2.
    pub(crate) fn float(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 51) as f64 - 2.0
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.float()).collect()
    }
}

pub(crate) fn parts(features: usize, steps: Vec<Step>, estimator: Option<Fitted>) -> ModelParts {
    ModelParts {
        pipeline: Pipeline { steps, estimator, ..Pipeline::default() },
        features,
        names: None,
        hints: None,
        task: Task::Classification,
        output_names: None,
        description: Default::default(),
        provenance: Provenance::default(),
    }
}

pub(crate) fn model(features: usize, steps: Vec<Step>, estimator: Option<Fitted>) -> Model {
    Model::new(parts(features, steps, estimator)).unwrap()
}

/// A classifier head for `classes` classes.
pub(crate) fn classifier(
    classes: usize,
    label: LabelRule,
    probability: Option<Probability>,
) -> Classification {
    Classification {
        classes: vec![Labels::range(classes)],
        multi_target: false,
        label,
        probability,
        log_probability: probability.map(|_| LogProbability::OfProbability),
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    }
}

pub(crate) fn regression(outputs: usize, link: Link) -> Head {
    let shape = if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) };
    Head::Regression(Regression { shape, link, margin: true, rounds: 1.0 })
}

pub(crate) fn linear(features: usize, outputs: usize, numbers: &mut Numbers) -> Estimator {
    Estimator::Linear(Linear {
        features,
        coefficients: numbers.floats(features * outputs),
        intercept: numbers.floats(outputs),
    })
}

pub(crate) fn neural(
    sizes: &[usize],
    activation: Activation,
    single: bool,
    numbers: &mut Numbers,
) -> Estimator {
    let layer = |size: &[usize]| Layer {
        inputs: size[0],
        outputs: size[1],
        weights: numbers.floats(size[0] * size[1]),
        bias: vec![0.5; size[1]],
        activation,
    };
    Estimator::Neural(Neural { layers: sizes.windows(2).map(layer).collect(), single })
}

/// Full trees of a depth with random splits.
pub(crate) fn forest(
    features: usize,
    trees: usize,
    depth: u32,
    outputs: usize,
    vectors: bool,
    numbers: &mut Numbers,
) -> Trees {
    let (splits, leaves) = ((1usize << depth) - 1, 1usize << depth);
    let mut nodes = Nodes::default();
    for tree in 0..trees {
        let first = (tree * (splits + leaves)) as u32;
        for node in 0..splits + leaves {
            let split = node < splits;
            let leaf = (tree * leaves + node).wrapping_sub(splits) as u32;
            nodes.feature.push(if split { (numbers.next() % features as u64) as u32 } else { 0 });
            nodes.threshold.push(if split { numbers.float() } else { 0.0 });
            nodes.left.push(if split { first + 2 * node as u32 + 1 } else { leaf });
            nodes.right.push(if split { first + 2 * node as u32 + 2 } else { leaf });
            nodes.missing_left.push(numbers.next().is_multiple_of(2));
            nodes.categorical.push(false);
        }
    }
    let width = if vectors { outputs } else { 1 };
    Trees {
        features,
        outputs,
        roots: (0..trees).map(|tree| (tree * (splits + leaves)) as u32).collect(),
        output_of_tree: (0..trees).map(|tree| (tree % outputs) as u32).collect(),
        nodes,
        leaves: Leaves { width, values: numbers.floats(trees * leaves * width) },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumFromBase,
        base: vec![0.125; outputs],
        missing: false,
        infinite: false,
        missing_value: None,
    }
}

pub(crate) fn scale(numbers: &mut Numbers) -> Step {
    Step::Scale(Scale {
        operations: vec![
            Arithmetic::Subtract(numbers.floats(WIDTH)),
            Arithmetic::Divide(vec![1.5, 2.0, 0.3, 7.0, 1.1]),
            Arithmetic::Multiply(numbers.floats(WIDTH)),
            Arithmetic::Add(numbers.floats(WIDTH)),
            Arithmetic::Clip { low: -3.0, high: 3.0 },
        ],
        range: None,
        centre: None,
    })
}

pub(crate) fn texts(values: &[&str]) -> Categories {
    Categories {
        values: values.iter().map(|text| Cell::Text((*text).into())).collect(),
        codes: (0..values.len() as u32).map(Some).collect(),
        infrequent: None,
        width: values.len(),
    }
}

/// Numeric features 0 and 1, a category 2, a number with few values 3, and 4, which nothing looks at.
fn mixed() -> Vec<Step> {
    let fill = |values: [f64; 2]| values.map(|value| Some(Cell::Number(value))).to_vec();
    let numeric = Step::Impute(Impute {
        marker: Cell::Missing,
        fill: fill([0.5, -0.5]),
        indicators: vec![1],
        refuse_missing: Vec::new(),
    });
    let text = Step::Impute(Impute {
        marker: Cell::Missing,
        fill: vec![Some(Cell::Text("green".into()))],
        indicators: Vec::new(),
        refuse_missing: Vec::new(),
    });
    let one_hot =
        Step::OneHot(OneHot { columns: vec![texts(&["blue", "green", "red"])], unknown: Unknown::Ignore });
    let grades = Categories {
        values: vec![Cell::Number(1.0), Cell::Number(2.0), Cell::Missing],
        codes: vec![Some(0), Some(1), None],
        infrequent: None,
        width: 0,
    };
    let ordinal =
        Step::Ordinal(Ordinal { columns: vec![grades], unknown: Unknown::Code(-1.0), missing: -2.0 });
    vec![Step::Parallel(vec![
        Branch { columns: vec![1, 0], steps: vec![numeric], weight: None },
        Branch { columns: vec![2], steps: vec![text, one_hot], weight: Some(0.5) },
        Branch { columns: vec![3], steps: vec![ordinal], weight: None },
    ])]
}

/// Columns filled in from each other.
fn refined(numbers: &mut Numbers) -> Vec<Step> {
    let impute = |fill, indicators: &[usize]| {
        let indicators = indicators.to_vec();
        Step::Impute(Impute { marker: Cell::Missing, fill, indicators, refuse_missing: Vec::new() })
    };
    let branch = |step| Branch { columns: (0..4).collect(), steps: vec![step], weight: None };
    let filled = branch(impute(vec![Some(Cell::Number(0.5)); 4], &[]));
    let masks = branch(impute(vec![None; 4], &[0, 1, 2, 3]));
    let refinement = |column: usize| {
        let fitted = Fitted { estimator: linear(2, 1, numbers), head: regression(1, Link::Identity) };
        let steps = vec![Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))];
        let inputs = vec![(column + 1) % 4, (column + 2) % 4];
        Refinement { column, mask: 4 + column, inputs, steps, low: -1.0, high: 1.5 }
    };
    let refinements = [0, 1, 3, 0, 1, 3].map(refinement).into();
    vec![Step::Parallel(vec![filled, masks]), Step::Refine(refinements), Step::Select(vec![0, 1, 2, 3])]
}

/// A model and its name for messages.
type Named = (&'static str, Model);

/// Models of every kind.
pub(crate) fn zoo() -> Vec<Named> {
    let numbers = &mut Numbers(7);
    let mut zoo = transformers(numbers);
    zoo.push(("refined columns", model(4, refined(numbers), None)));
    zoo.extend(of_texts(numbers));
    zoo.extend(linear_models(numbers));
    zoo.extend(networks(numbers));
    zoo.extend(ensembles(numbers));
    zoo.extend(oblivious_trees(numbers));
    zoo.extend(kernel_machines(numbers));
    zoo.extend(neighbours(numbers));
    zoo.extend(crate::components::models(numbers));
    zoo.extend(others(numbers));
    zoo.extend(compositions(numbers));
    zoo.extend(graphs(numbers));
    zoo.extend(of_dates());
    zoo.extend(crate::wide::models(numbers));
    zoo
}

fn fitted(estimator: Estimator, head: Head) -> Option<Fitted> {
    Some(Fitted { estimator, head })
}

fn many(classes: usize, label: LabelRule, probability: Probability) -> Head {
    Head::Classification(classifier(classes, label, Some(probability)))
}

fn transformers(numbers: &mut Numbers) -> Vec<Named> {
    let mut models = vec![("scale", model(WIDTH, vec![scale(numbers)], None))];
    for norm in [Norm::L1, Norm::L2, Norm::Max] {
        let step = Step::Normalize(Normalize { norm, smallest: 0.0 });
        models.push(("normalize", model(WIDTH, vec![step, Step::Select(vec![4, 0, 0])], None)));
    }
    let functions = vec![Function::Absolute, Function::Log1p, Function::Tanh, Function::Float32];
    let require = Step::Require(Accepts::FINITE);
    models.push(("functions", model(WIDTH, vec![require, Step::Elementwise(functions)], None)));
    models.extend(of_each_column());
    models.push(("columns", model(WIDTH, mixed(), None)));
    let passthrough = Step::Parallel(vec![
        Branch { columns: vec![2], steps: Vec::new(), weight: None },
        Branch { columns: vec![1, 0], steps: Vec::new(), weight: Some(2.0) },
    ]);
    models.push(("passthrough", model(WIDTH, vec![passthrough], None)));
    models
}

/// Transformers that compute with each column by its own constants.
fn of_each_column() -> Vec<Named> {
    let curve = |column: usize| match column {
        0 => Curve::Threshold(0.5),
        1 => Curve::Bins { edges: vec![-1.0, 0.0, 1.0], nudge: (1e-8, 1e-5) },
        2 => Curve::YeoJohnson { lambda: 0.7, exact: true },
        3 => Curve::Quantile(Quantile {
            values: vec![-1.0, 0.0, 0.0, 2.0],
            shares: vec![0.0, 0.3, 0.6, 1.0],
            normal: true,
        }),
        _ => Curve::Table { values: vec![1.0, 2.0], missing: 3.0, other: 4.0 },
    };
    let columns = (0..WIDTH).map(curve).collect();
    let curves = Step::Curves(Curves { columns, accepts: Accepts { missing: true, infinite: false } });
    let factors = vec![vec![], vec![4], vec![0, 1], vec![2, 2, 3]];
    let mut models = vec![
        ("curves", model(WIDTH, vec![curves], None)),
        ("products", model(WIDTH, vec![Step::Products(Products { features: WIDTH, factors })], None)),
    ];
    let spline = Spline {
        degree: 2,
        knots: (-3..=4).map(f64::from).collect(),
        coefficients: (0..5 * 4).map(f64::from).collect(),
        splines: 4,
        outputs: 3,
    };
    for extrapolation in [Extrapolation::Linear, Extrapolation::Constant, Extrapolation::Periodic] {
        let splines = Splines { columns: vec![spline.clone(); WIDTH], extrapolation, missing: true };
        models.push(("splines", model(WIDTH, vec![Step::Splines(splines)], None)));
    }
    models
}

fn linear_models(numbers: &mut Numbers) -> Vec<Named> {
    let mut models = Vec::new();
    for outputs in [1, 3, 26] {
        let fitted = fitted(linear(WIDTH, outputs, numbers), regression(outputs, Link::Exp));
        models.push(("linear", model(WIDTH, vec![scale(numbers)], fitted)));
    }
    let probabilities = [
        Probability::Sigmoid { scale: 2.0 },
        Probability::SigmoidNormalized,
        Probability::SoftmaxOfBoth,
        Probability::ModifiedHuber,
        Probability::SigmoidSingle,
    ];
    for probability in probabilities {
        let head = classifier(2, LabelRule::Positive, Some(probability));
        let head = Head::Classification(Classification { decision: Some(Shape::Vector), ..head });
        let fitted = fitted(linear(WIDTH, 1, numbers), head);
        models.push(("linear binary", model(WIDTH, Vec::new(), fitted)));
    }
    let probabilities = [
        Probability::SigmoidNormalized,
        Probability::Softmax,
        Probability::ExpNormalized,
        Probability::ModifiedHuber,
        Probability::SoftmaxSingle,
    ];
    for probability in probabilities {
        let head = many(4, LabelRule::LargestScore, probability);
        models.push(("linear classes", model(WIDTH, Vec::new(), fitted(linear(WIDTH, 4, numbers), head))));
    }
    let rules = [
        (LabelRule::EachPositive, None),
        (LabelRule::EachAboveHalf, Some(Probability::LabelScores)),
        (LabelRule::EachAboveHalf, Some(Probability::LabelSigmoidSingle)),
        (LabelRule::EachPositive, Some(Probability::LabelSigmoid)),
        (LabelRule::EachAboveHalf, Some(Probability::SecondScore)),
    ];
    for (label, probability) in rules {
        let head = classifier(2, label, probability);
        let head = Classification { classes: vec![Labels::range(2); 3], multi_target: true, ..head };
        let fitted = fitted(linear(WIDTH, 3, numbers), Head::Classification(head));
        models.push(("linear labels", model(WIDTH, Vec::new(), fitted)));
    }
    let identity = regression(1, Link::Identity);
    models.push(("mixed linear", model(WIDTH, mixed(), fitted(linear(7, 1, numbers), identity))));
    models
}

fn networks(numbers: &mut Numbers) -> Vec<Named> {
    let activations = [
        Activation::Identity,
        Activation::Logistic,
        Activation::Tanh,
        Activation::Relu,
        Activation::Exp,
        Activation::Softmax,
    ];
    let mut models = Vec::new();
    for activation in activations {
        for single in [false, true] {
            let estimator = neural(&[WIDTH, 19, 3], activation, single, numbers);
            let head = many(3, LabelRule::LargestProbability, Probability::Softmax);
            models.push(("neural", model(WIDTH, Vec::new(), fitted(estimator, head))));
        }
    }
    models
}

fn ensembles(numbers: &mut Numbers) -> Vec<Named> {
    let mut models = Vec::new();
    let kinds = [(1, true, Average::Mean), (30, true, Average::Mean), (30, false, Average::SumThenBase)];
    for (count, vectors, average) in kinds {
        for format in [NumberFormat::Single, NumberFormat::Double] {
            let mut trees = forest(WIDTH, count, 5, 3, vectors, numbers);
            (trees.average, trees.input, trees.sum) = (average, format, format);
            (trees.equal_left, trees.missing) = (count > 1, true);
            let head = many(3, LabelRule::LargestScore, Probability::Scores);
            models.push(("trees", model(WIDTH, Vec::new(), fitted(Estimator::Trees(trees), head))));
        }
    }
    let mut trees = forest(WIDTH, 10, 4, 1, false, numbers);
    trees.category_sets = vec![vec![0, 1], vec![1]];
    trees.missing_value = Some(0.0);
    trees.missing = true;
    for node in (0..trees.nodes.left.len()).step_by(3) {
        if trees.nodes.left[node] != trees.nodes.right[node] {
            trees.nodes.categorical[node] = true;
            trees.nodes.threshold[node] = (node % 2) as f64;
        }
    }
    let head = regression(1, Link::Identity);
    let known = vec![None, Some(vec![0, 1]), None, None, Some(vec![0])];
    let fitted = fitted(Estimator::Trees(trees), head);
    models.push(("categorical trees", model(WIDTH, Vec::new(), fitted.clone())));
    models.push(("category codes", model(WIDTH, vec![Step::Codes(Codes { known })], fitted)));
    models
}

/// Two numbers and two texts, as what trees of categories test: the numbers, a position, and two statistics.
pub(crate) fn statistics() -> TargetStatistics {
    let parts = vec![Part::Category(1), Part::Above { number: 0, threshold: 0.5, missing: true }];
    TargetStatistics {
        numbers: vec![0, 2],
        categories: vec![1, 3],
        positions: vec![Positions { category: 0, hashes: vec![RED, GREEN] }],
        tables: vec![Table {
            parts,
            hashes: vec![GREEN_ABOVE, 77],
            columns: vec![
                Statistic { known: vec![0.25, 0.5], unknown: 0.75 },
                Statistic { known: vec![1.0, 2.0], unknown: 0.0 },
            ],
        }],
    }
}

/// The low halves of the CityHash64 of two texts.
const RED: u32 = 3_052_168_893;
const GREEN: u32 = 1_390_465_085;
/// The hash of `green` with a condition that holds.
const GREEN_ABOVE: u64 = 9_231_241_871_081_306_178;

fn oblivious_trees(numbers: &mut Numbers) -> Vec<Named> {
    let trees = |features: usize, outputs: usize, numbers: &mut Numbers| {
        let tests = (0..40).map(|number| match number % 5 {
            0 => Test::Is(number / 5 % 2),
            _ => Test::Above(numbers.float() as f32),
        });
        let depths = vec![0, 1, 3, 8, 9, 6];
        let levels: u32 = depths.iter().sum();
        let leaves: usize = depths.iter().map(|depth| outputs << depth).sum();
        let condition = |(number, test)| Condition { feature: number % features as u32, test };
        ObliviousTrees {
            features,
            outputs,
            missing_above: (0..features).map(|feature| feature % 2 == 1).collect(),
            conditions: (0..).zip(tests).map(condition).collect(),
            depths,
            tests: (0..levels).map(|level| level * 7 % 40).collect(),
            leaves: numbers.floats(leaves),
            scale: 1.5,
            bias: numbers.floats(outputs),
        }
    };
    let one = Estimator::ObliviousTrees(trees(WIDTH, 1, numbers));
    let many = Estimator::ObliviousTrees(trees(5, 2, numbers));
    let head = classifier(2, LabelRule::Above(0.25), Some(Probability::Sigmoid { scale: 1.0 }));
    let steps = vec![Step::TargetStatistics(statistics())];
    let uncertain = regression(2, Link::MeanAndVariance);
    vec![
        ("oblivious trees", model(WIDTH, Vec::new(), fitted(one, Head::Classification(head)))),
        ("oblivious trees of categories", model(4, steps, fitted(many, uncertain))),
    ]
}

/// Points that each term has some of.
fn kernel_sum(function: KernelFunction, outputs: usize, numbers: &mut Numbers) -> Estimator {
    points_sum(function, 7, outputs, numbers)
}

pub(crate) fn points_sum(
    function: KernelFunction,
    points: usize,
    outputs: usize,
    numbers: &mut Numbers,
) -> Estimator {
    let term = |position: usize| {
        let first = position % points;
        KernelTerm { output: position % outputs, first, coefficients: numbers.floats(points - first) }
    };
    Estimator::KernelSum(KernelSum {
        features: WIDTH,
        function,
        terms: (0..2 * outputs).map(term).collect(),
        points: numbers.floats(points * WIDTH),
        intercept: numbers.floats(outputs),
    })
}

fn neighbours(numbers: &mut Numbers) -> Vec<Named> {
    let mut neighbours = |reach, inverse_distance, targets| {
        let points = numbers.floats(40 * WIDTH);
        let search = Search { features: WIDTH, metric: Metric::Manhattan, points, tree: None };
        Estimator::Neighbours(Neighbours { search, reach, inverse_distance, targets })
    };
    let values = Targets::Values { outputs: 2, values: (0..80).map(f64::from).collect() };
    let classes =
        Targets::Classes { counts: vec![3], classes: (0..40).map(|i| i % 3).collect(), alone: Some(vec![1]) };
    let density = Targets::Density { reach: vec![2.0; 40], density: vec![0.5; 40] };
    let shares = || many(3, LabelRule::LargestScore, Probability::Scores);
    let outlier = Head::Outlier(Outlier { offset: -1.5, equal_inlier: true, column: true });
    let kinds = [
        (neighbours(Reach::Nearest(5), true, values), regression(2, Link::Identity)),
        (neighbours(Reach::Nearest(7), false, classes.clone()), shares()),
        (neighbours(Reach::Within(4.0), true, classes), shares()),
        (neighbours(Reach::Nearest(4), false, density), outlier),
    ];
    let named = |(estimator, head)| ("neighbours", model(WIDTH, Vec::new(), fitted(estimator, head)));
    kinds.into_iter().map(named).collect()
}

pub(crate) fn composed_kernel() -> KernelFunction {
    let stationary = |shape, lengths| KernelFunction::Stationary { shape, lengths };
    let smooth = stationary(Stationary::SquaredExponential, vec![1.0, 2.0, 3.0, 0.5, 1.5]);
    let rough = stationary(Stationary::Matern32, vec![2.0]);
    let product = KernelFunction::Product(Box::new([KernelFunction::Constant(2.0), smooth]));
    let power = KernelFunction::Power(Box::new(rough), 2.0);
    let noisy = KernelFunction::Sum(Box::new([power, KernelFunction::White(0.1)]));
    KernelFunction::Sum(Box::new([product, noisy]))
}

fn kernel_machines(numbers: &mut Numbers) -> Vec<Named> {
    let (gamma, coef0) = (0.3, 0.5);
    let functions = [
        KernelFunction::Linear,
        KernelFunction::Polynomial { gamma, coef0, degree: 3.0 },
        KernelFunction::Rbf { gamma },
        KernelFunction::Sigmoid { gamma, coef0 },
        KernelFunction::Laplacian { gamma },
        KernelFunction::Cosine,
        KernelFunction::AdditiveChiSquared,
        KernelFunction::RationalQuadratic { alpha: 1.5, length: 2.0 },
        KernelFunction::Periodic { length: 2.0, period: 3.0 },
        composed_kernel(),
    ];
    let metrics = [
        Metric::Euclidean,
        Metric::Manhattan,
        Metric::Chebyshev,
        Metric::Minkowski { p: 3.0, weights: Some(vec![1.0, 2.0, 0.5, 3.0, 1.0]) },
        Metric::Standardized(vec![0.5; WIDTH]),
        Metric::Hamming,
        Metric::Canberra,
        Metric::BrayCurtis,
        Metric::Cosine,
        Metric::Correlation,
        Metric::Boolean(Boolean::Jaccard),
    ];
    let mut models = Vec::new();
    for metric in metrics {
        let distance = kernel_sum(KernelFunction::Distance(metric.clone()), 2, numbers);
        models.push(("distance", model(WIDTH, Vec::new(), fitted(distance, regression(2, Link::Identity)))));
        let square = kernel_sum(KernelFunction::SquaredDistance(metric), 2, numbers);
        let head = Head::Mixture(Mixture { components: Some(Labels::range(2)) });
        models.push(("mixture", model(WIDTH, Vec::new(), fitted(square, head))));
    }
    let process = LaplaceProcess {
        features: WIDTH,
        function: composed_kernel(),
        points: numbers.floats(2 * WIDTH),
        residuals: vec![0.25, -0.5],
        roots: vec![0.4, 0.5],
        factor: vec![2.0, 0.0, 0.3, 1.5],
    };
    let head = classifier(2, LabelRule::Positive, Some(Probability::AfterScores));
    let process = fitted(Estimator::LaplaceProcess(process), Head::Classification(head));
    models.push(("gaussian process", model(WIDTH, Vec::new(), process)));
    for function in functions {
        let fitted = fitted(kernel_sum(function, 2, numbers), regression(2, Link::Identity));
        models.push(("kernel sum", model(WIDTH, Vec::new(), fitted)));
    }
    let kinds = [
        (2, Some(PairDecision::PerClass), false, true),
        (4, Some(PairDecision::PerPair), false, true),
        (4, Some(PairDecision::PerClass), true, false),
        (3, None, false, true),
    ];
    for (classes, decision, break_ties, sigmoids) in kinds {
        let pairs = classes * (classes - 1) / 2;
        let head = Pairwise {
            classes: Labels::range(classes),
            decision,
            break_ties,
            sigmoids: sigmoids.then(|| vec![(-1.0, 0.25); pairs]),
        };
        let estimator = kernel_sum(KernelFunction::Rbf { gamma }, pairs, numbers);
        models.push(("pairwise", model(WIDTH, Vec::new(), fitted(estimator, Head::Pairwise(head)))));
    }
    let head = Head::Outlier(Outlier { offset: 0.25, equal_inlier: true, column: false });
    let estimator = kernel_sum(KernelFunction::Rbf { gamma }, 1, numbers);
    models.push(("outlier", model(WIDTH, Vec::new(), fitted(estimator, head))));
    models
}

fn others(numbers: &mut Numbers) -> Vec<Named> {
    let bayes = GaussianNaiveBayes {
        features: WIDTH,
        log_prior: vec![-1.0, -0.5],
        mean: numbers.floats(2 * WIDTH),
        variance: numbers.floats(2 * WIDTH).iter().map(|x| x * x + 0.1).collect(),
    };
    let head = classifier(2, LabelRule::LargestScore, Some(Probability::ExpNormalized));
    let head = Classification { log_probability: Some(LogProbability::OfJoint), ..head };
    let bayes = fitted(Estimator::GaussianNaiveBayes(bayes), Head::Classification(head));
    let booster = Estimator::LinearBooster(LinearBooster {
        features: WIDTH,
        weights: numbers.floats(2 * WIDTH).iter().map(|x| *x as f32).collect(),
        intercept: vec![0.5, -0.5],
        missing_value: None,
    });
    let booster = fitted(booster, regression(2, Link::SigmoidSingle));
    let head = many(2, LabelRule::LargestProbability, Probability::Scores);
    let constant = fitted(Estimator::Constant(vec![0.25, 0.75]), head);
    let projection =
        Linear { features: WIDTH, coefficients: numbers.floats(2 * WIDTH), intercept: vec![0.0; 2] };
    let head = many(3, LabelRule::LargestScore, Probability::Softmax);
    let mut discriminant = parts(WIDTH, Vec::new(), fitted(linear(WIDTH, 3, numbers), head));
    discriminant.pipeline.transform = Some(vec![scale(numbers), Step::Project(projection)]);
    let leaves = forest(WIDTH, 9, 3, 3, false, numbers);
    let leaves =
        Trees { input: NumberFormat::Double, missing: true, truncate_negative: true, ..special(leaves) };
    let linear_trees = LinearTrees {
        constants: numbers.floats(leaves.leaves.values.len()),
        starts: (0..=leaves.leaves.values.len()).map(|leaf| leaf / 2 * 3).collect(),
        features: (0..leaves.leaves.values.len() as u32 / 2 * 3).map(|entry| entry % WIDTH as u32).collect(),
        coefficients: numbers.floats(leaves.leaves.values.len() / 2 * 3),
        trees: leaves,
    };
    let each = Probability::SigmoidEach { scale: 0.5 };
    let head = Classification { rounds: 3.0, ..classifier(3, LabelRule::LargestProbability, Some(each)) };
    let linear_trees = fitted(Estimator::LinearTrees(linear_trees), Head::Classification(head));
    vec![
        ("linear trees", model(WIDTH, Vec::new(), linear_trees)),
        ("naive bayes", model(WIDTH, Vec::new(), bayes)),
        ("linear booster", model(WIDTH, Vec::new(), booster)),
        ("constant", model(WIDTH, Vec::new(), constant)),
        ("discriminant", Model::new(discriminant).unwrap()),
    ]
}

/// The same trees, with zero counted as missing in some splits, and a category set in the first.
fn special(mut trees: Trees) -> Trees {
    trees.nodes.zero_missing = (0..trees.nodes.left.len()).map(|node| node % 3 == 0).collect();
    trees.nodes.categorical[0] = true;
    trees.nodes.threshold[0] = 0.0;
    trees.category_sets = vec![vec![0, 70]];
    trees
}

/// A branch over all columns.
fn branch(steps: Vec<Step>) -> Branch {
    Branch { columns: (0..WIDTH).collect(), steps, weight: None }
}

fn predict(estimator: Estimator, head: Head, answer: Answer) -> Step {
    Step::Predict(Box::new(Predict { fitted: Fitted { estimator, head }, answer }))
}

fn combine(members: usize, rule: Rule) -> Step {
    Step::Combine(Combine { members, rule })
}

/// A head for two classes from one score, which is also the decision function.
fn binary(probability: Probability) -> Head {
    let head = classifier(2, LabelRule::Positive, Some(probability));
    Head::Classification(Classification { decision: Some(Shape::Vector), ..head })
}

/// Boosted trees that start from a logistic regression.
fn boosted_from_a_start(numbers: &mut Numbers) -> Vec<Step> {
    let clip = Arithmetic::Clip { low: 1e-7, high: 1.0 - 1e-7 };
    let start = vec![
        Step::Elementwise(vec![Function::Float32]),
        predict(linear(WIDTH, 1, numbers), binary(Probability::Sigmoid { scale: 1.0 }), Answer::Probability),
        Step::Select(vec![1]),
        Step::Scale(Scale { operations: vec![clip], ..Scale::default() }),
        Step::Elementwise(vec![Function::Logit, Function::Sigmoid]),
    ];
    let trees = Estimator::Trees(forest(WIDTH, 9, 3, 1, false, numbers));
    let trees = vec![predict(trees, regression(1, Link::Identity), Answer::Value)];
    vec![Step::Parallel(vec![branch(start), branch(trees)]), combine(2, Rule::Sum)]
}

/// Models whose members are models.
fn compositions(numbers: &mut Numbers) -> Vec<Named> {
    let columns = |head| fitted(Estimator::Columns, head);
    let sigmoid = Probability::Sigmoid { scale: 1.0 };
    let weights = vec![1.0, 2.0, 1.5];
    let mut member = |answer| branch(vec![predict(linear(WIDTH, 1, numbers), binary(sigmoid), answer)]);
    let labels: Vec<Branch> = (0..3).map(|_| member(Answer::indices(&[Labels::range(2)]))).collect();
    let labels = Step::Parallel(labels);
    let votes = Rule::Votes { classes: 2, weights: weights.clone(), against: -1.0 };
    let last = many(2, LabelRule::LastLargestScore, Probability::Proportions { spare_zeros: true });
    let mut models =
        vec![("votes", model(WIDTH, vec![labels.clone(), combine(3, votes.clone())], columns(last)))];
    for rule in [Rule::Mean, Rule::Weighted(weights.clone()), Rule::WeightedMedian(weights)] {
        let steps = vec![labels.clone(), combine(3, rule)];
        models.push(("combined", model(WIDTH, steps, columns(regression(1, Link::Identity)))));
    }

    let decision = member(Answer::Decision);
    let knots = PiecewiseLinear { x: vec![-1.0, 0.5, 2.0], y: vec![0.0, 0.25, 1.0], missing_outside: false };
    let decisions = Step::Parallel(vec![decision.clone(), decision.clone()]);
    let calibrated = vec![decisions, Step::Interpolate(vec![knots.clone(), knots])];
    let centred = [calibrated.clone(), vec![Step::Rowwise(Rowwise::Centre), combine(2, Rule::Mean)]].concat();
    models.push(("calibrated", model(WIDTH, centred, columns(binary(sigmoid)))));
    let both = [calibrated, vec![Step::Rowwise(Rowwise::Proportions)]].concat();
    let both = vec![Step::Parallel(vec![decision, branch(both)])];
    let after = binary(Probability::AfterScores);
    models.push(("decision and probability", model(WIDTH, both, columns(after))));

    let voting = many(2, LabelRule::LargestScore, Probability::Scores);
    let mut voting = parts(WIDTH, vec![labels], columns(voting));
    voting.pipeline.scoring = vec![combine(3, votes)];
    voting.pipeline.transform = Some(Vec::new());
    models.push(("transforming votes", Model::new(voting).unwrap()));
    let steps = boosted_from_a_start(numbers);
    models.push(("boosted from a start", model(WIDTH, steps, columns(binary(sigmoid)))));
    models
}

/// Graphs of operators, as ONNX has them.
fn graphs(numbers: &mut Numbers) -> Vec<Named> {
    let weights = |outputs: usize, numbers: &mut Numbers| Linear {
        features: WIDTH,
        coefficients: numbers.floats(WIDTH * outputs),
        intercept: numbers.floats(outputs),
    };
    let on = |columns: std::ops::Range<usize>, step| Branch {
        columns: columns.collect(),
        steps: vec![step],
        weight: None,
    };
    let zip = |function, operands| Step::Zip(Zip { function, operands });
    let reduce = |function| Step::Reduce(Reduce { function, size: 3 });
    let functions = [Function::Erf, Function::Softplus, Function::Relu, Function::Whole].to_vec();
    let branches = vec![
        on(0..WIDTH, Step::MultiplyAdd(weights(3, numbers))),
        on(5..8, Step::Rowwise(Rowwise::Softmax)),
        on(5..11, zip(Pairing::Multiply, Operands::Columns)),
        on(11..14, zip(Pairing::Less, Operands::ConstantSecond(vec![0.1, 0.2, 0.3]))),
        on(8..17, Step::Choose),
        on(8..11, reduce(Reduction::LargestAt { last: false })),
        on(20..21, Step::Table(vec![2.0, 0.0, 1.0])),
        on(8..14, reduce(Reduction::LogSumExp)),
        on(8..14, reduce(Reduction::Best { count: 2, largest: true })),
        on(5..8, Step::Elementwise(functions)),
        on(5..8, Step::Rowwise(Rowwise::LogSoftmax)),
    ];
    let all = Dataflow { outputs: (5..30).collect(), branches: branches.clone() };
    let labels = Dataflow { outputs: vec![21, 8, 9, 10], branches };
    let head = many(3, LabelRule::Index, Probability::AfterScores);
    vec![
        ("graph", model(WIDTH, vec![Step::Dataflow(all)], None)),
        ("labels of a graph", model(WIDTH, vec![Step::Dataflow(labels)], fitted(Estimator::Columns, head))),
    ]
}

/// Texts as sparse columns, and what is done to them.
fn of_texts(numbers: &mut Numbers) -> Vec<Named> {
    let counts = |units, index, binary| {
        let analysis =
            Analysis { lowercase: true, accents: Accents::Unicode, units, shortest: 1, longest: 2 };
        Step::Terms(Terms { analysis, index, binary })
    };
    let words = |pattern| {
        let pattern = TokenPattern::parse(pattern).unwrap();
        Units::Words { pattern, stop_words: vec!["purple".into()] }
    };
    let vocabulary =
        || TermIndex::Vocabulary(["red", "green", "fox", "red red", "red fox"].map(str::to_owned).into());
    let hashed = |columns| TermIndex::Hashed { columns, signed: true };
    let word = || counts(words(r"(?u)\b\w\w+\b"), vocabulary(), false);
    let weigh = |numbers: &mut Numbers| {
        let operations = vec![Arithmetic::Multiply(numbers.floats(5)), Arithmetic::Divide(vec![2.0; 5])];
        vec![
            Step::Elementwise(vec![Function::LogFrequency]),
            Step::Elementwise(vec![Function::Above(0.25)]),
            Step::Scale(Scale { operations, ..Scale::default() }),
            Step::Normalize(Normalize { norm: Norm::L2, smallest: 0.0 }),
        ]
    };
    let fitted = |estimator, outputs| Some(Fitted { estimator, head: regression(outputs, Link::Identity) });
    let branch = |columns: Vec<usize>, steps| Branch { columns, steps, weight: Some(0.5) };
    let mut models = Vec::new();
    for outputs in [1, 3, 6, 20] {
        let steps = [vec![word()], weigh(numbers)].concat();
        models.push(("weighed words", model(1, steps, fitted(linear(5, outputs, numbers), outputs))));
    }
    let patterned = counts(words(r"[a-z]+(?:-[a-z]+)?|\w"), vocabulary(), true);
    models.push(("words of a pattern", model(1, vec![patterned], None)));
    let characters = counts(Units::Characters, hashed(16), false);
    let within = counts(Units::CharactersInWords, hashed(64), false);
    let kept = vec![characters.clone(), Step::Select(vec![0, 3, 9])];
    models.push(("hashed characters", model(1, kept, fitted(linear(3, 2, numbers), 2))));
    let many = counts(Units::Characters, hashed(1 << 13), false);
    models.push(("many columns", model(1, vec![many], fitted(linear(1 << 13, 1, numbers), 1))));
    let side_by_side = Step::Parallel(vec![
        branch(vec![0], vec![word()]),
        branch(vec![1, 2], Vec::new()),
        branch(
            vec![0],
            vec![
                within,
                Step::Project(Linear {
                    features: 64,
                    coefficients: numbers.floats(128),
                    intercept: vec![0.5; 2],
                }),
            ],
        ),
    ]);
    models.push(("texts and numbers", model(3, vec![side_by_side.clone()], None)));
    let trees = Estimator::Trees(forest(9, 3, 2, 1, false, numbers));
    models.push(("trees over texts", model(3, vec![side_by_side], fitted(trees, 1))));
    let members = [(0..5).collect(), vec![1, 3], vec![4, 0]].map(|columns: Vec<usize>| {
        let fitted = fitted(linear(columns.len(), 1, numbers), 1).unwrap();
        branch(columns, vec![Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))])
    });
    let mean = Step::Combine(Combine { members: 3, rule: Rule::Mean });
    let steps = vec![word(), Step::Parallel(members.into()), mean];
    models.push(("members over texts", model(1, steps, fitted(Estimator::Columns, 1))));
    let key = |name: &str, text: bool| HashedKey {
        texts: text.then(|| vec!["red".to_owned()]),
        ..HashedKey::number(name)
    };
    for columns in [7, 1 << 12] {
        let keys = vec![key("rooms", false), key("colour", true), key("age", false), key("kind", true)];
        let steps = vec![Step::HashKeys(HashKeys { keys, columns, signed: true })];
        models.push(("hashed keys", model(4, steps.clone(), None)));
        models
            .push(("sums of hashed keys", model(4, steps, fitted(linear(columns as usize, 2, numbers), 2))));
    }
    models
}

/// Texts of dates, and numbers beside them.
fn of_dates() -> Vec<Named> {
    let dates = |parts: &[DatePart], lenient| {
        let examples = vec!["2024-05-01T10:11:12+02:00".to_owned()];
        let steps = vec![Step::Dates(Dates { parts: parts.to_vec(), examples, lenient })];
        Branch { columns: vec![1], steps, weight: None }
    };
    let numbers = || Branch { columns: vec![0], steps: Vec::new(), weight: None };
    let all = [
        (DatePart::Year, DatePart::Month),
        (DatePart::Day, DatePart::Weekday),
        (DatePart::DayOfYear, DatePart::Hour),
        (DatePart::Minute, DatePart::Second),
        (DatePart::EpochDays, DatePart::EpochSeconds),
    ];
    let all: Vec<DatePart> = all.into_iter().flat_map(|(a, b)| [a, b]).collect();
    let parted = Step::Parallel(vec![numbers(), dates(&all, true)]);
    let sum = Linear { features: 3, coefficients: vec![0.5, 2.0, -1.0], intercept: vec![0.25] };
    let fitted = fitted(Estimator::Linear(sum), regression(1, Link::Identity));
    let summed = Step::Parallel(vec![numbers(), dates(&[DatePart::Weekday, DatePart::Hour], false)]);
    vec![("parts of dates", model(2, vec![parted], None)), ("sum of dates", model(2, vec![summed], fitted))]
}

/// Rows that a model takes, with missing values where it accepts them.
pub(crate) fn frame(model: &Model, rows: usize, seed: u64) -> Frame {
    let mut numbers = Numbers(seed);
    let schema = model.schema();
    let mut frame = Frame::new(schema);
    let texts = schema.features().iter().filter(|feature| feature.kind == Kind::Text);
    for (text, feature) in texts.enumerate() {
        let values = if feature.date {
            [Some("2024-02-29"), Some("1969-12-31 23:59:58.5"), Some("2031-07-04T06:30-03:00"), None]
        } else if feature.document {
            [Some("Red fox, red!"), Some("green red-fox RED green"), Some(""), Some("purple")]
        } else {
            [Some("red"), Some("green"), Some("purple"), None]
        };
        let kinds = 3 + u64::from(feature.document || feature.nullable);
        for _ in 0..rows {
            frame.text_mut(text).push(values[(numbers.next() % kinds) as usize]);
        }
    }
    frame.set_rows(rows);
    let nullable: Vec<bool> =
        schema.features().iter().filter(|f| f.kind == Kind::Number).map(|f| f.nullable).collect();
    for row in frame.numbers_mut().chunks_exact_mut(schema.numbers().max(1)) {
        for (value, nullable) in row.iter_mut().zip(&nullable) {
            let missing = *nullable && numbers.next().is_multiple_of(5);
            *value = if missing { f64::NAN } else { numbers.float() };
        }
    }
    frame
}
