//! What an auditor checks with: the signature rule, Merkle trees and maps, signed notes, checkpoints,
//! seals, proof chains, bundles and equivocation files.
//!
//! Pure functions over bytes: no I/O, no clock, no random numbers, no knowledge of what an event says.
//! Of `spec` only canonical JSON, hashes and text forms are used. The normative text is `spec/proof.md`.

pub mod bundle;
pub mod checkpoint;
pub mod equivocation;
pub mod map;
pub mod note;
pub mod proofchain;
pub mod signature;
pub mod sum;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, Verified};
pub use map::SparseMap;
pub use signature::SigningKey;
pub use tree::{Blake3, Frontier, Sha256, TreeHash};
