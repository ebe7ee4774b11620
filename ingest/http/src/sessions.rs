//! The sessions of the page: each stands for an API token, and only reads.
//!
//! The cookie holds a random name of the session and nothing else: a cookie goes to every port of a host, and
//! whoever else listens there shall learn no token. Sessions end with the process.

use axum::http::{HeaderMap, HeaderValue, header};
use ledger::keyring::random;
use spec::Hash;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The cookie that names a session.
pub(crate) const COOKIE: &str = "vm_session";

/// Most sessions at once; the oldest makes room.
const MAX_SESSIONS: usize = 1024;

/// Most sessions of one token at once; its own oldest makes room. So many browsers nobody has, and none of another
/// token is signed out by them.
const MAX_SESSIONS_PER_TOKEN: usize = 32;

/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);

/// The sessions of this process: by name, since when, and the token that reads.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Mutex<BTreeMap<String, (Instant, HeaderValue)>>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, HeaderValue)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session for a bearer's token; the cookie that names it.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin(&self, bearer: HeaderValue, https: bool) -> std::io::Result<String> {
        let name = Hash(random()?).to_hex();
        let mut all = self.all();
        all.retain(|_, (since, _)| since.elapsed() < LASTS);
        let own = all.values().filter(|(_, token)| *token == bearer).count();
        if own >= MAX_SESSIONS_PER_TOKEN || all.len() >= MAX_SESSIONS {
            let makes_room = |token: &HeaderValue| own < MAX_SESSIONS_PER_TOKEN || *token == bearer;
            let some = all.iter().filter(|(_, (_, token))| makes_room(token));
            let oldest = some.min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        all.insert(name.clone(), (Instant::now(), bearer));
        Ok(cookie(&name, LASTS.as_secs(), https))
    }

    /// Ends the session that a request names, if it names one; the cookie that forgets it.
    pub fn end(&self, headers: &HeaderMap, https: bool) -> String {
        if let Some(name) = named(headers) {
            self.all().remove(name);
        }
        cookie("", 0, https)
    }

    /// The headers, with the session's token as the bearer's if they name none.
    pub(crate) fn with_token<'a>(&self, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
        let bearer =
            named(headers).filter(|_| !headers.contains_key(header::AUTHORIZATION)).and_then(|name| {
                let all = self.all();
                all.get(name).filter(|(since, _)| since.elapsed() < LASTS).map(|(_, bearer)| bearer.clone())
            });
        let Some(bearer) = bearer else { return Cow::Borrowed(headers) };
        let mut headers = headers.clone();
        headers.insert(header::AUTHORIZATION, bearer);
        Cow::Owned(headers)
    }
}

/// The session a request names.
fn named(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn cookie(name: &str, seconds: u64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE}={name}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(token: usize) -> HeaderValue {
        HeaderValue::from_str(&format!("Bearer vmt1.{token}")).unwrap()
    }

    #[test]
    fn one_token_signs_nobody_else_out() {
        let sessions = Sessions::default();
        let signed_in = |cookie: &str| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(cookie.split(';').next().unwrap()).unwrap();
            headers.insert(header::COOKIE, value);
            sessions.with_token(&headers).contains_key(header::AUTHORIZATION)
        };
        let other = sessions.begin(bearer(1), true).unwrap();
        let first = sessions.begin(bearer(2), true).unwrap();
        for _ in 0..2 * MAX_SESSIONS {
            sessions.begin(bearer(2), true).unwrap();
        }
        assert!(signed_in(&other) && !signed_in(&first));
        assert_eq!(sessions.all().len(), MAX_SESSIONS_PER_TOKEN + 1);
        for token in 3..2 * MAX_SESSIONS {
            sessions.begin(bearer(token), true).unwrap();
        }
        assert_eq!(sessions.all().len(), MAX_SESSIONS);
    }
}
