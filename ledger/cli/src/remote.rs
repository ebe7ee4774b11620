//! A service's files, as a source to verify and to fold.

use crate::client::Client;
use crate::failure::Failure;
use ledger::fault::Fault;
use ledger::storage::segment_name;
use ledger::verify::Source;
use service::wire::SegmentRow;
use std::collections::BTreeMap;

/// A service's files: side files fetched at once, segments one after another as they are checked.
pub(crate) struct Remote {
    runtime: tokio::runtime::Runtime,
    client: Client,
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
    /// First seq and length of each; `None` if the caller may not read them.
    pub(crate) segments: Option<Vec<(u64, u64)>>,
}

impl Source for Remote {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        Ok(self.segments.clone().unwrap_or_default())
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = self
            .runtime
            .block_on(self.client.segment(first))
            .map_err(|e| Fault::new("unreadable", e.to_string()).in_file(segment_name(first)))?;
        // What came since the side files were fetched is not theirs to account for.
        let listed = self.segments.iter().flatten().find(|(other, _)| *other == first);
        bytes.truncate(listed.map_or(0, |(_, len)| usize::try_from(*len).unwrap_or(usize::MAX)));
        Ok(bytes)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.documents.get(name).cloned())
    }

    fn list(&self, _folder: &str) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }

    fn fresh(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let asked = self.runtime.block_on(self.client.document(name));
        asked.map_err(|e| Fault::new("unreadable", e.to_string()).in_file(name))
    }

    fn is_whole(&self) -> bool {
        false
    }
}

impl Remote {
    pub(crate) fn connect(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let anonymous = token.is_none();
        let client = Client::http(url, token)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (documents, segments) = runtime.block_on(async {
            // Side files first: the service only ever makes the log longer than they say.
            let documents = documents(&client).await?;
            let segments = client.segments(anonymous).await?;
            let place = |segment: SegmentRow| (segment.first, segment.bytes);
            Ok::<_, Failure>((documents, segments.map(|all| all.into_iter().map(place).collect())))
        })?;
        Ok(Self { runtime, client, documents, segments })
    }
}

async fn documents(client: &Client) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut documents = BTreeMap::new();
    // In this order: the newest checkpoint is never older than the cosigned one.
    for name in ["COSIGNED.txt", "ROOT.txt", "PROOFCHAIN.json"] {
        if let Some(bytes) = client.document(name).await? {
            documents.insert(name.to_owned(), bytes);
        }
    }
    if let Some(chain) =
        documents.get("PROOFCHAIN.json").and_then(|b| proofs::proofchain::ProofChain::parse(b).ok())
    {
        for part in chain.parts {
            let bytes = client.document(&part.file).await?;
            let missing = || Failure::refused(format!("the service has no {}", part.file));
            documents.insert(part.file.clone(), bytes.ok_or_else(missing)?);
        }
    }
    Ok(documents)
}
