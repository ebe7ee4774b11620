//! Telling the webhooks what they are owed.
//!
//! What is owed, and when, follows from the log; what was sent, and what came of it, goes into the log. So a
//! restart goes on where it stopped. A message that was taken just before a crash is sent a second time, under the
//! same id.

mod outlet;

use super::{Next, Task, TaskError};
use ingest::webhooks::WebhookSecrets;
use ledger::service::Draft;
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use outlet::Outlet;
use projections::incidents::{Message, PAUSES_MS};
use serde_json::{Value, json};
use serving::live::Live;
use spec::payload::{Delivery, Notice};
use spec::{Author, Kind, Name, Severity, Timestamp, Uuid, Via};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Messages that are on their way at once.
const MAX_IN_FLIGHT: usize = 16;

/// Messages that are on their way at once to one webhook: a slow one leaves the others their turn.
const MAX_IN_FLIGHT_OF_ONE: usize = 2;

/// How long after its time a message is sent: entries of that time are in the log by then.
const SETTLE_MS: u64 = 500;

/// How long after a failure of the ledger it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The longest time between two looks.
const IDLE: Duration = Duration::from_mins(1);

/// What one attempt needs.
#[derive(Debug, Clone)]
struct Parcel {
    org: Name,
    webhook: Uuid,
    url: String,
    message: Message,
}

/// Who is told, and how the log learns of it.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    live: Arc<Live>,
    ledger: Ledger,
    secrets: WebhookSecrets,
    outlet: Outlet,
    flights: Arc<Flights>,
    size: watch::Receiver<u64>,
}

/// The messages that are on their way. They go on when the task that sent them has failed, so that none is sent again
/// for that.
#[derive(Debug)]
pub(crate) struct Flights {
    now: Mutex<BTreeSet<(Uuid, String)>>,
    /// Attempts that came to no end of their own.
    panicked: AtomicBool,
    landed: Notify,
}

/// One of them.
struct Flight {
    flights: Arc<Flights>,
    key: (Uuid, String),
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        let (now, panicked) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { now, panicked, landed: Notify::new() })
    }

    fn now(&self) -> MutexGuard<'_, BTreeSet<(Uuid, String)>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, key: (Uuid, String)) -> Flight {
        self.now().insert(key.clone());
        Flight { flights: Arc::clone(self), key }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.flights.panicked.store(true, Ordering::Release);
        }
        self.flights.now().remove(&self.key);
        self.flights.landed.notify_one();
    }
}

impl Teller {
    /// `allow_private`: whether addresses that are not public may be reached.
    pub(crate) fn new(
        live: Arc<Live>,
        ledger: Ledger,
        secrets: WebhookSecrets,
        allow_private: bool,
        flights: Arc<Flights>,
    ) -> Self {
        let size = live.size();
        Self { live, ledger, secrets, outlet: Outlet::new(allow_private), flights, size }
    }

    /// Sends what is due; how long nothing is to be done.
    fn send_what_is_due(&self) -> Duration {
        let in_flight = self.flights.now().clone();
        let (due, next) = self.due(&in_flight);
        let count = in_flight.len() + due.len();
        for parcel in due {
            let flight = self.flights.begin((parcel.webhook, parcel.message.id.clone()));
            tokio::spawn(self.clone().attempt(parcel, flight));
        }
        match next {
            Some(at) if count < MAX_IN_FLIGHT => {
                let wait = (at.millis() + SETTLE_MS).saturating_sub(self.ledger.now().millis());
                Duration::from_millis(wait.max(50)).min(IDLE)
            }
            _ => IDLE,
        }
    }

    /// What is to be sent now and is not on its way, and when the next of the rest is due.
    fn due(&self, in_flight: &BTreeSet<(Uuid, String)>) -> (Vec<Parcel>, Option<Timestamp>) {
        let now = Timestamp::from_millis(self.ledger.now().millis().saturating_sub(SETTLE_MS));
        let mut places = MAX_IN_FLIGHT.saturating_sub(in_flight.len());
        self.live.with(|folds| {
            let (mut due, mut next) = (Vec::new(), None::<Timestamp>);
            let all =
                folds.incidents().iter().flat_map(|(org, all)| all.webhooks().iter().map(move |w| (org, w)));
            for (org, webhook) in all {
                let id = webhook.standing.id;
                let mut own = MAX_IN_FLIGHT_OF_ONE
                    .saturating_sub(in_flight.iter().filter(|(other, _)| *other == id).count());
                for message in webhook.messages() {
                    if in_flight.contains(&(id, message.id.clone())) {
                        continue;
                    }
                    if message.due > now {
                        next = next.into_iter().chain([message.due]).min();
                    } else if own > 0 && places > 0 {
                        (own, places) = (own - 1, places - 1);
                        let url = webhook.standing.url.clone();
                        due.push(Parcel { org: org.clone(), webhook: id, url, message: message.clone() });
                    }
                }
            }
            (due, next)
        })
    }

    /// Sends a message once and records what came of it. It is on its way until the folds know that.
    async fn attempt(self, parcel: Parcel, _flight: Flight) {
        let notice = self.send(&parcel).await;
        loop {
            match self.record(&parcel, &notice).await {
                Ok(Some(size)) => {
                    // The sender lives as long as the folds.
                    let _ = self.live.size().wait_for(|folded| *folded >= size).await;
                    return;
                }
                Ok(None) | Err(AppendError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, webhook = %parcel.webhook, "what became of a message has to wait");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn send(&self, parcel: &Parcel) -> Notice {
        let message = &parcel.message;
        let attempt = message.attempts + 1;
        let status = match self.secret(parcel.webhook) {
            // Without its secret it never can be told.
            None => Err(true),
            Some(secret) => {
                let body = body(parcel).to_string();
                self.outlet.post(&parcel.url, &secret, &message.id, self.ledger.now(), body).await.map_err(|why| {
                    tracing::info!(webhook = %parcel.webhook, message = message.id, %why, "a message was not taken");
                    false
                })
            }
        };
        let last = attempt > PAUSES_MS.len() as u64;
        let outcome = match status {
            Ok(200..=299) => Delivery::Delivered,
            Ok(410) | Err(true) => Delivery::GivenUp,
            _ if last => Delivery::GivenUp,
            _ => Delivery::Failed,
        };
        let events = message.items.iter().map(|item| item.event).collect();
        let status = status.ok().map(u64::from);
        Notice { attempt, events, message: message.id.clone(), outcome, status, webhook: parcel.webhook }
    }

    fn secret(&self, webhook: Uuid) -> Option<[u8; 32]> {
        match self.secrets.load(webhook) {
            Ok(Some(secret)) => Some(secret.0),
            Ok(None) => {
                tracing::error!(%webhook, "this service does not have the webhook's secret; make it anew");
                None
            }
            Err(error) => {
                tracing::error!(%webhook, %error, "the webhook's secret cannot be read; make it anew");
                None
            }
        }
    }

    /// Appends the notice; the size of the log with it.
    async fn record(&self, parcel: &Parcel, notice: &Notice) -> Result<Option<u64>, AppendError> {
        let name = |text: &str| text.parse::<Name>().unwrap_or_else(|_| unreachable!("{text} is a name"));
        let draft = Draft {
            author: Author::Service(name("webhooks")),
            via: Via { method: name("self"), subject: None },
            kind: Kind::Notice,
            org: parcel.org.clone(),
            tenant: None,
            node_id: None,
            severity: Some(if notice.outcome == Delivery::Delivered {
                Severity::Info
            } else {
                Severity::Low
            }),
            ts: None,
            id: None,
            payload: serde_json::to_value(notice).unwrap_or_default(),
        };
        let event = match self.ledger.sign(&draft) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, webhook = %parcel.webhook, "what became of a message cannot be said");
                return Ok(None);
            }
        };
        let appended = self.ledger.append_own(vec![event], AppendOptions::default()).await?;
        match appended.outcomes.first() {
            Some(Outcome::Recorded(receipt)) => Ok(Some(receipt.seq + 1)),
            other => {
                tracing::error!(?other, webhook = %parcel.webhook, "what became of a message was refused");
                Ok(None)
            }
        }
    }
}

impl Task for Teller {
    async fn step(&mut self) -> Result<Next, TaskError> {
        self.size.borrow_and_update();
        if self.flights.panicked.swap(false, Ordering::AcqRel) {
            return Err(TaskError::Attempt);
        }
        Ok(Next::In(self.send_what_is_due()))
    }

    async fn word(&mut self) {
        tokio::select! {
            // The sender lives as long as the folds.
            _ = self.size.changed() => {}
            () = self.flights.landed.notified() => {}
        }
    }
}

/// What is sent: type and time as Standard Webhooks has them, and everything of that type in order.
fn body(parcel: &Parcel) -> Value {
    let message = &parcel.message;
    json!({
        "type": message.r#type,
        "timestamp": message.items.first().map(|first| first.by.at),
        "data": {"org": parcel.org, "webhook": parcel.webhook, "items": message.items},
    })
}
