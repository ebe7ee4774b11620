//! JSON has no maps with objects as keys: the incidents by matter as a list of pairs.

use super::incident::Matter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spec::Hash;
use std::collections::BTreeMap;

pub(super) fn serialize<S: Serializer>(about: &BTreeMap<Matter, Hash>, to: S) -> Result<S::Ok, S::Error> {
    about.iter().collect::<Vec<_>>().serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Matter, Hash>, D::Error> {
    Ok(Vec::deserialize(from)?.into_iter().collect())
}
