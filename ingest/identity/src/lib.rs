//! Tokens of identity providers (OpenID Connect, Cloudflare Access): their keys, kept and renewed, and what a token says
//! once it holds. It knows no ledger and no routes: which providers are believed is an argument, and so is the time.
//!
//! A token chooses nothing: its issuer names one of the providers that are believed, its algorithm must be one that this
//! provider may use, and the key must be of that algorithm's family. What it names beside that (`jku`, `jwk`, `x5u`) is
//! not looked at.

mod claims;
mod fetch;
mod flow;
mod jws;
mod keys;
mod provider;

pub use claims::Person;
pub use fetch::FetchError;
pub use flow::{Begun, Endpoints, Refreshed, Tokens, escaped};
pub use jws::{expiry_of, issuer_of};
pub use provider::{Identity, Pace};

/// The reason why a token does not let anybody in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// It is no JWS in compact form, or longer than one may be.
    #[error("the token is not one of a provider")]
    Form,
    /// The provider may not sign by this algorithm.
    #[error("the provider does not sign by {0}")]
    Algorithm(String),
    /// It asks for something that must be understood and is not.
    #[error("the token has members that must be understood and are not")]
    Critical,
    /// No key of the provider is of this id and kind.
    #[error("the provider has no such key")]
    UnknownKey,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// The issuer is another.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is not for this service")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It begins later, or was made later.
    #[error("the token is not valid yet")]
    NotYet,
    /// A claim is missing or not of its type.
    #[error("the token's claim {0} is missing or malformed")]
    Claim(&'static str),
    /// The provider does not give its keys.
    #[error("the provider does not answer: {0}")]
    Unreachable(#[source] FetchError),
}

impl IdentityError {
    /// Whether it is the provider that fails, and not the token.
    pub fn is_of_provider(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
