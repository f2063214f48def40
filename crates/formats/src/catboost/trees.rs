//! Conditions and trees to plain data (`catboost/libs/model/cpu/evaluator_impl.cpp` of the library).

use foretell_model::Estimator;
use foretell_model::estimator::{
    Average, Condition, Leaves, Nodes, NumberFormat, ObliviousTrees, Test, Trees,
};

use crate::{FormatError, Problem};

use super::categories::Columns;
use super::content::{Content, DEEPEST, Forest, Node};

/// The trees over the columns that the steps before them make.
pub(super) fn estimator(content: &Content<'_>, columns: &Columns) -> Result<Estimator, FormatError> {
    let conditions = conditions(content, columns);
    match &content.forest {
        Forest::Oblivious { depths, tests, leaves } => {
            let known = |(level, test): (usize, &u32)| known(content, &conditions, level, *test);
            tests.iter().enumerate().try_for_each(known)?;
            if let Some(tree) = depths.iter().position(|depth| *depth as usize > DEEPEST) {
                let problem = Problem::Mismatch {
                    expected: format!("at most {DEEPEST} levels"),
                    got: depths[tree].to_string(),
                };
                return Err(content.error(problem).at(format!("TreeSizes[{tree}]")));
            }
            Ok(Estimator::ObliviousTrees(ObliviousTrees {
                features: columns.count,
                outputs: content.outputs,
                missing_above: missing_above(content, columns),
                conditions,
                depths: depths.clone(),
                tests: tests.clone(),
                leaves: leaves.clone(),
                scale: content.scale,
                bias: content.bias.clone(),
            }))
        }
        Forest::Nodes { roots, nodes, leaves } => {
            let mut forest = no_trees(content, columns, roots.clone());
            // The scale is 1 unless it was set by hand.
            forest.leaves.values = leaves.iter().map(|value| value * content.scale).collect();
            let missing_above = missing_above(content, columns);
            for (position, node) in nodes.iter().enumerate() {
                if let Node::Split(test, _) = node {
                    known(content, &conditions, position, *test)?;
                }
                push(content, &mut forest, *node, &conditions, &missing_above)?;
            }
            Ok(Estimator::Trees(forest))
        }
    }
}

/// The conditions in the order in which trees number them.
fn conditions(content: &Content<'_>, columns: &Columns) -> Vec<Condition> {
    let above = |feature: usize, borders: &[f32]| -> Vec<Condition> {
        let above = |border: &f32| Condition { feature: feature as u32, test: Test::Above(*border) };
        borders.iter().map(above).collect()
    };
    let mut conditions = Vec::new();
    for (column, number) in content.numbers.iter().enumerate() {
        conditions.extend(above(column, &number.borders));
    }
    for (one_hot, column) in content.one_hots.iter().zip(&columns.of_one_hots) {
        let is = |code| Condition { feature: *column as u32, test: Test::Is(code) };
        conditions.extend((0..one_hot.hashes.len() as u32).map(is));
    }
    for (ctr, column) in content.ctrs.iter().zip(&columns.of_ctrs) {
        conditions.extend(above(*column, &ctr.borders));
    }
    conditions
}

fn known(content: &Content<'_>, conditions: &[Condition], at: usize, test: u32) -> Result<(), FormatError> {
    if (test as usize) < conditions.len() {
        return Ok(());
    }
    let detail = format!("there is no condition {test} of {}", conditions.len());
    Err(content.invalid(format!("TreeSplits[{at}]"), detail))
}

fn missing_above(content: &Content<'_>, columns: &Columns) -> Vec<bool> {
    let mut above: Vec<bool> = content.numbers.iter().map(|number| number.missing_above).collect();
    above.resize(columns.count, false);
    above
}

fn no_trees(content: &Content<'_>, columns: &Columns, roots: Vec<u32>) -> Trees {
    Trees {
        features: columns.count,
        outputs: content.outputs,
        output_of_tree: vec![0; roots.len()],
        roots,
        nodes: Nodes::default(),
        leaves: Leaves { width: content.outputs, values: Vec::new() },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumThenBase,
        base: content.bias.clone(),
        missing: true,
        infinite: true,
        missing_value: None,
    }
}

/// Appends a node. Rows go left where the number is not above the border, or where the category is the one.
fn push(
    content: &Content<'_>,
    forest: &mut Trees,
    node: Node,
    conditions: &[Condition],
    missing_above: &[bool],
) -> Result<(), FormatError> {
    let (feature, threshold, [left, right], missing_left, categorical) = match node {
        Node::Leaf(leaf) => (0, 0.0, [leaf; 2], false, false),
        Node::Split(test, [fails, holds]) => {
            let Condition { feature, test } = conditions[test as usize];
            match test {
                Test::Above(border) => {
                    (feature, f64::from(border), [fails, holds], !missing_above[feature as usize], false)
                }
                Test::Is(code) => {
                    // A set takes a bit for each code up to its own.
                    content.budget.take(content.kind, code as usize / 64 + 8, size_of::<u64>())?;
                    forest.category_sets.push(vec![code]);
                    (feature, (forest.category_sets.len() - 1) as f64, [holds, fails], false, true)
                }
            }
        }
    };
    let nodes = &mut forest.nodes;
    nodes.feature.push(feature);
    nodes.threshold.push(threshold);
    nodes.left.push(left);
    nodes.right.push(right);
    nodes.missing_left.push(missing_left);
    nodes.categorical.push(categorical);
    Ok(())
}
