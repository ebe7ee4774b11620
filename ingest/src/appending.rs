//! Events on their way into the ledger: what is there already is answered from the log, beside the sequencer; what is new
//! is settled, and only then gets a place.
//!
//! Whoever sends what the ledger has pays for the look. It is not charged to the key that signed: anybody who has seen an
//! event can send it again.

use ledger::space::Room;
use ledger::{AppendError, AppendOptions, Appended, Outcome, Receipt};
use spec::Event;
use std::sync::Arc;
use web::problem::internal;
use web::{App, Call, Problem};

/// From so many events on the look at memory is taken elsewhere.
const MAX_INLINE_LOOKS: usize = 64;

/// Who has signed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Their authors.
    Authors,
    /// This service, just now.
    Service,
}

/// Appends events, and says of each what became of it.
///
/// # Errors
/// None of them was recorded that was not before: somebody has spent all they may, or there is no room.
pub(crate) async fn append(
    call: &Call,
    events: Vec<Event>,
    by: By,
    inclusion: bool,
) -> Result<Appended, Problem> {
    let Known { events, mut receipts, appended } = known(call, events, inclusion).await?;
    if let Some(appended) = appended {
        appended.trace();
        return Ok(appended);
    }
    if call.app.ledger().room() != Room::Enough {
        return Err(AppendError::NoSpace.into());
    }
    let new = receipts.iter().zip(events).filter(|(receipt, _)| receipt.is_none()).map(|(_, event)| event);
    let new: Vec<Event> = new.collect();
    let options = AppendOptions { inclusion, urgent: call.is_urgent() };
    let ledger = call.app.ledger();
    let mut appended = match by {
        By::Authors => ledger.append_metered(new, options, call.meter()).await?,
        By::Service => {
            call.settle(new.len(), new.iter().map(|event| event.payload.json.len() + 1024).sum())?;
            ledger.append_own(new, options).await?
        }
    };
    if inclusion && receipts.iter().any(Option::is_some) {
        let size = appended.size;
        receipts = call.reading(move |app| async move { proved(&app, receipts, size) }).await?;
    }
    let mut new = std::mem::take(&mut appended.outcomes).into_iter();
    appended.outcomes =
        receipts.into_iter().filter_map(|receipt| receipt.map_or_else(|| new.next(), recorded)).collect();
    Ok(appended)
}

/// Appends one event, which is recorded or refused.
pub(crate) async fn append_one(call: &Call, event: Event, by: By) -> Result<(Receipt, Appended), Problem> {
    let mut appended = append(call, vec![event], by, true).await?;
    let receipt = result_of(appended.outcomes.pop())?;
    Ok((receipt, appended))
}

/// What became of an event.
pub(crate) fn result_of(outcome: Option<Outcome>) -> Result<Receipt, Problem> {
    match outcome {
        Some(Outcome::Recorded(receipt)) => Ok(receipt),
        Some(Outcome::Refused { refused, recorded }) => Err(Problem::refused(&refused, recorded)),
        None => Err(internal("the ledger said nothing of an event")),
    }
}

/// Which of some events are in the ledger.
struct Known {
    events: Vec<Event>,
    receipts: Vec<Option<Receipt>>,
    /// The whole answer, if all of them are.
    appended: Option<Appended>,
}

async fn known(call: &Call, events: Vec<Event>, inclusion: bool) -> Result<Known, Problem> {
    let look = |app: &App, events: &[Event]| -> Vec<bool> {
        events.iter().map(|event| app.ledger().may_have(event)).collect()
    };
    let (events, candidates) = if events.len() <= MAX_INLINE_LOOKS {
        let candidates = look(&call.app, &events);
        (events, candidates)
    } else {
        call.blocking(move |app| {
            let candidates = look(app, &events);
            Ok((events, candidates))
        })
        .await?
    };
    let count = candidates.iter().filter(|candidate| **candidate).count();
    if count == 0 {
        let receipts = vec![None; events.len()];
        return Ok(Known { events, receipts, appended: None });
    }
    call.settle_duplicates(count)?;
    call.reading(move |app| async move {
        let mut receipts = Vec::with_capacity(events.len());
        for (event, candidate) in events.iter().zip(candidates) {
            receipts.push(if candidate {
                app.ledger().recorded(event).await.map_err(internal)?
            } else {
                None
            });
        }
        let mut appended = None;
        if receipts.iter().all(Option::is_some) {
            let head = app.ledger().head().borrow().clone();
            if inclusion {
                receipts = proved(&app, receipts, head.size)?;
            }
            let outcomes = receipts.drain(..).flatten().map(Outcome::Recorded).collect();
            appended = Some(Appended { outcomes, checkpoint: Arc::clone(&head.note), size: head.size });
        }
        Ok(Known { events, receipts, appended })
    })
    .await
}

fn proved(app: &App, mut receipts: Vec<Option<Receipt>>, size: u64) -> Result<Vec<Option<Receipt>>, Problem> {
    app.ledger().prove(receipts.iter_mut().flatten(), size).map_err(internal)?;
    Ok(receipts)
}

#[expect(clippy::unnecessary_wraps, reason = "the other one of two ways")]
fn recorded(receipt: Receipt) -> Option<Outcome> {
    Some(Outcome::Recorded(receipt))
}
