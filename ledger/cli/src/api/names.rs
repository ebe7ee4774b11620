//! What nodes are called, for tables that have their ids and for whoever types a name.

use super::{Query, routes};
use crate::client::Client;
use crate::failure::Failure;
use serving::answers::NameRow;
use spec::Uuid;
use std::collections::BTreeMap;

/// Names of nodes, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<Uuid, String>);

impl Names {
    pub(crate) fn of(&self, node: Uuid) -> Option<&str> {
        self.0.get(&node).map(String::as_str)
    }

    pub(crate) fn into_pairs(self) -> impl Iterator<Item = (Uuid, String)> {
        self.0.into_iter()
    }
}

impl FromIterator<(Uuid, String)> for Names {
    fn from_iter<I: IntoIterator<Item = (Uuid, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Client {
    /// What all nodes are called; one without a name has an empty one.
    pub(crate) async fn names(&self) -> Result<Names, Failure> {
        let rows = self.all::<NameRow<'static>>(&routes::NODE_NAMES, &[], Query::default()).await?.rows()?;
        let named = rows.into_iter().map(|row| (row.node_id, row.name.unwrap_or_default().into_owned()));
        Ok(named.collect())
    }
}
