//! The agent from outside: simulated days with a ledger that sequences for real, lost power at every
//! step, and one run of the executable against a server on loopback.

mod chain;
mod crash;
mod damage;
mod enrolment;
mod executable;
mod ledger;
mod limits;
mod node;
mod receipts;
mod system;
mod trust;
mod world;
