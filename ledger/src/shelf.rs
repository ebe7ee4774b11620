//! The shelf: snapshots of what is folded from the entries, kept beside the index, by the number of
//! entries they cover.
//!
//! Like all of the index it can be made again from the log. A snapshot is handed out only if its checksum
//! holds; that it belongs to this log is for whoever folded it to ask.

use crate::index::{RowError, Rows, Space, checksummed, unchecked};
use spec::canonical;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Snapshots by size.
#[derive(Debug)]
pub struct Shelf {
    rows: Arc<dyn Rows>,
    /// Bytes of each snapshot.
    lengths: Mutex<BTreeMap<u64, u64>>,
}

/// Where the list of snapshots stands, so that opening reads none of them.
const LIST: &[u8] = b"shelf";

impl Shelf {
    pub(crate) fn open(rows: Arc<dyn Rows>) -> Result<Self, RowError> {
        let list = rows.get(Space::Meta, LIST)?;
        // A list that cannot be read is an empty shelf: everything on it can be made again.
        let lengths: Vec<(u64, u64)> =
            list.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { rows, lengths: Mutex::new(lengths.into_iter().collect()) })
    }

    /// Sizes and lengths in bytes of the snapshots, in order.
    pub fn list(&self) -> Vec<(u64, u64)> {
        self.lengths().iter().map(|(size, length)| (*size, *length)).collect()
    }

    /// The snapshot over `size` entries, if it is there and whole.
    pub fn get(&self, size: u64) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.rows.get(Space::Folds, &size.to_be_bytes())?.and_then(|row| unchecked(&row)))
    }

    /// Puts a snapshot in its place; it replaces one of the same size.
    pub fn put(&self, size: u64, snapshot: &[u8]) -> Result<(), RowError> {
        let mut lengths = self.lengths().clone();
        lengths.insert(size, snapshot.len() as u64);
        let row = (Space::Folds, size.to_be_bytes().to_vec(), checksummed(snapshot));
        self.rows.write(vec![row, list_row(&lengths)])?;
        *self.lengths() = lengths;
        Ok(())
    }

    /// Takes snapshots away.
    pub fn remove(&self, sizes: &[u64]) -> Result<(), RowError> {
        let mut lengths = self.lengths().clone();
        lengths.retain(|size, _| !sizes.contains(size));
        // What the list does not name is never read, so the list goes first.
        self.rows.write(vec![list_row(&lengths)])?;
        *self.lengths() = lengths;
        let keys: Vec<Vec<u8>> = sizes.iter().map(|size| size.to_be_bytes().to_vec()).collect();
        self.rows.remove(Space::Folds, &keys)
    }

    fn lengths(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, u64>> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list_row(lengths: &BTreeMap<u64, u64>) -> (Space, Vec<u8>, Vec<u8>) {
    let list: Vec<(u64, u64)> = lengths.iter().map(|(size, length)| (*size, *length)).collect();
    (Space::Meta, LIST.to_vec(), canonical::to_vec(&list).unwrap_or_default())
}
