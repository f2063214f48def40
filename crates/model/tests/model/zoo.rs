//! A model of every kind of step, estimator and head, for tests that must hold for all.

use foretell_frame::{Cell, Frame, Kind, Labels, Shape};
use foretell_model::estimator::{
    Activation, Average, GaussianNaiveBayes, Layer, Leaves, Linear, Neural, Nodes, NumberFormat, Term,
    TermScores, Trees,
};
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};
use foretell_model::step::{
    Accepts, Arithmetic, Branch, Categories, Function, Impute, Norm, Normalize, OneHot, Ordinal, Scale, Step,
    Unknown,
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
        pipeline: Pipeline { steps, estimator, transform: None },
        features,
        names: None,
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
    }
}

pub(crate) fn regression(outputs: usize, link: Link) -> Head {
    let shape = if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) };
    Head::Regression(Regression { shape, link, margin: true })
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

fn scale(numbers: &mut Numbers) -> Step {
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

/// Models of every kind, with a name for messages.
pub(crate) fn zoo() -> Vec<(&'static str, Model)> {
    let numbers = &mut Numbers(7);
    let fitted = |estimator, head| Some(Fitted { estimator, head });
    let binary = |label, probability| {
        let head = classifier(2, label, Some(probability));
        Head::Classification(Classification { decision: Some(Shape::Vector), ..head })
    };
    let many =
        |classes, label, probability| Head::Classification(classifier(classes, label, Some(probability)));
    let mut zoo = vec![("scale", model(WIDTH, vec![scale(numbers)], None))];
    for norm in [Norm::L1, Norm::L2, Norm::Max] {
        let step = Step::Normalize(Normalize { norm, smallest: 0.0 });
        zoo.push(("normalize", model(WIDTH, vec![step, Step::Select(vec![4, 0, 0])], None)));
    }
    let functions = vec![Function::Absolute, Function::Log1p, Function::Tanh, Function::Float32];
    let require = Step::Require(Accepts::FINITE);
    zoo.push(("functions", model(WIDTH, vec![require, Step::Elementwise(functions)], None)));
    zoo.push(("columns", model(WIDTH, mixed(), None)));
    let passthrough = Step::Parallel(vec![
        Branch { columns: vec![2], steps: Vec::new(), weight: None },
        Branch { columns: vec![1, 0], steps: Vec::new(), weight: Some(2.0) },
    ]);
    zoo.push(("passthrough", model(WIDTH, vec![passthrough], None)));
    for outputs in [1, 3, 26] {
        let estimator = linear(WIDTH, outputs, numbers);
        zoo.push((
            "linear",
            model(WIDTH, vec![scale(numbers)], fitted(estimator, regression(outputs, Link::Exp))),
        ));
    }
    let probabilities = [
        Probability::Sigmoid { scale: 2.0 },
        Probability::SigmoidNormalized,
        Probability::SoftmaxOfBoth,
        Probability::ModifiedHuber,
        Probability::SigmoidSingle,
    ];
    for probability in probabilities {
        let head = binary(LabelRule::Positive, probability);
        zoo.push(("linear binary", model(WIDTH, Vec::new(), fitted(linear(WIDTH, 1, numbers), head))));
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
        zoo.push(("linear classes", model(WIDTH, Vec::new(), fitted(linear(WIDTH, 4, numbers), head))));
    }
    zoo.push((
        "mixed linear",
        model(WIDTH, mixed(), fitted(linear(7, 1, numbers), regression(1, Link::Identity))),
    ));
    for activation in
        [Activation::Identity, Activation::Logistic, Activation::Tanh, Activation::Relu, Activation::Softmax]
    {
        for single in [false, true] {
            let estimator = neural(&[WIDTH, 19, 3], activation, single, numbers);
            let head = many(3, LabelRule::LargestProbability, Probability::Softmax);
            zoo.push(("neural", model(WIDTH, Vec::new(), fitted(estimator, head))));
        }
    }
    let bayes = GaussianNaiveBayes {
        features: WIDTH,
        log_prior: vec![-1.0, -0.5],
        mean: numbers.floats(2 * WIDTH),
        variance: numbers.floats(2 * WIDTH).iter().map(|x| x * x + 0.1).collect(),
    };
    let head = classifier(2, LabelRule::LargestScore, Some(Probability::ExpNormalized));
    let head = Classification { log_probability: Some(LogProbability::OfJoint), ..head };
    zoo.push((
        "naive bayes",
        model(WIDTH, Vec::new(), fitted(Estimator::GaussianNaiveBayes(bayes), Head::Classification(head))),
    ));
    for (trees, vectors, average) in
        [(1, true, Average::Mean), (30, true, Average::Mean), (30, false, Average::SumThenBase)]
    {
        for (input, sum) in
            [(NumberFormat::Single, NumberFormat::Single), (NumberFormat::Double, NumberFormat::Double)]
        {
            let trees = forest(WIDTH, trees, 5, 3, vectors, numbers);
            let trees =
                Trees { average, input, sum, equal_left: trees.roots.len() > 1, missing: true, ..trees };
            let head = many(3, LabelRule::LargestScore, Probability::Scores);
            zoo.push(("trees", model(WIDTH, Vec::new(), fitted(Estimator::Trees(trees), head))));
        }
    }
    let head = many(2, LabelRule::LargestProbability, Probability::Scores);
    zoo.push(("constant", model(WIDTH, Vec::new(), fitted(Estimator::Constant(vec![0.25, 0.75]), head))));
    zoo.push(("sum", model(WIDTH, Vec::new(), sum(numbers))));
    zoo
}

/// Boosted trees that start from a logistic regression.
fn sum(numbers: &mut Numbers) -> Option<Fitted> {
    let binary = || {
        Head::Classification(classifier(2, LabelRule::Positive, Some(Probability::Sigmoid { scale: 1.0 })))
    };
    let start = Fitted { estimator: linear(WIDTH, 1, numbers), head: binary() };
    let trees = forest(WIDTH, 9, 3, 1, false, numbers);
    let trees = Fitted { estimator: Estimator::Trees(trees), head: regression(1, Link::Identity) };
    let term = |fitted, steps, scores| {
        let pipeline = Pipeline { steps, estimator: Some(fitted), transform: None };
        Term { pipeline, scores }
    };
    let narrow = vec![Step::Elementwise(vec![Function::Float32])];
    let log_odds = TermScores::LogOdds { factor: 1.0, epsilon: 1e-7 };
    let terms = vec![term(start, narrow, log_odds), term(trees, Vec::new(), TermScores::Raw)];
    Some(Fitted { estimator: Estimator::Sum(terms), head: binary() })
}

/// Rows that a model takes, with missing values where it accepts them.
pub(crate) fn frame(model: &Model, rows: usize, seed: u64) -> Frame {
    let mut numbers = Numbers(seed);
    let schema = model.schema();
    let mut frame = Frame::new(schema);
    for text in 0..schema.texts() {
        for _ in 0..rows {
            let value = [Some("red"), Some("green"), Some("purple"), None][(numbers.next() % 4) as usize];
            frame.text_mut(text).push(value);
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
