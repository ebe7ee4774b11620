//! What the agent waits for when nothing is due.

use crate::control::commander::Commander;
use crate::control::work::Done;
use crate::network::{NetworkError, Response};
use spec::Hash;
use std::pin::Pin;

/// What the agent was waiting for.
pub(super) enum Awaited {
    Time,
    Answer(Result<Response, NetworkError>),
    Done((Hash, Done)),
}

/// The answer to a question, if one is open.
pub(super) async fn answered<F: Future<Output = Result<Response, NetworkError>>>(
    asking: Option<&mut Pin<Box<F>>>,
) -> Result<Response, NetworkError> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// The next command that is over, if any are carried out here.
pub(super) async fn ended(commander: Option<&mut Commander>) -> (Hash, Done) {
    if let Some(commander) = commander
        && let Some(done) = commander.next_done().await
    {
        return done;
    }
    std::future::pending().await
}
