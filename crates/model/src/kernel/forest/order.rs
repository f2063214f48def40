//! The order in which the nodes of trees stand in memory, the same for all kernels.
//!
//! Children stand side by side, behind their parent. Eight pairs of them, a tree of about three levels, follow one another, so that a walk
//! takes a new cache line every third level and not at every one.

use super::Trees;

/// Pairs of children that stand together: what a cache line of nodes of four bytes holds.
const PAIRS: usize = 8;

/// A node where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Its number in the model.
    pub(super) node: u32,
    /// Position of its left child in the tree, the right one is the next; a leaf's own position.
    pub(super) left: u32,
}

/// The nodes of all trees in their order.
#[derive(Debug)]
pub(super) struct Order {
    nodes: Vec<Placed>,
    /// Where each tree starts in `nodes`, and the end.
    starts: Vec<usize>,
    /// Levels below the root of each tree.
    pub(super) depths: Vec<u32>,
}

impl Order {
    /// Of checked trees.
    pub(super) fn new(trees: &Trees) -> Self {
        let mut order = Self {
            nodes: Vec::with_capacity(trees.nodes.left.len()),
            starts: vec![0],
            depths: Vec::with_capacity(trees.roots.len()),
        };
        let (mut blocks, mut queue) = (Vec::new(), Vec::new());
        for &root in &trees.roots {
            order.push(trees, root, &mut blocks, &mut queue);
        }
        order
    }

    /// The nodes of each tree.
    pub(super) fn trees(&self) -> impl Iterator<Item = &[Placed]> {
        self.starts.windows(2).map(|ends| &self.nodes[ends[0]..ends[1]])
    }

    /// Nodes of the largest tree.
    pub(super) fn most_nodes(&self) -> usize {
        self.trees().map(<[Placed]>::len).max().unwrap_or(0)
    }

    /// Nodes of all trees.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Places one tree. `blocks` are the positions and levels where blocks begin, `queue` those of one block, breadth first.
    fn push(&mut self, trees: &Trees, root: u32, blocks: &mut Vec<(u32, u32)>, queue: &mut Vec<(u32, u32)>) {
        let start = self.nodes.len();
        let mut depth = 0;
        self.nodes.push(Placed { node: root, left: 0 });
        blocks.push((0, 0));
        while let Some(first) = blocks.pop() {
            queue.clear();
            queue.push(first);
            let (mut next, mut pairs, others) = (0, 0, blocks.len());
            while let Some(&(position, level)) = queue.get(next) {
                next += 1;
                let at = start + position as usize;
                let node = self.nodes[at].node as usize;
                let (left, right) = (trees.nodes.left[node], trees.nodes.right[node]);
                if left == right {
                    self.nodes[at].left = position;
                    depth = depth.max(level);
                } else if pairs == PAIRS {
                    blocks.push((position, level));
                } else {
                    let child = (self.nodes.len() - start) as u32;
                    self.nodes[at].left = child;
                    let placed = |node| Placed { node, left: 0 };
                    self.nodes.extend([placed(left), placed(right)]);
                    queue.extend([(child, level + 1), (child + 1, level + 1)]);
                    pairs += 1;
                }
            }
            blocks[others..].reverse();
        }
        self.starts.push(self.nodes.len());
        self.depths.push(depth);
    }
}
