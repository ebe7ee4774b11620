//! The sovereign scan over roots that the tests make: each check on a machine where it finds something, on
//! one where it does not, and on one where it cannot look.

mod cases;
mod checks;
mod clean;
mod command;
mod corpus;
mod degrees;
mod formats;
mod healthy;
mod integrity;
mod limits;
mod machine;
mod packaged;
mod places;
mod schedule;
mod source;
mod sources;
mod vectors;

pub(crate) use healthy::{Machine, now};
