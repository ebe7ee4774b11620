//! Rows under keys: the little the index asks of a key-value store.

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A family of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Where groups lie, by first seq.
    Groups,
    /// Which seqs have a term, by term and group.
    Terms,
    /// Full tiles.
    Tiles,
    /// Head and snapshot.
    Meta,
    /// Snapshots of what is folded from the entries, by size.
    Folds,
}

/// A key with its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The store failed. What it holds can be rebuilt.
#[derive(Debug, thiserror::Error)]
#[error("index: {0}")]
pub struct RowError(String);

impl RowError {
    /// An error of a store, in words.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// A key-value store.
pub trait Rows: Send + Sync + Debug {
    /// The value under a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RowError>;
    /// The row with the greatest key not above `key`.
    fn last_at_or_before(&self, space: Space, key: &[u8]) -> Result<Option<Row>, RowError>;
    /// Rows with `from ≤ key < to`, in the order asked for.
    fn range(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Row>, RowError>;
    /// Writes rows; all of them or none.
    fn write(&self, rows: Vec<(Space, Vec<u8>, Vec<u8>)>) -> Result<(), RowError>;
    /// Takes rows away; a key that is not there is no error.
    fn remove(&self, space: Space, keys: &[Vec<u8>]) -> Result<(), RowError>;
    /// Makes what was written durable.
    fn sync(&self) -> Result<(), RowError>;
}

/// Rows in fjall.
pub struct FjallRows {
    database: Database,
    groups: Keyspace,
    terms: Keyspace,
    tiles: Keyspace,
    meta: Keyspace,
    folds: Keyspace,
}

impl Debug for FjallRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallRows").finish_non_exhaustive()
    }
}

/// Memory fjall may use for cached blocks.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Memory for snapshots that are not in a table yet. With fjall's own 64 MiB a large fleet's service grows by that
/// much, and once more while it is written.
const SNAPSHOT_BUFFER_BYTES: u64 = 16 * 1024 * 1024;

impl FjallRows {
    /// Opens or creates the store in `dir`.
    pub fn open(dir: &Path) -> Result<Self, RowError> {
        let error = |e: fjall::Error| RowError(format!("{}: {e}", dir.display()));
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .journal_compression(CompressionType::Lz4)
            .worker_threads(1)
            .open()
            .map_err(error)?;
        let small = || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(fjall::config::CompressionPolicy::all(CompressionType::Lz4))
        };
        // Megabytes under one key: they lie apart, so that compactions do not carry them along.
        let large = || {
            let apart = fjall::KvSeparationOptions::default().compression(CompressionType::Lz4);
            small().with_kv_separation(Some(apart)).max_memtable_size(SNAPSHOT_BUFFER_BYTES)
        };
        let keyspace = |name: &str| database.keyspace(name, small).map_err(error);
        Ok(Self {
            groups: keyspace("groups")?,
            terms: keyspace("terms")?,
            tiles: keyspace("tiles")?,
            meta: keyspace("meta")?,
            folds: database.keyspace("folds", large).map_err(error)?,
            database,
        })
    }

    fn space(&self, space: Space) -> &Keyspace {
        match space {
            Space::Groups => &self.groups,
            Space::Terms => &self.terms,
            Space::Tiles => &self.tiles,
            Space::Meta => &self.meta,
            Space::Folds => &self.folds,
        }
    }
}

fn failed(e: impl std::fmt::Display) -> RowError {
    RowError(e.to_string())
}

fn owned(guard: fjall::Guard) -> Result<Row, RowError> {
    let (key, value) = guard.into_inner().map_err(failed)?;
    Ok((key.to_vec(), value.to_vec()))
}

impl Rows for FjallRows {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.space(space).get(key).map_err(failed)?.map(|value| value.to_vec()))
    }

    fn last_at_or_before(&self, space: Space, key: &[u8]) -> Result<Option<Row>, RowError> {
        self.space(space).range(..=key.to_vec()).next_back().map(owned).transpose()
    }

    fn range(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Row>, RowError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let iter = self.space(space).range(from.to_vec()..to.to_vec());
        if descending {
            iter.rev().take(limit).map(owned).collect()
        } else {
            iter.take(limit).map(owned).collect()
        }
    }

    fn write(&self, rows: Vec<(Space, Vec<u8>, Vec<u8>)>) -> Result<(), RowError> {
        let mut batch = self.database.batch();
        for (space, key, value) in rows {
            batch.insert(self.space(space), key, value);
        }
        batch.commit().map_err(failed)
    }

    fn remove(&self, space: Space, keys: &[Vec<u8>]) -> Result<(), RowError> {
        let mut batch = self.database.batch();
        for key in keys {
            batch.remove(self.space(space), key.clone());
        }
        batch.commit().map_err(failed)
    }

    fn sync(&self) -> Result<(), RowError> {
        self.database.persist(PersistMode::SyncAll).map_err(failed)
    }
}

/// Rows in memory.
#[derive(Debug, Default)]
pub struct MemoryRows(Mutex<RowMap>);

type RowMap = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

impl MemoryRows {
    fn rows(&self) -> std::sync::MutexGuard<'_, RowMap> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for MemoryRows {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.rows().get(&(space, key.to_vec())).cloned())
    }

    fn last_at_or_before(&self, space: Space, key: &[u8]) -> Result<Option<Row>, RowError> {
        let rows = self.rows();
        let mut below = rows.range((space, Vec::new())..=(space, key.to_vec()));
        Ok(below.next_back().map(|((_, key), value)| (key.clone(), value.clone())))
    }

    fn range(
        &self,
        space: Space,
        from: &[u8],
        to: &[u8],
        limit: usize,
        descending: bool,
    ) -> Result<Vec<Row>, RowError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let rows = self.rows();
        let iter = rows.range((space, from.to_vec())..(space, to.to_vec()));
        let own = |((_, key), value): (&(Space, Vec<u8>), &Vec<u8>)| (key.clone(), value.clone());
        let iter = iter.map(own);
        Ok(if descending { iter.rev().take(limit).collect() } else { iter.take(limit).collect() })
    }

    fn write(&self, rows: Vec<(Space, Vec<u8>, Vec<u8>)>) -> Result<(), RowError> {
        self.rows().extend(rows.into_iter().map(|(space, key, value)| ((space, key), value)));
        Ok(())
    }

    fn remove(&self, space: Space, keys: &[Vec<u8>]) -> Result<(), RowError> {
        let mut rows = self.rows();
        for key in keys {
            rows.remove(&(space, key.clone()));
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), RowError> {
        Ok(())
    }
}
