//! A look at the disk, and word of it: that it is nearly full is an incident of the organisation `ledger`, which webhooks
//! hear of, and it is over when there is room again.

use super::{Next, Task, TaskError};
use ledger::service::Draft;
use ledger::space::Room;
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, LEDGER_ORG, Name, Severity, Via};
use std::future::pending;
use std::time::Duration;

/// Between two looks: what the fastest writers write meanwhile is a part of the reserve.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks at the disk.
#[derive(Debug)]
pub(crate) struct DiskWatch {
    ledger: Ledger,
    /// The incident that is open.
    told: Option<Hash>,
}

impl DiskWatch {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger, told: None }
    }

    /// Says something in the service's name; the hash by which others name it. None if there is no room even for that.
    async fn say(&self, kind: Kind, payload: Value) -> Result<Option<Hash>, TaskError> {
        let name = |text: &str| text.parse::<Name>().ok();
        let (Some(admin), Some(org)) = (name("admin"), name(LEDGER_ORG)) else { return Ok(None) };
        let draft = Draft {
            author: Author::Service(admin.clone()),
            via: Via { method: admin, subject: None },
            kind,
            org,
            tenant: None,
            node_id: None,
            severity: Some(Severity::Critical),
            ts: None,
            id: None,
            payload,
        };
        let Ok(event) = self.ledger.sign(&draft) else { return Ok(None) };
        let hash = event.hash();
        match self.ledger.append_own(vec![event], AppendOptions::default()).await {
            Ok(appended) => Ok(appended.outcomes.first().and_then(Outcome::receipt).map(|_| hash)),
            Err(AppendError::NoSpace) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Task for DiskWatch {
    async fn step(&mut self) -> Result<Next, TaskError> {
        match (self.ledger.look_at_space(), self.told) {
            (Room::Enough, Some(target)) => {
                let payload = json!({"target": target, "text": "there is room again"});
                self.say(Kind::Resolve, payload).await?;
                self.told = None;
            }
            (Room::Short, None) => {
                let text = "Less is free than the reserve. Until there is room no events are taken; nodes keep theirs, \
                            and everything can be read.";
                let payload = json!({"title": "the disk of the ledger is nearly full", "text": text});
                self.told = self.say(Kind::Incident, payload).await?;
            }
            _ => {}
        }
        Ok(Next::In(LOOK_EVERY))
    }

    async fn word(&mut self) {
        pending::<()>().await;
    }
}
