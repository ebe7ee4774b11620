//! Whoever counts what an organisation has before it makes one more has a turn: between the count and what is made
//! nobody else of the organisation counts.

use spec::Name;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OwnedMutexGuard;

/// Turns at counting, an organisation each.
#[derive(Debug, Default)]
pub struct Turns {
    of: Mutex<BTreeMap<Name, Weak<tokio::sync::Mutex<()>>>>,
}

/// A turn; it ends when this goes.
#[derive(Debug)]
pub struct Turn {
    _held: OwnedMutexGuard<()>,
}

impl Turns {
    /// A turn of an organisation, once those before have ended.
    pub async fn of(&self, org: &Name) -> Turn {
        let turn = self.turn(org);
        Turn { _held: turn.lock_owned().await }
    }

    fn turn(&self, org: &Name) -> Arc<tokio::sync::Mutex<()>> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = of.get(org).and_then(Weak::upgrade) {
            return turn;
        }
        // Nobody waits for the others any more.
        of.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        of.insert(org.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_organisation_has_one_turn_at_a_time_and_others_theirs() {
        let (turns, name) = (Turns::default(), |text: &str| text.parse::<Name>().unwrap());
        let held = turns.of(&name("acme")).await;
        assert!(turns.turn(&name("acme")).try_lock().is_err());
        drop(turns.of(&name("umbrella")).await);
        drop(held);
        drop(turns.of(&name("acme")).await);
        turns.of(&name("other")).await;
        assert_eq!(turns.of.lock().unwrap().len(), 1);
    }
}
