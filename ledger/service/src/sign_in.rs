//! Signing in with a link: a code that works once, for some minutes, stands for an API token. The console is opened with
//! it, so that nobody has to copy a token.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::keyring::random;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Hash;
use spec::payload::token_hash;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use web::problem::UNAUTHENTICATED;
use web::{Call, Problem, answer};

/// How long a code is good for: as long as somebody takes from the terminal to the browser.
const LASTS: Duration = Duration::from_mins(10);

/// Most codes at once; the oldest makes room.
const MAX_CODES: usize = 64;

/// The codes of this process: by their hash, since when, and the token that each stands for. None of them is on a disk.
#[derive(Debug, Clone, Default)]
pub struct Codes(Arc<Mutex<BTreeMap<Hash, (Instant, String)>>>);

impl Codes {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Hash, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new code for a token.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn add(&self, token: String) -> io::Result<Hash> {
        let code = Hash(random()?);
        let mut all = self.all();
        all.retain(|_, (since, _)| since.elapsed() < LASTS);
        if all.len() >= MAX_CODES {
            let oldest = all.iter().min_by_key(|(_, (since, _))| *since).map(|(hash, _)| *hash);
            oldest.and_then(|hash| all.remove(&hash));
        }
        all.insert(token_hash(&code.0), (Instant::now(), token));
        Ok(code)
    }

    /// The token of a code, which is good no more.
    fn take(&self, code: &Hash) -> Option<String> {
        let (since, token) = self.all().remove(&token_hash(&code.0))?;
        (since.elapsed() < LASTS).then_some(token)
    }
}

/// A code that signs in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with code")]
pub struct SignInRequest {
    /// The code of a link, 64 hexadecimal digits.
    #[schemars(with = "Hash")]
    pub code: String,
}

/// A token that whoever signed in holds from now on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The API token.
    pub token: String,
}

/// `POST /api/sign-in`: the token that a code stands for, once.
pub(crate) async fn exchange(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let request: SignInRequest = call.json()?;
    let token = Hash::from_hex(&request.code).ok().and_then(|code| service.codes.take(&code));
    let unknown = || Problem::new(UNAUTHENTICATED, "the code was used before, or its time is over");
    Ok(answer::value(StatusCode::OK, &SignedIn { token: token.ok_or_else(unknown)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once() {
        let codes = Codes::default();
        let (one, two) = (codes.add("one".to_owned()).unwrap(), codes.add("two".to_owned()).unwrap());
        assert_eq!(codes.take(&two).as_deref(), Some("two"));
        assert_eq!(codes.take(&two), None);
        assert_eq!(codes.take(&Hash::ZERO), None);
        assert_eq!(codes.take(&one).as_deref(), Some("one"));
    }

    #[test]
    fn the_oldest_code_makes_room() {
        let codes = Codes::default();
        let first = codes.add("first".to_owned()).unwrap();
        let others: Vec<Hash> = (0..MAX_CODES).map(|_| codes.add("other".to_owned()).unwrap()).collect();
        assert_eq!(codes.take(&first), None);
        assert!(others.iter().all(|code| codes.take(code).is_some()));
    }
}
