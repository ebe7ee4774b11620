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
        if all.len() >= MAX_SESSIONS {
            let oldest = all.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
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
