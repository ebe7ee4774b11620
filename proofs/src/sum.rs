//! Sum trees: a hash over entries that also binds a quantity of each, and what they come to together.
//!
//! ```text
//! leaf = BLAKE3(32 ‖ u64(seq) ‖ u64(quantity) ‖ leaf of the entry)                              quantity as it is
//! node = BLAKE3(33 ‖ left hash ‖ u64(left quantity) ‖ right hash ‖ u64(right quantity))    both combined
//! ```
//!
//! Numbers are eight bytes, big-endian. The tree has the shape of RFC 9162, section 2.1.1. Quantities combine to their sum, up
//! to 2^53 − 1, or to the greatest of them. The normative text is `spec/billing.md`.

use serde::{Deserialize, Serialize};
use spec::limits::MAX_SAFE_INTEGER;
use spec::{Domain, Hash};

/// The way in which quantities combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// They add up, to 2^53 − 1 at most.
    Sum,
    /// The greatest counts.
    Greatest,
}

impl Combine {
    /// Two quantities together.
    pub fn both(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Sum => a.saturating_add(b).min(MAX_SAFE_INTEGER),
            Self::Greatest => a.max(b),
        }
    }
}

/// A subtree: its hash, and what its entries come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtree {
    /// Its hash.
    pub hash: Hash,
    /// What its entries come to.
    pub quantity: u64,
}

impl Subtree {
    /// That of one entry.
    pub fn of(seq: u64, quantity: u64, leaf: &Hash) -> Self {
        let parts = [&seq.to_be_bytes()[..], &quantity.to_be_bytes(), &leaf.0];
        Self { hash: Hash::of(Domain::SumLeaf, &parts), quantity }
    }

    fn with(&self, right: &Self, combine: Combine) -> Self {
        let (left_quantity, right_quantity) = (self.quantity.to_be_bytes(), right.quantity.to_be_bytes());
        let parts = [&self.hash.0[..], &left_quantity, &right.hash.0, &right_quantity];
        let quantity = combine.both(self.quantity, right.quantity);
        Self { hash: Hash::of(Domain::SumNode, &parts), quantity }
    }
}

/// The right edge of a growing sum tree: all that appending and the root need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumTree {
    /// Number of entries.
    pub count: u64,
    /// The complete subtrees, largest first: one for each 1 bit of `count`.
    edge: Vec<Subtree>,
}

impl SumTree {
    /// Appends an entry.
    pub fn push(&mut self, leaf: Subtree, combine: Combine) {
        let mut subtree = leaf;
        for _ in 0..self.count.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                subtree = left.with(&subtree, combine);
            }
        }
        self.edge.push(subtree);
        self.count += 1;
    }

    /// The whole tree; `None` of nothing.
    pub fn root(&self, combine: Combine) -> Option<Subtree> {
        let mut subtrees = self.edge.iter().rev();
        let last = *subtrees.next()?;
        Some(subtrees.fold(last, |right, left| left.with(&right, combine)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, read as it stands.
    fn root_of(leaves: &[Subtree], combine: Combine) -> Subtree {
        if let [one] = leaves {
            return *one;
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        root_of(left, combine).with(&root_of(right, combine), combine)
    }

    #[test]
    fn an_edge_gives_the_root_of_the_definition() {
        for combine in [Combine::Sum, Combine::Greatest] {
            let (mut tree, mut leaves) = (SumTree::default(), Vec::new());
            assert_eq!(tree.root(combine), None);
            for n in 0..70_u64 {
                let leaf = Subtree::of(3 * n, n * n % 11, &Hash([u8::try_from(n).unwrap(); 32]));
                tree.push(leaf, combine);
                leaves.push(leaf);
                assert_eq!(tree.root(combine), Some(root_of(&leaves, combine)), "{n}");
            }
        }
    }

    #[test]
    fn quantities_are_bound_and_bounded() {
        let of = |quantity| {
            let mut tree = SumTree::default();
            tree.push(Subtree::of(1, quantity, &Hash::ZERO), Combine::Sum);
            tree.push(Subtree::of(2, 9, &Hash::ZERO), Combine::Sum);
            tree.root(Combine::Sum).unwrap()
        };
        assert_ne!(of(1).hash, of(2).hash);
        assert_eq!(of(5).quantity, 14);
        assert_eq!(of(MAX_SAFE_INTEGER).quantity, MAX_SAFE_INTEGER);
    }
}
