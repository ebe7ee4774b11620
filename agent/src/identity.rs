//! Who the node is: its key, its enrolment, and how a key takes the place of another.

pub mod enrol;
pub mod jwt;
pub mod key;
pub mod node;
pub mod permissions;
pub mod rotation;
pub mod token;
