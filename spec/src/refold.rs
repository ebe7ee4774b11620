//! What an auditor asks of folds. The ledger's auditor and the folds do not know each other; they meet here.

use crate::Record;
use crate::payload::Digest;
use std::collections::BTreeMap;

/// Folds that an auditor makes again, to compare them with what seals say of them. Handed the entries in
/// their order; may do no I/O.
pub trait Refold {
    /// Takes the next entry in.
    fn apply(&mut self, record: &Record);
    /// Digest, size and version of each fold over the entries so far.
    fn digests(&self) -> BTreeMap<String, Digest>;
    /// The same, right before the last seal.
    fn sealed(&self) -> BTreeMap<String, Digest>;

    /// Both by the rules that folds had before, as far as they can still be made: seals of that time name those.
    fn former(&self) -> Vec<BTreeMap<String, Digest>> {
        Vec::new()
    }
}
