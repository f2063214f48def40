//! The packed ensemble against the definition of what an ensemble is, on random ensembles and awkward values.

use proptest::prelude::*;

use super::*;
use crate::estimator::{Leaves, NEAR_ZERO, Nodes};
use crate::kernel::instructions::Instructions;

const FEATURES: usize = 3;

/// A tree as it is drawn, before it is laid out.
#[derive(Debug, Clone)]
enum Tree {
    Leaf([f64; 2]),
    Split {
        feature: u32,
        threshold: f64,
        set: Option<u32>,
        missing_left: bool,
        zero_missing: bool,
        children: Box<[Tree; 2]>,
    },
}

/// Numbers close together, at the edges of float32, and some that stand for categories.
fn number() -> impl Strategy<Value = f64> {
    let single = f64::from(0.1f32);
    prop_oneof![
        8 => prop::sample::select(vec![
            f64::NEG_INFINITY, -1e300, -999.0, -0.5, -0.0, 0.0, 0.1, single, single.next_up(), single.next_down(),
            f64::from(0.1f32.next_up()), 1.0, 1.5, 1e-36, -NEAR_ZERO, NEAR_ZERO.next_up(), -1.0, 2.0, 63.0, 64.0, 65.9, 1e10, 3.5e38, 1e300, f64::INFINITY,
        ]),
        1 => any::<f64>().prop_filter("a number", |x| !x.is_nan()),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = [-100.0..100.0, -1e-3..1e-3].prop_map(Tree::Leaf);
    let pure = prop::sample::select(vec![Tree::Leaf([0.0, 1.0]), Tree::Leaf([1.0, 0.0])]);
    prop_oneof![leaf, pure].prop_recursive(7, 60, 2, |inner| {
        let set = prop::option::weighted(0.2, 0u32..2);
        let children = [inner.clone(), inner].prop_map(Box::new);
        let split = (0..FEATURES as u32, number(), set, any::<[bool; 2]>(), children);
        split.prop_map(|(feature, threshold, set, missing, children)| Tree::Split {
            feature,
            threshold,
            set,
            missing_left: missing[0],
            zero_missing: missing[1],
            children,
        })
    })
}

/// What an ensemble has besides its trees.
#[derive(Debug, Clone)]
struct Choices {
    single_input: bool,
    single_sum: bool,
    equal_left: bool,
    sets: bool,
    vectors: bool,
    zero_missing: bool,
    truncate_negative: bool,
    average: Average,
    missing_value: Option<f64>,
}

fn choices() -> impl Strategy<Value = Choices> {
    let average = prop::sample::select(vec![Average::SumFromBase, Average::SumThenBase, Average::Mean]);
    let missing = prop::sample::select(vec![None, Some(0.0), Some(-999.0)]);
    (any::<[bool; 7]>(), average, missing).prop_map(|(flags, average, missing_value)| {
        let [single_input, single_sum, equal_left, sets, vectors, zero_missing, truncate_negative] = flags;
        Choices {
            single_input,
            single_sum,
            equal_left,
            sets,
            vectors,
            zero_missing,
            truncate_negative,
            average,
            missing_value,
        }
    })
}

fn ensemble(features: usize, drawn: &[Tree], choices: &Choices) -> Trees {
    let format = |single| if single { NumberFormat::Single } else { NumberFormat::Double };
    let mut trees = Trees {
        features,
        outputs: 2,
        roots: Vec::new(),
        output_of_tree: (0..drawn.len() as u32).map(|tree| tree % 2).collect(),
        nodes: Nodes::default(),
        leaves: Leaves { width: if choices.vectors { 2 } else { 1 }, values: Vec::new() },
        category_sets: if choices.sets { vec![vec![0, 1, 63, 64], vec![2, 65, 200]] } else { Vec::new() },
        truncate_negative: choices.truncate_negative,
        input: format(choices.single_input),
        equal_left: choices.equal_left,
        sum: format(choices.single_sum),
        average: choices.average,
        base: vec![0.25, -3.5],
        missing: true,
        infinite: true,
        missing_value: choices.missing_value,
    };
    for tree in drawn {
        let root = lay_out(tree, &mut trees, choices);
        trees.roots.push(root);
    }
    trees.check().unwrap();
    trees
}

/// Children before parents: the kernel must not rely on any order.
fn lay_out(tree: &Tree, trees: &mut Trees, choices: &Choices) -> u32 {
    let (feature, threshold, left, right, missing, categorical) = match tree {
        Tree::Leaf(values) => {
            let leaf = (trees.leaves.values.len() / trees.leaves.width) as u32;
            trees.leaves.values.extend(&values[..trees.leaves.width]);
            (0, 0.0, leaf, leaf, [false; 2], false)
        }
        Tree::Split { feature, threshold, set, missing_left, zero_missing, children } => {
            let right = lay_out(&children[1], trees, choices);
            let left = lay_out(&children[0], trees, choices);
            let missing = [*missing_left, *zero_missing];
            match set.filter(|_| choices.sets) {
                Some(set) => (*feature, f64::from(set), left, right, missing, true),
                None => (*feature, *threshold, left, right, missing, false),
            }
        }
    };
    trees.nodes.feature.push(feature);
    trees.nodes.threshold.push(threshold);
    trees.nodes.left.push(left);
    trees.nodes.right.push(right);
    trees.nodes.missing_left.push(missing[0]);
    if choices.zero_missing {
        trees.nodes.zero_missing.push(missing[1]);
    }
    trees.nodes.categorical.push(categorical);
    trees.nodes.left.len() as u32 - 1
}

/// The definition: one node after another, one tree after another.
fn define(trees: &Trees, row: &[f64]) -> Vec<f64> {
    let round = |x: f64| match trees.sum {
        NumberFormat::Single => f64::from(x as f32),
        NumberFormat::Double => x,
    };
    let base: Vec<f64> = trees.base.iter().map(|base| round(*base)).collect();
    let mut sums = if trees.average == Average::SumFromBase { base.clone() } else { vec![0.0; 2] };
    for (tree, &root) in trees.roots.iter().enumerate() {
        let mut node = root as usize;
        while trees.nodes.left[node] != trees.nodes.right[node] {
            let left = goes_left(trees, node, row[trees.nodes.feature[node] as usize]);
            node = if left { trees.nodes.left[node] } else { trees.nodes.right[node] } as usize;
        }
        let leaf = trees.nodes.left[node] as usize;
        if trees.leaves.width == 1 {
            let sum = &mut sums[trees.output_of_tree[tree] as usize];
            *sum = round(*sum + round(trees.leaves.values[leaf]));
        } else {
            for (output, sum) in sums.iter_mut().enumerate() {
                *sum = round(*sum + round(trees.leaves.values[2 * leaf + output]));
            }
        }
    }
    match trees.average {
        Average::SumFromBase => sums,
        Average::SumThenBase => sums.iter().zip(base).map(|(sum, base)| round(sum + base)).collect(),
        Average::Mean => sums.iter().map(|sum| round(sum / trees.roots.len() as f64)).collect(),
    }
}

fn goes_left(trees: &Trees, node: usize, x: f64) -> bool {
    let x = if trees.missing_value == Some(x) { f64::NAN } else { x };
    let x = if trees.input == NumberFormat::Single { f64::from(x as f32) } else { x };
    let threshold = trees.nodes.threshold[node];
    let zero_is_missing = trees.nodes.zero_missing.get(node).is_some_and(|zero_missing| *zero_missing);
    if x.is_nan() || (zero_is_missing && x.abs() <= NEAR_ZERO) {
        trees.nodes.missing_left[node]
    } else if trees.nodes.categorical[node] {
        let set = &trees.category_sets[threshold as usize];
        let lowest = if trees.truncate_negative { x > -1.0 } else { x >= 0.0 };
        lowest && set.iter().any(|category| f64::from(*category) == x.trunc())
    } else if trees.equal_left {
        x <= threshold
    } else {
        x < threshold
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

fn scores<const F: usize>(trees: &Trees, kernel: Kernel, rows: &[[f64; F]]) -> Vec<f64> {
    let (mut raw, mut buffers) = (Vec::new(), ForestBuffers { kernel, ..ForestBuffers::default() });
    Forest::new(trees).scores(rows.as_flattened(), rows.len(), &mut buffers, &mut raw).unwrap();
    // With less than the best instructions of this processor.
    for instructions in Instructions::all() {
        buffers.compact.instructions = instructions;
        let mut again = Vec::new();
        Forest::new(trees).scores(rows.as_flattened(), rows.len(), &mut buffers, &mut again).unwrap();
        assert_eq!(bits(&again), bits(&raw), "{kernel:?} with {instructions:?}");
    }
    raw
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn packed_trees_agree_with_the_definition_for_one_row_and_for_many(
        drawn in prop::collection::vec(tree(), 1..20),
        choices in choices(),
        rows in prop::collection::vec(
            [(); FEATURES].map(|()| prop_oneof![9 => number(), 1 => Just(f64::NAN)]), 1..21),
    ) {
        let trees = ensemble(FEATURES, &drawn, &choices);
        let expected: Vec<f64> = rows.iter().flat_map(|row| define(&trees, row)).collect();
        for kernel in Kernel::ALL {
            prop_assert_eq!(bits(&scores(&trees, kernel, &rows)), bits(&expected));
            let one_by_one: Vec<f64> = rows.iter().flat_map(|row| scores(&trees, kernel, &[*row])).collect();
            prop_assert_eq!(bits(&one_by_one), bits(&expected));
        }
        // A block of its own size for every number of rows.
        let rows: Vec<[f64; FEATURES]> = rows.iter().copied().cycle().take(17 * rows.len()).collect();
        let expected: Vec<f64> = rows.iter().flat_map(|row| define(&trees, row)).collect();
        for kernel in Kernel::ALL {
            prop_assert_eq!(bits(&scores(&trees, kernel, &rows)), bits(&expected));
        }
    }

    #[test]
    fn a_threshold_rounded_down_says_the_same_of_every_float32(threshold in number(), x in any::<f32>()) {
        let rounded = f32::rounded_down(threshold);
        for x in [x, rounded, rounded.next_up(), rounded.next_down(), threshold as f32] {
            prop_assert_eq!(x <= rounded, f64::from(x) <= threshold, "{} {}", x, threshold);
        }
    }
}

/// A complete tree whose thresholds of a feature are the whole numbers from 0 to 254.
fn complete(depth: u32, features: u32, random: &mut impl FnMut(u32) -> u32) -> Tree {
    if depth == 0 {
        return Tree::Leaf([f64::from(random(1000)) / 7.0, f64::from(random(1000)) / 3.0]);
    }
    let (feature, threshold) = (random(features), f64::from(random(255)));
    let children = Box::new([(); 2].map(|()| complete(depth - 1, features, random)));
    Tree::Split { feature, threshold, set: None, missing_left: false, zero_missing: false, children }
}

/// Leaves whose numbers take a whole byte, every rank there is, and more features than fit in one register.
#[test]
fn the_largest_trees_that_are_ranked_agree_with_the_definition() {
    let mut state = 1u64;
    let mut random = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % below
    };
    for flags in 0..16 {
        let features = if flags & 8 == 0 { 64 } else { 128 };
        let drawn: Vec<Tree> = (0..37).map(|tree| complete(tree % 9, features, &mut random)).collect();
        let choices = Choices {
            single_input: flags & 1 == 0,
            single_sum: flags & 2 == 0,
            equal_left: flags & 1 == 0,
            sets: false,
            vectors: flags & 4 == 0,
            zero_missing: false,
            truncate_negative: false,
            average: Average::SumFromBase,
            missing_value: None,
        };
        let trees = ensemble(features as usize, &drawn, &choices);
        let rows: Vec<[f64; 128]> =
            (0..300).map(|_| [(); 128].map(|()| f64::from(random(514)) / 2.0 - 1.0)).collect();
        let narrow: Vec<[f64; 64]> = rows.iter().map(|row| std::array::from_fn(|i| row[i])).collect();
        let expected: Vec<f64> = rows.iter().flat_map(|row| define(&trees, row)).collect();
        let got = |kernel, count: usize| match features {
            64 => scores(&trees, kernel, &narrow[..count]),
            _ => scores(&trees, kernel, &rows[..count]),
        };
        for (kernel, count) in Kernel::ALL
            .into_iter()
            .flat_map(|kernel| [1, 15, 64, 100, 150, 250, 300].map(|count| (kernel, count)))
        {
            let expected = bits(&expected[..2 * count]);
            assert_eq!(bits(&got(kernel, count)), expected, "{kernel:?}, {count} rows, case {flags}");
        }
    }
}

/// More thresholds than bytes can rank, long chains, and each number of slots that kernels are compiled for.
#[test]
fn ranks_of_more_than_bytes_agree_with_the_definition() {
    let mut state = 7u64;
    let mut random = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % below
    };
    let split = |feature, threshold, children| Tree::Split {
        feature,
        threshold,
        set: None,
        missing_left: false,
        zero_missing: false,
        children: Box::new(children),
    };
    for (features, single) in
        [(3, true), (31, false), (32, true), (63, true), (64, true), (255, false), (256, true)]
    {
        let mut drawn: Vec<Tree> = (0..80).map(|tree| complete(tree % 8, features, &mut random)).collect();
        // More than 255 thresholds of one feature, and chains of many levels.
        drawn.extend((0..600).map(|number| {
            let leaves = [Tree::Leaf([1.0, 2.0]), Tree::Leaf([f64::from(number), 3.0])];
            split(1, f64::from(number) / 2.0, leaves)
        }));
        drawn.extend((0..20).map(|_| {
            (0..60).fold(Tree::Leaf([0.5, -0.5]), |tree, number| {
                let leaf = Tree::Leaf([f64::from(number), f64::from(number) / 3.0]);
                let children = if random(2) == 0 { [tree, leaf] } else { [leaf, tree] };
                split(random(features), f64::from(random(60_000)) / 8.0, children)
            })
        }));
        let choices = Choices {
            single_input: single,
            single_sum: false,
            equal_left: true,
            sets: false,
            vectors: single,
            zero_missing: false,
            truncate_negative: false,
            average: Average::Mean,
            missing_value: None,
        };
        let width = features as usize;
        let trees = ensemble(width, &drawn, &choices);
        let rows: Vec<f64> = (0..270 * width).map(|_| f64::from(random(700)) / 2.0 - 9.0).collect();
        let expected: Vec<f64> = rows.chunks(width).flat_map(|row| define(&trees, row)).collect();
        for count in [1, 2, 257, 270] {
            let mut buffers = ForestBuffers { kernel: Kernel::Compact, ..ForestBuffers::default() };
            let mut raw = Vec::new();
            Forest::new(&trees).scores(&rows[..count * width], count, &mut buffers, &mut raw).unwrap();
            assert_eq!(bits(&raw), bits(&expected[..2 * count]), "{count} rows of {features}");
        }
    }
}

#[test]
fn trees_too_large_for_narrow_nodes_are_walked_all_the_same() {
    // A chain of 40000 splits: x <= 0, else x <= 1, ...
    let (splits, mut nodes) = (40_000u32, Nodes::default());
    let mut push = |feature, threshold, left, right| {
        nodes.feature.push(feature);
        nodes.threshold.push(threshold);
        nodes.left.push(left);
        nodes.right.push(right);
        nodes.missing_left.push(false);
        nodes.categorical.push(false);
    };
    for split in 0..splits {
        push(0, f64::from(split), splits + split, if split + 1 == splits { 2 * splits } else { split + 1 });
    }
    (0..=splits).for_each(|leaf| push(0, 0.0, leaf, leaf));
    let trees = Trees {
        features: FEATURES,
        outputs: 1,
        roots: vec![0],
        output_of_tree: vec![0],
        nodes,
        leaves: Leaves { width: 1, values: (0..=splits).map(f64::from).collect() },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumFromBase,
        base: vec![0.5],
        missing: false,
        infinite: false,
        missing_value: None,
    };
    trees.check().unwrap();
    let rows = [[-1.0, 0.0, 0.0], [123.25, 0.0, 0.0], [1e9, 0.0, 0.0]];
    assert_eq!(scores(&trees, Kernel::Compact, &rows), [0.5, 124.5, f64::from(splits) + 0.5]);
}

/// Every kernel can be the fastest, and one of those that are there is.
#[test]
fn the_fastest_kernel_is_one_that_is_there() {
    let choices = Choices {
        single_input: true,
        single_sum: false,
        equal_left: true,
        sets: true,
        vectors: false,
        zero_missing: false,
        truncate_negative: false,
        average: Average::Mean,
        missing_value: None,
    };
    let split = |set| Tree::Split {
        feature: 1,
        threshold: 2.0,
        set,
        missing_left: false,
        zero_missing: false,
        children: Box::new([Tree::Leaf([1.0, 2.0]), Tree::Leaf([3.0, 4.0])]),
    };
    for (set, least) in [(None, 2), (Some(1), 1)] {
        let choices = Choices { sets: set.is_some(), ..choices.clone() };
        let trees = ensemble(FEATURES, &[split(set), split(set)], &choices);
        let forest = Forest::new(&trees);
        let kernels: Vec<Kernel> = forest.kernels().collect();
        assert!(kernels.len() >= least && (least > 1 || kernels == [Kernel::Walk]));
        assert!(forest.fastest(&trees).iter().all(|kernel| kernels.contains(kernel)));
    }
}

#[test]
fn a_value_that_is_refused_is_named_by_its_position() {
    let choices = Choices {
        single_input: true,
        single_sum: false,
        equal_left: true,
        sets: false,
        vectors: false,
        zero_missing: false,
        truncate_negative: false,
        average: Average::SumFromBase,
        missing_value: None,
    };
    let mut trees = ensemble(FEATURES, &[Tree::Leaf([1.0, 2.0])], &choices);
    (trees.missing, trees.infinite) = (true, false);
    let (mut raw, mut buffers) = (Vec::new(), ForestBuffers::default());
    let rows = [0.0, 0.0, f64::NAN, 0.0, 1e39, 0.0];
    // 1e39 is finite, but no float32.
    assert_eq!(Forest::new(&trees).scores(&rows, 2, &mut buffers, &mut raw), Err(4));
    trees.missing = false;
    assert_eq!(Forest::new(&trees).scores(&rows, 2, &mut buffers, &mut raw), Err(2));
}
