//! `ROOT.txt`: the newest checkpoint, at most a second old under load and at once when idle; and `COSIGNED.txt`: the
//! newest that has its quorum of witnesses.
//!
//! Written by a thread of its own, so that no append waits for it.

use crate::storage::{Storage, StorageError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Name of the document with the newest checkpoint.
pub(crate) const ROOT_FILE: &str = "ROOT.txt";

/// Name of the document with the newest checkpoint that has its quorum.
pub(crate) const COSIGNED_FILE: &str = "COSIGNED.txt";

/// Least time between two writes.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs a storage future on the present thread; those of the embedded storage never wait.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[derive(Debug, Default)]
struct Slot {
    note: Option<Arc<str>>,
    /// Size of the newest checkpoint that was handed over.
    newest: u64,
    cosigned: Option<Arc<str>>,
    closed: bool,
}

/// Where cosigned checkpoints are handed over.
#[derive(Debug, Clone)]
pub(crate) struct Notes(Arc<(Mutex<Slot>, Condvar)>);

impl Notes {
    /// Hands over a checkpoint with its quorum; it is `ROOT.txt` too while no newer one is there.
    pub(crate) fn cosigned(&self, size: u64, note: Arc<str>) {
        let (slot, changed) = &*self.0;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.newest == size {
            slot.note = Some(Arc::clone(&note));
        }
        slot.cosigned = Some(note);
        changed.notify_one();
    }
}

/// The writer of `ROOT.txt` and `COSIGNED.txt`.
#[derive(Debug)]
pub(crate) struct Watermark {
    shared: Arc<(Mutex<Slot>, Condvar)>,
    thread: Option<std::thread::JoinHandle<Result<(), StorageError>>>,
}

impl Watermark {
    pub(crate) fn start(storage: Arc<dyn Storage>) -> std::io::Result<Self> {
        let shared: Arc<(Mutex<Slot>, Condvar)> = Arc::default();
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("root-txt".to_owned()).spawn(move || run(&theirs, &*storage))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Hands over the newest checkpoint; an older one not yet written is dropped.
    pub(crate) fn publish(&self, size: u64, note: Arc<str>) {
        let (slot, changed) = &*self.shared;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.newest = size;
        slot.note = Some(note);
        changed.notify_one();
    }

    /// Where cosigned checkpoints are handed over.
    pub(crate) fn notes(&self) -> Notes {
        Notes(Arc::clone(&self.shared))
    }

    /// Whether writing has failed.
    pub(crate) fn failed(&self) -> bool {
        self.thread.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
    }

    /// Writes what is left and ends.
    pub(crate) fn close(&mut self) -> Result<(), StorageError> {
        let (slot, changed) = &*self.shared;
        slot.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        changed.notify_one();
        match self.thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StorageError::Unknown {
                operation: "write",
                name: ROOT_FILE.to_owned(),
                source: std::io::Error::other("its thread panicked"),
            }),
            None => Ok(()),
        }
    }
}

/// An older checkpoint must not be written once somebody else may have opened the ledger.
impl Drop for Watermark {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "ROOT.txt");
        }
    }
}

fn run(shared: &(Mutex<Slot>, Condvar), storage: &dyn Storage) -> Result<(), StorageError> {
    let (slot, changed) = shared;
    loop {
        let mut guard = slot.lock().unwrap_or_else(PoisonError::into_inner);
        while guard.note.is_none() && guard.cosigned.is_none() && !guard.closed {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        let (root, cosigned) = (guard.note.take(), guard.cosigned.take());
        if root.is_none() && cosigned.is_none() {
            return Ok(());
        }
        drop(guard);
        for (name, note) in [(ROOT_FILE, root), (COSIGNED_FILE, cosigned)] {
            if let Some(note) = note {
                block_on(storage.put(name, note.as_bytes()))
                    .inspect_err(|e| tracing::error!(error = %e, "{name}"))?;
            }
        }
        let guard = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken early only to close; a newer checkpoint waits for the pause to end.
        drop(changed.wait_timeout_while(guard, PAUSE, |slot| !slot.closed));
    }
}
