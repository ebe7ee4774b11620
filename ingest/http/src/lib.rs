//! What all routes of the service have in common: one vocabulary for HTTP.
//!
//! A [`Route`] is a row (method, path, who may use it, what body it takes, what it says of itself in the OpenAPI
//! document) with a handler over whatever state its crate needs. The crates that answer contribute their rows to one
//! list, and [`App::router`] brings each request to its handler in one way: the limits of its address, who asks, whether
//! they may, the body, the counters. One form ([`Problem`]) says every refusal; one matrix ([`access::allows`]) says what
//! each role may do. The crate answers nothing itself, prints nothing and ends no process. The normative text is
//! `spec/api.md`.

pub mod access;
pub mod answer;
mod app;
pub mod body;
mod bucket;
mod budget;
mod connection;
pub mod cursor;
mod development;
mod dispatch;
mod entry;
mod guests;
mod jwt;
mod lanes;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod paging;
mod people;
mod principal;
pub mod problem;
mod query;
mod route;
mod seats;
mod server;
mod sessions;
mod signed_in;
mod spending;
pub mod strict;
mod turns;

pub use access::{Access, Action, Principal, PrincipalKind};
pub use app::{App, Config};
pub use body::{BodyRule, Media};
pub use bucket::Subject;
pub use budget::Room;
pub use dispatch::{Allowance, Asker, Call};
pub use entry::EntryRow;
pub use limits::Limits;
pub use principal::{NodeToken, Peer};
pub use problem::Problem;
pub use query::{QueryString, bad};
pub use route::{Alias, Answered, Bound, Handler, Route, Row, with_aliases};
pub use seats::{Seat, Wait};
pub use server::{CUT_OFF, serve};
pub use sessions::Sessions;
pub use signed_in::{Going, People, SignedIn};
pub use turns::{Turn, Turns};
