//! What comes to the sequencer, and which of it is next.

use crate::intake::Submission;
use crate::sequencer::Message;
use tokio::sync::mpsc;

/// The ways to the sequencer.
#[derive(Debug, Clone)]
pub(crate) struct Inlets {
    /// Events that must not wait.
    pub(crate) urgent: mpsc::UnboundedSender<Submission>,
    /// All other events.
    pub(crate) plain: mpsc::UnboundedSender<Submission>,
    /// What is no event of a caller's.
    pub(crate) others: mpsc::UnboundedSender<Message>,
}

/// The sequencer's end of them.
#[derive(Debug)]
pub(crate) struct Outlets {
    urgent: mpsc::UnboundedReceiver<Submission>,
    plain: mpsc::UnboundedReceiver<Submission>,
    others: mpsc::UnboundedReceiver<Message>,
    /// Whether the last group began with what is urgent: then the next begins with something else, if there is any.
    was_urgent: bool,
}

/// Both ends.
pub(crate) fn inlets() -> (Inlets, Outlets) {
    let (urgent, urgents) = mpsc::unbounded_channel();
    let (plain, plains) = mpsc::unbounded_channel();
    let (others, messages) = mpsc::unbounded_channel();
    let outlets = Outlets { urgent: urgents, plain: plains, others: messages, was_urgent: false };
    (Inlets { urgent, plain, others }, outlets)
}

/// What is next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Events, and whether they are urgent.
    Events(Submission, bool),
    /// Something else.
    Other(Message),
}

impl Outlets {
    /// Waits for what is next; `None` when nobody can send anything any more.
    pub(crate) async fn next(&mut self) -> Option<Next> {
        let next = if let Some(next) = self.waiting() {
            next
        } else {
            tokio::select! {
                biased;
                Some(submission) = self.urgent.recv() => Next::Events(submission, true),
                Some(message) = self.others.recv() => Next::Other(message),
                Some(submission) = self.plain.recv() => Next::Events(submission, false),
                else => return None,
            }
        };
        self.was_urgent = matches!(next, Next::Events(_, true));
        Some(next)
    }

    /// What is next of what waits. What is urgent comes first, but never twice before anything else.
    fn waiting(&mut self) -> Option<Next> {
        if !self.was_urgent
            && let Ok(submission) = self.urgent.try_recv()
        {
            return Some(Next::Events(submission, true));
        }
        if let Ok(message) = self.others.try_recv() {
            return Some(Next::Other(message));
        }
        if let Ok(submission) = self.plain.try_recv() {
            return Some(Next::Events(submission, false));
        }
        Some(Next::Events(self.urgent.try_recv().ok()?, true))
    }

    /// More for a group that has begun. One with what is urgent takes nothing else, and one with anything else ends when
    /// something urgent comes: it is soon answered.
    pub(crate) fn more(&mut self, urgent: bool) -> Option<Submission> {
        if urgent {
            self.urgent.try_recv().ok()
        } else if self.urgent.is_empty() {
            self.plain.try_recv().ok()
        } else {
            None
        }
    }

    /// Events that wait, of whatever kind, for whoever takes nothing else any more.
    pub(crate) fn rest(&mut self) -> Option<(Submission, bool)> {
        match self.urgent.try_recv() {
            Ok(submission) => Some((submission, true)),
            Err(_) => Some((self.plain.try_recv().ok()?, false)),
        }
    }

    /// Takes nothing more; what waits can still be had.
    pub(crate) fn close(&mut self) {
        self.urgent.close();
        self.plain.close();
        self.others.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::AppendOptions;

    fn submission() -> Submission {
        Submission::empty(AppendOptions::default())
    }

    fn taken(next: Option<&Next>) -> &'static str {
        match next {
            Some(Next::Events(_, true)) => "urgent",
            Some(Next::Events(_, false)) => "plain",
            Some(Next::Other(_)) => "other",
            None => "nothing",
        }
    }

    #[tokio::test]
    async fn what_is_urgent_comes_first_and_lets_others_through() {
        let (to, mut from) = inlets();
        for _ in 0..3 {
            to.plain.send(submission()).unwrap();
        }
        to.others.send(Message::Stop { seal: false }).unwrap();
        for _ in 0..3 {
            to.urgent.send(submission()).unwrap();
        }
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(taken(from.next().await.as_ref()));
        }
        assert_eq!(order, ["urgent", "other", "urgent"]);
        assert_eq!(taken(from.next().await.as_ref()), "plain");
        assert!(from.more(false).is_none(), "something urgent waits");
        assert_eq!(taken(from.next().await.as_ref()), "urgent");
        assert!(from.more(true).is_none(), "its group is its own");
        assert_eq!(taken(from.next().await.as_ref()), "plain");
        assert!(from.more(false).is_some());
        drop(to);
        assert_eq!(taken(from.next().await.as_ref()), "nothing");
    }
}
