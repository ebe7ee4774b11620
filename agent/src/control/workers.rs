//! Threads that carry commands out, a few at once.

use super::policy::Task;
use super::work::Done;
use spec::Hash;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Commands that are carried out at once; further ones wait.
const MAX_RUNNING: usize = 4;

/// A function that carries tasks out.
pub type Worker = Arc<dyn Fn(&Task) -> Done + Send + Sync>;

/// Tasks at work, and those that wait for a thread.
pub(crate) struct Workers {
    worker: Worker,
    waiting: VecDeque<(Hash, Task)>,
    running: usize,
    tell: mpsc::UnboundedSender<(Hash, Done)>,
    told: mpsc::UnboundedReceiver<(Hash, Done)>,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { waiting, running, .. } = self;
        f.debug_struct("Workers").field("waiting", waiting).field("running", running).finish_non_exhaustive()
    }
}

impl Workers {
    pub(crate) fn new(worker: Worker) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { worker, waiting: VecDeque::new(), running: 0, tell, told }
    }

    /// Takes a command's task on.
    pub(crate) fn take(&mut self, command: Hash, task: Task) {
        self.waiting.push_back((command, task));
        self.start();
    }

    /// Waits for a task to be over; none ever is where none is taken on.
    pub(crate) async fn next_done(&mut self) -> Option<(Hash, Done)> {
        self.told.recv().await
    }

    /// A task that was over has been told of: its place is free.
    pub(crate) fn free(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.start();
    }

    /// Starts what waits, as far as there is room.
    fn start(&mut self) {
        while self.running < MAX_RUNNING
            && let Some((command, task)) = self.waiting.pop_front()
        {
            self.running += 1;
            let (tell, worker) = (self.tell.clone(), Arc::clone(&self.worker));
            let work = move || {
                // The agent ends before its commands only with the process.
                let _ = tell.send((command, worker(&task)));
            };
            if let Err(error) = std::thread::Builder::new().name("command".to_owned()).spawn(work) {
                let _ = self.tell.send((command, Done::saying(false, &format!("no thread: {error}"))));
            }
        }
    }
}
