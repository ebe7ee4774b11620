//! The tree in tiles of 256 hashes (C2SP `tlog-tiles`), as a growing ledger keeps it.
//!
//! Tile `(level, index)` holds the hashes of the complete subtrees with `256^level` leaves numbered
//! `256·index` to `256·index + 255`. Full tiles never change. [`Tiles`] keeps the unfinished tile of each
//! level in memory, with its inner nodes, and the finished ones until the owner has stored them.

use crate::tree::{Range, TreeHash, consistency_ranges, join};
use spec::Hash;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

const TILE_HEIGHT: u32 = 8;

/// A tile's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// 0 for leaves, 1 for the roots of 256 leaves, and so on.
    pub level: u32,
    /// Number of the tile within its level.
    pub index: u64,
}

/// A tile with the nodes above its hashes.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// `nodes[h]` are the complete subtrees of height `h` within the tile.
    nodes: [Vec<Hash>; TILE_HEIGHT as usize + 1],
}

impl Tile {
    /// Rebuilds a tile from its bottom row.
    pub fn from_hashes<H: TreeHash>(hashes: &[Hash]) -> Self {
        let mut tile = Self::default();
        for hash in hashes {
            tile.push::<H>(*hash);
        }
        tile
    }

    /// The bottom row.
    pub fn hashes(&self) -> &[Hash] {
        &self.nodes[0]
    }

    fn push<H: TreeHash>(&mut self, hash: Hash) {
        let mut carry = hash;
        for row in &mut self.nodes {
            row.push(carry);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => carry = H::node(left, right),
                _ => return,
            }
        }
    }

    /// The complete subtree of `height` within the tile, by its number.
    fn node(&self, height: u32, number: u64) -> Option<Hash> {
        self.nodes.get(height as usize)?.get(usize::try_from(number).ok()?).copied()
    }

    /// The tile's root, once it is full.
    fn root(&self) -> Option<Hash> {
        self.node(TILE_HEIGHT, 0)
    }
}

/// Where node `(level, index)` of the tree lies: its tile, and height and number within it.
fn locate(level: u32, index: u64) -> (TileId, u32, u64) {
    let height = level % TILE_HEIGHT;
    let per_tile = TILE_HEIGHT - height;
    (TileId { level: level / TILE_HEIGHT, index: index >> per_tile }, height, index & ((1 << per_tile) - 1))
}

/// A growing tree.
#[derive(Debug, Clone, Default)]
pub struct Tiles<H> {
    size: u64,
    /// The unfinished tile of each level.
    edge: Vec<(u64, Tile)>,
    /// Finished tiles not yet known to be stored.
    finished: BTreeMap<TileId, Arc<Tile>>,
    hash: PhantomData<H>,
}

/// A node that neither memory nor the tile store could give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tree node of level {level}, index {index} is not available")]
pub struct MissingNode {
    /// Level of the node.
    pub level: u32,
    /// Index within the level.
    pub index: u64,
}

impl<H: TreeHash> Tiles<H> {
    /// A tree of `size` leaves from the bottom rows of its unfinished tiles, lowest level first.
    ///
    /// `None` if the rows do not have the lengths that `size` prescribes.
    pub fn from_edge(size: u64, rows: &[Vec<Hash>]) -> Option<Self> {
        let mut edge = Vec::with_capacity(rows.len());
        let mut count = size;
        for row in rows {
            if row.len() as u64 != count % TILE_WIDTH {
                return None;
            }
            edge.push((count / TILE_WIDTH, Tile::from_hashes::<H>(row)));
            count /= TILE_WIDTH;
        }
        (count == 0).then_some(Self { size, edge, finished: BTreeMap::new(), hash: PhantomData })
    }

    /// The bottom rows of the unfinished tiles, lowest level first: what [`Tiles::from_edge`] takes.
    pub fn edge_rows(&self) -> Vec<Vec<Hash>> {
        self.edge.iter().map(|(_, tile)| tile.hashes().to_vec()).collect()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let mut carry = leaf;
        for level in 0.. {
            if self.edge.len() <= level {
                self.edge.push((0, Tile::default()));
            }
            let Some((index, tile)) = self.edge.get_mut(level) else { return };
            tile.push::<H>(carry);
            let Some(root) = tile.root() else { return };
            let id = TileId { level: u32::try_from(level).unwrap_or(u32::MAX), index: *index };
            self.finished.insert(id, Arc::new(std::mem::take(tile)));
            *index += 1;
            carry = root;
        }
    }

    /// The root, from the unfinished tiles alone.
    pub fn root(&self) -> Hash {
        let nodes: Option<Vec<Hash>> = Range { start: 0, end: self.size }
            .nodes()
            .into_iter()
            .map(|(level, index)| self.node(level, index))
            .collect();
        nodes.as_deref().and_then(join::<H>).unwrap_or_else(H::empty)
    }

    /// A complete subtree's hash, if memory holds it.
    pub fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let (id, height, number) = locate(level, index);
        match self.edge.get(id.level as usize) {
            Some((edge_index, tile)) if *edge_index == id.index => {
                // A subtree of height 8 is the tile above; within this one it is never asked for.
                tile.node(height, number)
            }
            _ => self.finished.get(&id)?.node(height, number),
        }
    }

    /// Tiles finished since they were last forgotten.
    pub fn finished(&self) -> impl Iterator<Item = (TileId, &Arc<Tile>)> {
        self.finished.iter().map(|(id, tile)| (*id, tile))
    }

    /// Drops finished tiles that now lie in the tile store: those wholly below `size` leaves.
    pub fn forget_below(&mut self, size: u64) {
        self.finished.retain(|id, _| {
            let leaves = TILE_WIDTH.checked_pow(id.level + 1).unwrap_or(u64::MAX);
            (id.index + 1).saturating_mul(leaves) > size
        });
    }
}

/// Reads tree nodes from wherever they are kept.
pub trait NodeSource {
    /// Hash of the complete subtree `(level, index)`, or `None` if it cannot be had.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

impl<H: TreeHash> NodeSource for Tiles<H> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        Self::node(self, level, index)
    }
}

/// The node inside a stored tile, given its bottom row.
pub fn node_in_row<H: TreeHash>(row: &[Hash], level: u32, index: u64) -> Option<Hash> {
    let (_, height, number) = locate(level, index);
    let width = 1usize << height;
    let from = usize::try_from(number).ok()? * width;
    Tile::from_hashes::<H>(row.get(from..from + width)?).node(height, 0)
}

/// The tile that holds node `(level, index)`.
pub fn tile_of(level: u32, index: u64) -> TileId {
    locate(level, index).0
}

fn hash_ranges<H: TreeHash>(source: &impl NodeSource, ranges: &[Range]) -> Result<Vec<Hash>, MissingNode> {
    ranges
        .iter()
        .map(|range| {
            let nodes = range
                .nodes()
                .into_iter()
                .map(|(level, index)| source.node(level, index).ok_or(MissingNode { level, index }))
                .collect::<Result<Vec<Hash>, MissingNode>>()?;
            Ok(join::<H>(&nodes).unwrap_or_else(H::empty))
        })
        .collect()
}

/// Inclusion proofs in the tree of one size. The subtrees on its right edge that are not complete, which the
/// proofs share, are hashed once.
#[derive(Debug)]
pub struct InclusionProofs<'a, S> {
    source: &'a S,
    size: u64,
    /// For each level the hash of the leaves behind the last complete subtree; `None` if there are none.
    edge: Vec<Option<Hash>>,
}

impl<'a, S: NodeSource> InclusionProofs<'a, S> {
    /// Prepares proofs in the tree of `size`.
    pub fn new<H: TreeHash>(source: &'a S, size: u64) -> Result<Self, MissingNode> {
        let levels = u64::BITS - size.saturating_sub(1).leading_zeros();
        let mut edge = Vec::with_capacity(levels as usize);
        let mut behind: Option<Hash> = None;
        for level in 0..levels {
            edge.push(behind);
            let complete = size >> level;
            if complete & 1 == 1 {
                let index = complete - 1;
                let node = source.node(level, index).ok_or(MissingNode { level, index })?;
                behind = Some(behind.map_or(node, |right| H::node(&node, &right)));
            }
        }
        Ok(Self { source, size, edge })
    }

    /// The proof that leaf `index` is in the tree (RFC 9162, 2.1.3.1). Empty when it is not.
    pub fn proof(&self, index: u64) -> Result<Vec<Hash>, MissingNode> {
        let mut hashes = Vec::with_capacity(self.edge.len());
        if index >= self.size {
            return Ok(hashes);
        }
        for (level, edge) in (0..).zip(&self.edge) {
            let sibling = (index >> level) ^ 1;
            let complete = self.size >> level;
            if sibling < complete {
                let node = self.source.node(level, sibling);
                hashes.push(node.ok_or(MissingNode { level, index: sibling })?);
            } else if sibling == complete {
                hashes.extend(*edge);
            }
        }
        Ok(hashes)
    }
}

/// The proof that leaf `index` is in the tree of `size`.
pub fn inclusion_proof<H: TreeHash>(
    source: &impl NodeSource,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, MissingNode> {
    InclusionProofs::new::<H>(source, size)?.proof(index)
}

/// The proof that the tree of `new` extends the tree of `old`.
pub fn consistency_proof<H: TreeHash>(
    source: &impl NodeSource,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, MissingNode> {
    hash_ranges::<H>(source, &consistency_ranges(old, new))
}

/// The root of the tree of `size`.
pub fn root_at<H: TreeHash>(source: &impl NodeSource, size: u64) -> Result<Hash, MissingNode> {
    if size == 0 {
        return Ok(H::empty());
    }
    Ok(hash_ranges::<H>(source, &[Range { start: 0, end: size }])?.first().copied().unwrap_or_else(H::empty))
}
