//! Boosted trees as a model predicts with them.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};
use foretell_model::head::{Classification, Link, Regression};
use foretell_model::{Estimator, Fitted, Head};

use super::super::head::scores;
use super::bins::Feature;
use super::grow::TreeNode;
use super::loss::Loss;
use super::rounds::Boosted;
use super::split::Test;

/// The estimator and its head; `labels` are the classes, where there are any.
pub(super) fn fitted(features: &[Feature], boosted: &Boosted, loss: Loss, labels: Option<&Labels>) -> Fitted {
    let trees = trees(features, boosted);
    let outputs = trees.outputs;
    let estimator =
        if trees.roots.is_empty() { Estimator::Constant(trees.base) } else { Estimator::Trees(trees) };
    Fitted { estimator, head: head(loss, labels, outputs) }
}

fn head(loss: Loss, labels: Option<&Labels>, outputs: usize) -> Head {
    let Some(labels) = labels else {
        let link = match loss {
            Loss::Poisson => Link::Exp,
            Loss::Logistic => Link::Sigmoid,
            Loss::SquaredError | Loss::AbsoluteError | Loss::Quantile(_) | Loss::Softmax => Link::Identity,
        };
        return Head::Regression(Regression { shape: Shape::Vector, link, margin: true, rounds: 1.0 });
    };
    let binary = outputs == 1;
    let margin = Some(if binary { Shape::Vector } else { Shape::Matrix(outputs) });
    Head::Classification(Classification { margin, ..scores(labels, binary) })
}

fn trees(features: &[Feature], boosted: &Boosted) -> Trees {
    let outputs = boosted.base.len();
    let mut trees = Trees {
        features: features.len(),
        outputs,
        roots: Vec::new(),
        output_of_tree: (0..boosted.trees.len()).map(|tree| (tree % outputs) as u32).collect(),
        nodes: Nodes::default(),
        leaves: Leaves { width: 1, values: Vec::new() },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Double,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumFromBase,
        base: boosted.base.clone(),
        missing: true,
        infinite: true,
        missing_value: None,
    };
    boosted.trees.iter().for_each(|nodes| append(&mut trees, features, nodes));
    trees
}

fn append(trees: &mut Trees, features: &[Feature], added: &[TreeNode]) {
    let first = trees.nodes.left.len() as u32;
    trees.roots.push(first);
    for node in added {
        let nodes = &mut trees.nodes;
        match node {
            TreeNode::Leaf(value) => {
                let leaf = trees.leaves.values.len() as u32;
                trees.leaves.values.push(*value);
                nodes.feature.push(0);
                nodes.threshold.push(0.0);
                nodes.left.push(leaf);
                nodes.right.push(leaf);
                nodes.missing_left.push(false);
                nodes.categorical.push(false);
            }
            TreeNode::Split(split, [left, right]) => {
                let (threshold, categorical) = match (&split.test, &features[split.feature]) {
                    (Test::Among(_), Feature::Category { codes, .. }) => {
                        let chosen = (0..=254u8).zip(codes).filter(|(bin, _)| split.test.passes(*bin));
                        let mut set: Vec<u32> = chosen.map(|(_, code)| *code).collect();
                        set.sort_unstable();
                        trees.category_sets.push(set);
                        ((trees.category_sets.len() - 1) as f64, true)
                    }
                    // Up to the last bin, only missing values go right.
                    (Test::UpTo(bin), Feature::Number { bounds }) => {
                        (bounds.get(usize::from(*bin)).copied().unwrap_or(f64::INFINITY), false)
                    }
                    (Test::Among(_), Feature::Number { .. }) | (Test::UpTo(_), Feature::Category { .. }) => {
                        (f64::INFINITY, false)
                    }
                };
                nodes.feature.push(split.feature as u32);
                nodes.threshold.push(threshold);
                nodes.left.push(first + *left as u32);
                nodes.right.push(first + *right as u32);
                nodes.missing_left.push(split.missing_left);
                nodes.categorical.push(categorical);
            }
        }
    }
}
