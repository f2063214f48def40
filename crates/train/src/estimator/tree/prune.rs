//! Minimal cost-complexity pruning.
//!
//! Source: Breiman et al., "Classification and Regression Trees" (1984), chapter 3, with the order and the comparison
//! of scikit-learn's `_cost_complexity_prune`.

use super::grow::Node;

/// Makes leaves of splits whose gain per leaf is at most `alpha`, the weakest first.
pub(super) fn prune(nodes: Vec<Node>, alpha: f64) -> Vec<Node> {
    if alpha <= 0.0 {
        return nodes;
    }
    let mut nodes = nodes;
    let whole = nodes[0].weight;
    loop {
        // Children stand behind their parents: from the last one on, each is complete.
        let mut costs = vec![(0.0, 0usize); nodes.len()];
        let mut weakest: Option<(f64, usize)> = None;
        for at in (0..nodes.len()).rev() {
            let own = nodes[at].impurity * nodes[at].weight / whole;
            match nodes[at].split {
                None => costs[at] = (own, 1),
                Some(split) => {
                    let [left, right] = split.children.map(|child| costs[child]);
                    costs[at] = (left.0 + right.0, left.1 + right.1);
                    let gain = (own - costs[at].0) / (costs[at].1 - 1) as f64;
                    if weakest.is_none_or(|(least, _)| gain <= least) {
                        weakest = Some((gain, at));
                    }
                }
            }
        }
        match weakest {
            Some((gain, at)) if gain <= alpha => {
                nodes[at].split = None;
                nodes = reachable(&nodes);
            }
            Some(_) | None => return nodes,
        }
    }
}

/// The nodes that the root leads to, in their order.
fn reachable(nodes: &[Node]) -> Vec<Node> {
    let mut reached = vec![false; nodes.len()];
    reached[0] = true;
    let mut moved = vec![0; nodes.len()];
    let mut count = 0;
    for at in 0..nodes.len() {
        if reached[at] {
            moved[at] = count;
            count += 1;
            nodes[at].split.iter().flat_map(|split| split.children).for_each(|child| reached[child] = true);
        }
    }
    let kept = (0..nodes.len()).filter(|at| reached[*at]).map(|at| {
        let mut node = nodes[at].clone();
        if let Some(split) = &mut node.split {
            split.children = split.children.map(|child| moved[child]);
        }
        node
    });
    kept.collect()
}
