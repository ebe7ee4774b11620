//! Streams that are open, and questions that wait for their answers: so many in all, and of each who might take all.
//!
//! A request that is answered and done is limited by its rate. What stays costs memory and a connection for as long as
//! it does.

use crate::budget::Room;
use crate::connection::Turn;
use crate::dispatch::Call;
use crate::problem::Problem;
use std::sync::Arc;

/// The place of one stream; dropped, it is free again.
#[derive(Debug)]
pub struct Seat(#[expect(dead_code, reason = "it is held for as long as the stream is")] Room);

/// The place of a question that waits; dropped, it is free again.
#[derive(Debug)]
pub struct Wait {
    _room: Room,
    turn: Option<Arc<Turn>>,
}

impl Call {
    /// A place for one more stream of whoever asks.
    ///
    /// # Errors
    /// The refusal when all places, or all of theirs, are taken.
    pub fn seat(&self) -> Result<Seat, Problem> {
        let mut room = self.app.inner.streams.room(self.holder());
        room.grow(1).map(|()| Seat(room))
    }

    /// A place for a question that waits; without one it is answered at once.
    pub fn wait(&self) -> Option<Wait> {
        let inner = &self.app.inner;
        let pool = if self.is_public() { &inner.open_polls } else { &inner.polls };
        let mut room = pool.room(self.holder());
        room.grow(1).ok()?;
        let turn = self.turn().cloned();
        if let Some(turn) = &turn {
            turn.rest(self.is_public());
        }
        Some(Wait { _room: room, turn })
    }
}

impl Wait {
    /// Done when the connection is needed for somebody else.
    pub async fn ended(&self) {
        match &self.turn {
            Some(turn) => turn.unwanted().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(turn) = &self.turn {
            turn.rest(false);
        }
    }
}
