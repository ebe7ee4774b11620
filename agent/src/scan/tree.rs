//! The tree of watched files: one root for all of them, and a way down to what differs.
//!
//! ```text
//! F(file)      = BLAKE3(20 ‖ J({content,gid,mode,path,size,type,uid,xattrs}))
//! F(directory) = the same, content = MTH(F of its members, sorted by name)
//! tree root    = MTH(F of the watched paths, sorted)
//! MTH          = the tree of RFC 9162 over BLAKE3, as in `proof.md`
//! ```
//!
//! A tree within a tree, because a file that is added then changes the hashes of its ancestors and no other:
//! whoever holds two trees descends from the root into the directories whose hashes differ and nowhere else.
//! In one flat list everything behind the new file would have moved. `spec/scan.md` has the words.

use super::attributes::Attribute;
use super::source::Meta;
use super::source::Type;
use proofs::tree::{Blake3, Frontier, TreeHash as _};
use rustix::fs::{major, minor};
use serde::{Deserialize, Serialize};
use spec::{Domain, Hash, canonical};
use std::cmp::Ordering;

/// A leaf of the tree, which is about one file. In JSON the members are those of `spec/scan.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// BLAKE3 of a file's bytes or of where a link points, without a byte in front; of a directory in the tree,
    /// the root over its members. Absent: there is none, or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Hash>,
    /// Its group.
    pub gid: u32,
    /// Permissions with SUID, SGID and sticky bits.
    pub mode: u32,
    /// Where it is below the root, in the text form of paths.
    pub path: String,
    /// The device it is, if it is one: `major:minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdev: Option<String>,
    /// Length of a regular file in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What it is: `file`, `directory`, `link`, `fifo`, `socket`, `character-device` or `block-device`.
    pub r#type: String,
    /// Its owner.
    pub uid: u32,
    /// Hash of its extended attributes, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xattrs: Option<Hash>,
}

impl Leaf {
    /// What can be said without reading the file.
    pub fn new(path: String, meta: &Meta) -> Self {
        Self {
            content: None,
            gid: meta.gid,
            mode: meta.mode,
            path,
            rdev: meta
                .word
                .ends_with("-device")
                .then(|| format!("{}:{}", major(meta.rdev), minor(meta.rdev))),
            size: (meta.kind == Type::File).then_some(meta.size),
            r#type: meta.word.to_owned(),
            uid: meta.uid,
            xattrs: None,
        }
    }

    /// Its canonical JSON, as a line of a baseline has it.
    pub fn json(&self) -> Vec<u8> {
        // Nothing in it lacks a canonical form.
        canonical::to_vec(self).unwrap_or_default()
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Hash {
        Hash::of(Domain::ScannedFile, &[&self.json()])
    }
}

/// Hash of extended attributes, sorted by name; `None` if there are none.
pub fn attributes_hash(attributes: &[Attribute]) -> Option<Hash> {
    let mut bytes = Vec::new();
    for (name, value) in attributes {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(value);
    }
    (!attributes.is_empty()).then(|| Hash::of(Domain::ScannedAttributes, &[&bytes]))
}

/// The root over the members of a directory, which come sorted by name.
#[derive(Debug, Default)]
pub struct Members(Frontier<Blake3>);

impl Members {
    /// Adds the next member by its hash.
    pub fn push(&mut self, member: Hash) {
        self.0.push(Blake3::leaf(&member.0));
    }

    /// Root over those added so far.
    pub fn root(&self) -> Hash {
        self.0.root()
    }
}

/// The order in which a scan meets paths: by components, a directory before its members.
pub fn order(a: &str, b: &str) -> Ordering {
    let bytes = |path: &str| super::text::to_bytes(path);
    let (a, b) = (bytes(a), bytes(b));
    a.split(|byte| *byte == b'/').cmp(b.split(|byte| *byte == b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_before_its_members_and_they_before_the_next() {
        let mut paths = ["/etc-old", "/etc/b", "/etc", "/etc/a/x", "/etc/a-b", "/etc/a", "/bin"];
        paths.sort_by(|a, b| order(a, b));
        assert_eq!(paths, ["/bin", "/etc", "/etc/a", "/etc/a/x", "/etc/a-b", "/etc/b", "/etc-old"]);
    }
}
