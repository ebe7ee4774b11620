//! A service's files, as a source to verify and to fold.

use crate::client::Client;
use crate::failure::Failure;
use crate::output::items;
use axum::http::Method;
use ledger::fault::Fault;
use ledger::verify::Source;
use serde_json::Value;
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
        let path = format!("/api/ledger/segments/{first}");
        let mut bytes = self
            .runtime
            .block_on(get(&self.client, &path))
            .map_err(|e| Fault::new("unreadable", e.to_string()).in_file(path))?;
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
}

impl Remote {
    pub(crate) fn connect(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let anonymous = token.is_none();
        let client = Client::http(url, token)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (documents, segments) = runtime.block_on(async {
            // Side files first: the service only ever makes the log longer than they say.
            let documents = documents(&client).await?;
            Ok::<_, Failure>((documents, segments(&client, anonymous).await?))
        })?;
        Ok(Self { runtime, client, documents, segments })
    }
}

async fn get(client: &Client, path: &str) -> Result<Vec<u8>, Failure> {
    client.send(Method::GET, path, None).await?.good()
}

async fn documents(client: &Client) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut documents = BTreeMap::new();
    for name in ["ROOT.txt", "COSIGNED.txt", "PROOFCHAIN.json"] {
        let answer = client.send(Method::GET, &format!("/{name}"), None).await?;
        if answer.status != 404 {
            documents.insert(name.to_owned(), answer.good()?);
        }
    }
    if let Some(chain) =
        documents.get("PROOFCHAIN.json").and_then(|b| proofs::proofchain::ProofChain::parse(b).ok())
    {
        for part in chain.parts {
            let bytes = get(client, &format!("/{}", part.file)).await?;
            documents.insert(part.file, bytes);
        }
    }
    Ok(documents)
}

/// First seq and length of each segment; `None` if a caller without a token may not read them.
async fn segments(client: &Client, anonymous: bool) -> Result<Option<Vec<(u64, u64)>>, Failure> {
    let answer = client.send(Method::GET, "/api/ledger/segments", None).await?;
    if anonymous && matches!(answer.status, 401 | 403) {
        return Ok(None);
    }
    let answer = answer.json()?;
    let number = |item: &Value, field| item.get(field).and_then(Value::as_u64);
    Ok(Some(
        items(&answer)
            .iter()
            .filter_map(|item| Some((number(item, "first")?, number(item, "bytes")?)))
            .collect(),
    ))
}
