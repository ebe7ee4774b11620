//! Time, network, disk and chance for a simulated node.

use crate::ledger::Ledger;
use spec::payload::{Heartbeat, Reading};
use spec::{Event, Hash, PublicKey, Timestamp};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use vaultmesh_agent::clock::{Clock, Now};
use vaultmesh_agent::disk::Disk;
use vaultmesh_agent::entropy::Entropy;
use vaultmesh_agent::heartbeat::{OwnState, Sampler};
use vaultmesh_agent::network::{Network, NetworkError, Request, Response};

/// When every simulation begins.
pub fn start() -> Timestamp {
    Timestamp::parse("2026-11-21T20:42:00.000Z").unwrap()
}

/// Chance that repeats itself: one seed, one run.
#[derive(Clone, Debug)]
pub struct Chance(blake3::OutputReader);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    pub fn below(&mut self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end.max(1)
    }
}

impl Entropy for Chance {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.fill(bytes);
        Ok(())
    }
}

/// What the network does to one request.
pub enum Fault {
    /// Carries it.
    None,
    /// The request does not arrive.
    Lost,
    /// The request arrives, the answer does not.
    AnswerLost,
    /// Something answers in the service's place.
    Instead(Response),
    /// The answer is changed on its way.
    Changed(Box<dyn FnOnce(&mut Response)>),
}

type Script = Box<dyn FnMut(&Request, Duration) -> Fault>;

/// The rest of the world, shared by all nodes of a test.
pub struct World {
    pub ledger: RefCell<Ledger>,
    steady: Cell<Duration>,
    end: Cell<Duration>,
    script: RefCell<Script>,
    /// Every event that left a node, by its place in the chain.
    pub sent: RefCell<BTreeMap<(PublicKey, String, u64), Hash>>,
    /// When each request left, and where to.
    pub requests: RefCell<Vec<(Duration, String)>>,
    /// Whether two events for one place are what the test is about.
    pub clones: Cell<bool>,
}

impl World {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            ledger: RefCell::new(Ledger::new(start())),
            steady: Cell::new(Duration::ZERO),
            end: Cell::new(Duration::ZERO),
            script: RefCell::new(Box::new(|_, _| Fault::None)),
            sent: RefCell::default(),
            requests: RefCell::default(),
            clones: Cell::new(false),
        })
    }

    pub fn script(&self, script: impl FnMut(&Request, Duration) -> Fault + 'static) {
        *self.script.borrow_mut() = Box::new(script);
    }

    pub fn steady(&self) -> Duration {
        self.steady.get()
    }

    fn pass(&self, time: Duration) {
        self.steady.set(self.steady.get() + time);
        self.ledger.borrow_mut().now = self.now().wall;
    }

    /// Lets `future` run until it is done or `time` has passed.
    pub fn run_for<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        let end = self.steady.get() + time;
        self.end.set(end);
        let done = match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        };
        self.pass(end.saturating_sub(self.steady.get()));
        done
    }

    /// Notes what leaves a node; two different events for one place must never leave.
    fn note(&self, request: &Request) {
        self.requests.borrow_mut().push((self.steady.get(), request.path.clone()));
        let body = match &request.body {
            Some((_, body)) if !request.path.starts_with("/api/nodes") => body,
            _ => return,
        };
        for line in body.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let event = Event::parse(line).unwrap();
            let link = event.header.chain.unwrap();
            let place = (event.header.key, link.epoch.to_string(), link.seq);
            let before = self.sent.borrow_mut().insert(place, event.hash());
            assert!(
                self.clones.get() || before.is_none_or(|hash| hash == event.hash()),
                "two events were sent for place {} of epoch {}",
                link.seq,
                link.epoch
            );
        }
    }
}

impl Clock for &World {
    fn now(&self) -> Now {
        let wall = start().millis() + u64::try_from(self.steady.get().as_millis()).unwrap();
        Now { wall: Timestamp::from_millis(wall), steady: self.steady.get() }
    }

    async fn sleep_until(&self, steady: Duration) {
        if steady > self.end.get() {
            std::future::pending::<()>().await;
        }
        self.pass(steady.saturating_sub(self.steady.get()));
    }
}

impl Network for &World {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        self.note(&request);
        self.pass(Duration::from_millis(20));
        if self.steady.get() > self.end.get() + Duration::from_mins(1) {
            std::future::pending::<()>().await;
        }
        let fault = (self.script.borrow_mut())(&request, self.steady.get());
        let handle = || self.ledger.borrow_mut().handle(&request);
        match fault {
            Fault::None => Ok(handle()),
            Fault::Lost => Err(NetworkError("connection refused".to_owned())),
            Fault::AnswerLost => {
                handle();
                Err(NetworkError("timed out".to_owned()))
            }
            Fault::Instead(response) => Ok(response),
            Fault::Changed(change) => {
                let mut response = handle();
                change(&mut response);
                Ok(response)
            }
        }
    }
}

impl World {
    pub fn now(&self) -> Now {
        Clock::now(&self)
    }
}

/// A node whose state is always the same.
#[derive(Clone, Copy, Debug)]
pub struct Still;

impl Sampler for Still {
    fn sample(&mut self, own: &OwnState) -> Heartbeat {
        let mut heartbeat = Heartbeat::read(&format!(
            r#"{{"node_id":"{}","hostname":"n","os_profile":"DebianVault","cloudflare_ok":"unknown",
                "services_ok":true,"vaultmesh_root":"/","timestamp":"{}"}}"#,
            own.node_id, own.now
        ))
        .unwrap();
        heartbeat.interval_secs = Some(own.interval_secs);
        heartbeat.spool_depth = Some(own.spool_depth);
        heartbeat.spool_dropped = Some(own.spool_dropped);
        heartbeat.clock_offset_ms = Some(Reading::from(own.clock_offset_ms));
        heartbeat.policy_hash = own.policy_hash;
        heartbeat
    }
}

/// A disk that can lose power: contents that were not synced may be lost, in part or whole, and names
/// that were not synced may be the old ones.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Rc<RefCell<Files>>);

#[derive(Clone, Debug, Default)]
struct Files {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    operations: u64,
    /// The operation during which the power fails.
    fails_at: Option<u64>,
    /// The operation that fails, once, with nothing else wrong.
    error_at: Option<u64>,
    dead: bool,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    data: Vec<u8>,
    /// How many bytes from the start are on the disk.
    synced: usize,
    /// What the disk has instead, if synced bytes were cut off and that was not synced.
    uncut: Option<Vec<u8>>,
}

impl SimDisk {
    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.0.borrow().operations
    }

    pub fn fail_at(&self, operation: u64) {
        self.0.borrow_mut().fails_at = Some(operation);
    }

    pub fn error_at(&self, operation: u64) {
        self.0.borrow_mut().error_at = Some(operation);
    }

    pub fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    /// A second disk with the same contents.
    pub fn copy(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// What is left when the power comes back.
    pub fn reboot(&self, chance: &mut Chance) -> Self {
        let mut files = self.0.borrow().clone();
        let all: Vec<String> = files.names.keys().chain(files.synced_names.keys()).cloned().collect();
        for name in all {
            let (new, old) = (files.names.get(&name).copied(), files.synced_names.get(&name).copied());
            match if chance.below(2) == 0 { new } else { old } {
                Some(inode) => files.synced_names.insert(name, inode),
                None => files.synced_names.remove(&name),
            };
        }
        for inode in &mut files.inodes {
            *inode = Inode::whole(inode.after_power_loss(chance));
        }
        files.names.clone_from(&files.synced_names);
        files.dead = false;
        files.fails_at = None;
        Self(Rc::new(RefCell::new(files)))
    }

    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let files = self.0.borrow();
        Some(files.inodes[*files.names.get(name)?].data.clone())
    }

    pub fn set(&self, name: &str, data: Option<Vec<u8>>) {
        let mut files = self.0.borrow_mut();
        files.names.remove(name);
        files.synced_names.remove(name);
        if let Some(data) = data {
            let inode = files.inodes.len();
            files.inodes.push(Inode::whole(data));
            files.names.insert(name.to_owned(), inode);
            files.synced_names.insert(name.to_owned(), inode);
        }
    }

    fn operate<T>(
        &self,
        partly: impl FnOnce(&mut Files),
        wholly: impl FnOnce(&mut Files) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut files = self.0.borrow_mut();
        if files.dead {
            return Err(io::Error::other("the power is gone"));
        }
        let operation = files.operations;
        files.operations += 1;
        if files.fails_at == Some(operation) {
            partly(&mut files);
            files.dead = true;
            return Err(io::Error::other("the power has failed"));
        }
        if files.error_at == Some(operation) {
            partly(&mut files);
            return Err(io::Error::other("input/output error"));
        }
        wholly(&mut files)
    }
}

impl Inode {
    /// A file that is on the disk as it stands.
    fn whole(data: Vec<u8>) -> Self {
        Self { synced: data.len(), data, uncut: None }
    }

    fn after_power_loss(&self, chance: &mut Chance) -> Vec<u8> {
        if let Some(uncut) = self.uncut.as_ref().filter(|_| chance.below(2) == 0) {
            return uncut.clone();
        }
        let unsynced = (self.data.len() - self.synced) as u64;
        let kept = usize::try_from(chance.below(unsynced + 1)).unwrap();
        let mut data = self.data[..self.synced + kept].to_vec();
        if kept > 0 && chance.below(4) == 0 {
            // A block that never reached the disk, before one that did.
            let hole = usize::try_from(chance.below(kept as u64)).unwrap();
            data[self.synced..self.synced + hole].fill(0);
        }
        data
    }
}

impl Files {
    fn inode(&mut self, name: &str) -> io::Result<&mut Inode> {
        let inode = *self.names.get(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(&mut self.inodes[inode])
    }
}

impl Disk for SimDisk {
    fn len(&self, name: &str) -> io::Result<Option<u64>> {
        let files = self.0.borrow();
        if files.dead {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(files.names.get(name).map(|inode| files.inodes[*inode].data.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut files = self.0.borrow_mut();
        if files.dead {
            return Err(io::Error::other("the power is gone"));
        }
        let data = &files.inode(name)?.data;
        let from = usize::try_from(offset).unwrap().min(data.len());
        Ok(data[from..(from + len).min(data.len())].to_vec())
    }

    fn create(&self, name: &str) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                if files.names.contains_key(name) {
                    return Err(io::Error::from(io::ErrorKind::AlreadyExists));
                }
                files.inodes.push(Inode::default());
                files.names.insert(name.to_owned(), files.inodes.len() - 1);
                Ok(())
            },
        )
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operate(
            |files| {
                if let Ok(inode) = files.inode(name) {
                    inode.data.extend_from_slice(&bytes[..bytes.len() / 2]);
                }
            },
            |files| {
                files.inode(name)?.data.extend_from_slice(bytes);
                Ok(())
            },
        )
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                let (inode, len) = (files.inode(name)?, usize::try_from(len).unwrap());
                if len < inode.synced {
                    inode.uncut = Some(inode.data[..inode.synced].to_vec());
                    inode.synced = len;
                }
                inode.data.truncate(len);
                Ok(())
            },
        )
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                let inode = files.inode(name)?;
                inode.synced = inode.data.len();
                inode.uncut = None;
                Ok(())
            },
        )
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                let inode =
                    files.names.remove(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                files.names.insert(to.to_owned(), inode);
                Ok(())
            },
        )
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                files.names.remove(name);
                Ok(())
            },
        )
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.operate(
            |_| (),
            |files| {
                files.synced_names.clone_from(&files.names);
                Ok(())
            },
        )
    }
}
