//! Streams that are open: so many in all, of one principal and from one address.
//!
//! A request that is answered and done is limited by its rate. A stream stays, and each one costs memory and a
//! connection for as long as it does.

use crate::app::App;
use crate::bucket::Subject;
use crate::dispatch::Call;
use crate::limits::STREAM_RETRY_SECS;
use crate::problem::{Problem, QUEUE_FULL, RATE_LIMITED};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The streams that are open.
#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: BTreeMap<Subject, usize>,
}

impl Seats {
    /// How many are open.
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one stream; dropped, it is free again.
#[derive(Debug)]
pub struct Seat {
    app: App,
    subjects: Vec<Subject>,
}

impl Call {
    /// A place for one more stream of whoever asks.
    ///
    /// # Errors
    /// The refusal when all places, or all of theirs, are taken.
    pub fn seat(&self) -> Result<Seat, Problem> {
        let limits = &self.app.config().limits;
        let limited = [
            (self.principal.subject(), limits.identity_streams, "with these credentials"),
            (self.address(), limits.address_streams, "from your address"),
        ];
        let limited = limited.into_iter().filter_map(|(subject, most, whose)| Some((subject?, most, whose)));
        let subjects = self.app.take_seat(&limited.collect::<Vec<_>>())?;
        Ok(Seat { app: self.app.clone(), subjects })
    }
}

impl App {
    fn take_seat(&self, limited: &[(Subject, usize, &str)]) -> Result<Vec<Subject>, Problem> {
        let mut taken = self.inner.seats.lock();
        for (subject, most, whose) in limited {
            if taken.of.get(subject).is_some_and(|taken| taken >= most) {
                let detail = format!("{most} streams are open {whose}; close one");
                return Err(Problem::new(RATE_LIMITED, detail).retry_after(STREAM_RETRY_SECS));
            }
        }
        let most = self.config().limits.streams;
        if taken.all >= most {
            let detail = format!("{most} streams are open, and no more are held");
            return Err(Problem::new(QUEUE_FULL, detail).retry_after(STREAM_RETRY_SECS));
        }
        taken.all += 1;
        let subjects: Vec<Subject> = limited.iter().map(|(subject, ..)| *subject).collect();
        for subject in &subjects {
            *taken.of.entry(*subject).or_default() += 1;
        }
        Ok(subjects)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.app.inner.seats.lock();
        taken.all -= 1;
        for subject in &self.subjects {
            if let Some(count) = taken.of.get_mut(subject) {
                *count -= 1;
                if *count == 0 {
                    taken.of.remove(subject);
                }
            }
        }
    }
}
