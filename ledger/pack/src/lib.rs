//! Packed segments: the lines of a closed segment as one Parquet file, from which every byte of them comes back.
//!
//! ```text
//! "PAR1" ‖ row groups ‖ a checksum for each part ‖ footer ‖ u32le length of the footer ‖ "PAR1"
//! ```
//!
//! Whatever follows from other columns is left out: `seq`, `prev`, lanes, leaves, payload hashes, links of author chains,
//! commit lines. Where something does not follow, it is there. `spec/pack.md` says it column by column; this crate does
//! the same in both directions, bytes in and bytes out. It opens no file, and takes a [`Source`] for random access.

mod about;
mod cell;
mod checksums;
mod column;
mod error;
mod guard;
mod kinds;
mod packer;
mod reader;
mod rows;
mod schema;
mod walk;

pub use about::About;
pub use error::{PackError, UnpackError};
pub use packer::pack;
pub use reader::alone::Alone;
pub use reader::{Packed, Source};

/// The value of `format` in the file's metadata.
pub const FORMAT: &str = "vaultmesh-packed-segment-v1";

/// Rows of a row group. Larger ones take a little less space; a single entry is read by reading one row group.
pub const GROUP_ROWS: usize = 4096;

/// Longest plain segment that is packed or unpacked: a segment ends at the first group that finds it at 64 MiB, and a
/// group has at most 8 MiB; twice that is room for stores with larger segments.
pub const MAX_PLAIN_BYTES: u64 = 144 * 1024 * 1024;

/// Most entries of a packed segment. A record line has more than 700 bytes, so no plain segment has more.
pub const MAX_ROWS: u64 = MAX_PLAIN_BYTES / 700;
