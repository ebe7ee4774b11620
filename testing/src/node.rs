//! A simulated node: enrols, opens its session, lives for a while.

use crate::world::{Chance, SimDisk, Still, World};
use proofs::SigningKey;
use spec::Uuid;
use std::rc::Rc;
use std::time::Duration;
use vaultmesh_agent::chain::spool::Limits;
use vaultmesh_agent::identity::enrol;
use vaultmesh_agent::identity::key::Identity;
use vaultmesh_agent::session::{OpenError, Options, Session, Stop};

pub type Agent = Session<SimDisk, Chance, Still>;

pub struct Node {
    pub world: Rc<World>,
    pub disk: SimDisk,
    pub options: Options,
    pub seed: u64,
}

impl Node {
    /// A node that has just enrolled.
    pub fn enrolled(world: &Rc<World>, seed: u64) -> Self {
        let node = Self {
            world: Rc::clone(world),
            disk: SimDisk::default(),
            options: Options {
                limits: Limits { compact_bytes: 8 * 1024, ..Limits::default() },
                ..Options::default()
            },
            seed,
        };
        let identity = Identity {
            node_id: Uuid::v4([u8::try_from(seed % 256).unwrap(); 16]),
            key: SigningKey::from_seed(blake3::hash(&seed.to_le_bytes()).as_bytes()),
        };
        identity.store(&node.disk).unwrap();
        let token = world.ledger.borrow().token().parse().unwrap();
        let response = world.ledger.borrow_mut().handle(&enrol::request(
            &identity,
            &token,
            &enrol::Called::after_host("n"),
        ));
        let enrolment = enrol::verify(&response.body, &identity, &token, "http://ledger").unwrap();
        enrolment.store_with_chain(&node.disk, &mut Chance::new(seed)).unwrap();
        node
    }

    pub fn open(&mut self) -> Result<Agent, OpenError> {
        self.seed += 1000;
        Session::open(self.disk.clone(), Chance::new(self.seed), Still, self.world.now(), self.options)
    }

    /// Opens the session, lets it run, closes it as a kill would.
    pub fn live(&mut self, time: Duration) -> Option<Stop> {
        let mut agent = self.open().unwrap();
        self.run(&mut agent, time)
    }

    pub fn run(&self, agent: &mut Agent, time: Duration) -> Option<Stop> {
        let world = &*self.world;
        world.run_for(time, agent.run(&world, &world))
    }
}

pub const MINUTE: Duration = Duration::from_mins(1);
pub const HOUR: Duration = Duration::from_hours(1);
