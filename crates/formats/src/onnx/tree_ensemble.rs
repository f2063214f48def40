//! `TreeEnsemble` of version 5, which stands for the ensembles before it: its leaves have a table of their own.

use foretell_model::Step;
use foretell_model::step::Function;

use super::call::Call;
use super::ensemble::{Ensemble, Mode, Node, Split, index, same_length};
use super::value::{Rows, Value};
use super::{Result, invalid, mismatch, unsupported};

/// Numbers of the comparisons in `nodes_modes`.
const MODES: [Mode; 6] = [Mode::AtMost, Mode::Below, Mode::AtLeast, Mode::Above, Mode::Equal, Mode::NotEqual];
/// The number of a test for membership in a set.
const MEMBER: i64 = 6;

/// `TreeEnsemble`.
pub(super) fn sums(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let mean = match call.integer("aggregate_function", 1)? {
        0 => true,
        1 => false,
        other => return Err(unsupported("aggregate_function", other, "0 (average) or 1 (sum)")),
    };
    let sigmoid = match call.integer("post_transform", 0)? {
        0 => false,
        2 => true,
        other => return Err(unsupported("post_transform", other, "0 (none) or 2 (logistic)")),
    };
    let targets = usize::try_from(call.integer("n_targets", 1)?).unwrap_or(0).max(1);
    let ensemble = read(call, targets)?;
    let rows = call.matrix(0)?;
    let mut columns = ensemble.emit(call, &rows, Vec::new(), mean, rows.element)?;
    if sigmoid {
        columns = call.program.emit(columns, vec![Step::Elementwise(vec![Function::Sigmoid])], targets)?;
    }
    Ok(vec![Value::Rows(Rows::matrix(rows.element, columns))])
}

/// Reads the attributes. A leaf that several branches end in becomes one for each, as in other ensembles.
fn read(call: &Call<'_, '_>, targets: usize) -> Result<Ensemble> {
    call.ignore(&["nodes_hitrates"]);
    let features = call.integers("nodes_featureids")?;
    let count = features.len();
    let (modes, splits) = (call.integers("nodes_modes")?, call.floats("nodes_splits")?);
    let branch = |side: &str| -> Result<(Vec<i64>, Vec<i64>)> {
        let (ids, leaves) = (format!("nodes_{side}nodeids"), format!("nodes_{side}leafs"));
        let (ids, leaves) = ((call.integers(&ids)?, ids), (call.integers(&leaves)?, leaves));
        same_length(&ids.1, &ids.0, count)?;
        same_length(&leaves.1, &leaves.0, count)?;
        Ok((ids.0, leaves.0))
    };
    let (yes, no) = (branch("true")?, branch("false")?);
    let mut missing = call.integers("nodes_missing_value_tracks_true")?;
    if missing.is_empty() {
        missing = vec![0; count];
    }
    same_length("nodes_modes", &modes, count)?;
    same_length("nodes_splits", &splits, count)?;
    same_length("nodes_missing_value_tracks_true", &missing, count)?;
    let (leaf_targets, leaf_weights) = (call.integers("leaf_targetids")?, call.floats("leaf_weights")?);
    same_length("leaf_weights", &leaf_weights, leaf_targets.len())?;
    let sets = call.floats("membership_values")?;
    let mut sets = sets.split(|value| value.is_nan());
    let mut members = Vec::new();
    let mut nodes = Vec::with_capacity(count.saturating_mul(2));
    let mut leaves = Vec::new();
    let mut has_parent = vec![false; count];
    let mut child = |(ids, are_leaves): &(Vec<i64>, Vec<i64>), number: usize| -> Result<usize> {
        let id = index("nodes_truenodeids", ids[number])?;
        if are_leaves[number] == 0 {
            match has_parent.get_mut(id) {
                Some(true) => return Err(invalid(format!("node {id} has two parents"))),
                Some(known) => {
                    *known = true;
                    return Ok(id);
                }
                None => {
                    return Err(invalid(format!("there is no node {id} of {count}, a child of {number}")));
                }
            }
        }
        let (Some(&target), Some(&weight)) = (leaf_targets.get(id), leaf_weights.get(id)) else {
            return Err(invalid(format!(
                "there is no leaf {id} of {}, a child of {number}",
                leaf_targets.len()
            )));
        };
        let target = index("leaf_targetids", target)?;
        if target >= targets {
            return Err(invalid(format!("leaf {id} is of target {target} of {targets}")));
        }
        leaves.push(Node::Leaf(vec![(target, weight)]));
        Ok(count + leaves.len() - 1)
    };
    for number in 0..count {
        let mode = match usize::try_from(modes[number]).ok().and_then(|mode| MODES.get(mode)) {
            Some(mode) => *mode,
            None if modes[number] == MEMBER => {
                let Some(values) = sets.next() else {
                    return Err(mismatch("a set in `membership_values` for each of its nodes", "fewer"));
                };
                members.push(values.to_vec());
                Mode::Member(members.len() - 1)
            }
            None => return Err(unsupported("nodes_modes", modes[number], "numbers from 0 to 6")),
        };
        nodes.push(Node::Split(Split {
            feature: index("nodes_featureids", features[number])?,
            value: splits[number],
            mode,
            children: [child(&yes, number)?, child(&no, number)?],
            missing_passes: missing[number] != 0,
        }));
    }
    nodes.extend(leaves);
    let mut roots = Vec::new();
    for root in call.integers("tree_roots")? {
        let root = index("tree_roots", root)?;
        if has_parent.get(root) != Some(&false) || roots.contains(&root) {
            return Err(invalid(format!("node {root} of {count} is no root of a tree of its own")));
        }
        roots.push(root);
    }
    if has_parent.iter().filter(|has_parent| !**has_parent).count() != roots.len() {
        return Err(invalid("nodes belong to no tree"));
    }
    Ok(Ensemble { nodes, roots, targets, members })
}
