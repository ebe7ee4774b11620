//! The sessions of people who signed in at a provider, and sign-ins that have begun.
//!
//! A session stands for the ID token that the provider gave: each request is judged by it as by any bearer's token, so it
//! ends when that ends, unless the provider renews it. The cookie holds a random name and nothing else, and goes to no
//! other host, path or plain connection (`__Host-`). Sessions end with the process.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use identity::{Begun, Identity, Refreshed, Tokens, expiry_of};
use ledger::keyring::random;
use spec::payload::ProviderSettings;
use spec::{Hash, Name, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The cookie that names a session.
const COOKIE: &str = "__Host-vm_user";

/// The cookie that binds a sign-in to the browser in which it began.
const BINDING: &str = "__Host-vm_sign_in";

/// Most sessions at once; the oldest makes room.
const MAX_SESSIONS: usize = 10_000;

/// How long a session lasts at most, whatever the provider renews: a working day.
const LASTS: Duration = Duration::from_hours(12);

/// Most sign-ins that have begun; the oldest makes room.
const MAX_BEGUN: usize = 1024;

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::from_mins(10);

/// A token is renewed so long before it ends.
const AHEAD_SECS: u64 = 30;

/// A person who signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The provider.
    pub provider: Name,
    /// Its issuer.
    pub issuer: String,
    /// What it calls them.
    pub subject: String,
    /// What it calls its own session with them.
    pub sid: Option<String>,
    /// What it gave.
    pub tokens: Tokens,
}

#[derive(Debug, Clone)]
struct Held {
    since: Instant,
    signed_in: SignedIn,
    /// Whoever holds it renews, and the others wait for what comes of it.
    renewing: Arc<tokio::sync::Mutex<()>>,
}

/// A sign-in that has begun.
#[derive(Debug, Clone)]
pub struct Going {
    /// The provider.
    pub provider: Name,
    /// What it must agree with.
    pub begun: Begun,
    binding: String,
    since: Instant,
}

/// Those of this process.
#[derive(Debug, Default)]
pub struct People {
    sessions: Mutex<BTreeMap<String, Held>>,
    begun: Mutex<BTreeMap<String, Going>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fresh() -> std::io::Result<String> {
    Ok(Hash(random()?).to_hex())
}

impl People {
    /// Begins a sign-in: its `state`, what it must agree with, and the cookie that binds it to the browser.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn go(&self, provider: Name, redirect_uri: String) -> std::io::Result<(String, Begun, String)> {
        let (state, binding) = (fresh()?, fresh()?);
        let begun = Begun { nonce: fresh()?, verifier: fresh()?, redirect_uri };
        let mut all = locked(&self.begun);
        all.retain(|_, going| going.since.elapsed() < PATIENCE);
        if all.len() >= MAX_BEGUN {
            let oldest = all.iter().min_by_key(|(_, going)| going.since).map(|(state, _)| state.clone());
            oldest.and_then(|state| all.remove(&state));
        }
        let since = Instant::now();
        let going = Going { provider, begun: begun.clone(), binding: binding.clone(), since };
        all.insert(state.clone(), going);
        Ok((state, begun, cookie(BINDING, &binding, PATIENCE.as_secs())))
    }

    /// The sign-in of a `state`, once, and only in the browser in which it began.
    pub fn come(&self, state: &str, headers: &HeaderMap) -> Option<Going> {
        let going = locked(&self.begun).remove(state)?;
        let same = named(headers, BINDING) == Some(&going.binding);
        (same && going.since.elapsed() < PATIENCE).then_some(going)
    }

    /// Begins a session; the cookie that names it.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin(&self, signed_in: SignedIn) -> std::io::Result<String> {
        let name = fresh()?;
        let mut all = locked(&self.sessions);
        all.retain(|_, held| held.since.elapsed() < LASTS);
        if all.len() >= MAX_SESSIONS {
            let oldest = all.iter().min_by_key(|(_, held)| held.since).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        all.insert(name.clone(), Held { since: Instant::now(), signed_in, renewing: Arc::default() });
        Ok(cookie(COOKIE, &name, LASTS.as_secs()))
    }

    /// Ends the session that a request names: whose it was, and the cookie that forgets it.
    pub fn end(&self, headers: &HeaderMap) -> (Option<SignedIn>, String) {
        let held = named(headers, COOKIE).and_then(|name| locked(&self.sessions).remove(name));
        (held.map(|held| held.signed_in), cookie(COOKIE, "", 0))
    }

    /// Ends the sessions of a provider's session, or, where it names none, of a person; how many there were.
    pub fn end_of(&self, issuer: &str, subject: Option<&str>, sid: Option<&str>) -> usize {
        let mut all = locked(&self.sessions);
        let before = all.len();
        all.retain(|_, held| {
            let of = &held.signed_in;
            let over = match (sid, subject) {
                (Some(sid), _) => of.sid.as_deref() == Some(sid),
                (None, Some(subject)) => of.subject == subject,
                (None, None) => false,
            };
            !(of.issuer == issuer && over)
        });
        before - all.len()
    }

    fn of(&self, headers: &HeaderMap) -> Option<(String, Held)> {
        let name = named(headers, COOKIE)?;
        let all = locked(&self.sessions);
        all.get(name).filter(|held| held.since.elapsed() < LASTS).map(|held| (name.to_owned(), held.clone()))
    }

    /// The token that opens the userinfo endpoint for whoever asks.
    pub(crate) fn access_token(&self, headers: &HeaderMap) -> Option<String> {
        self.of(headers)?.1.signed_in.tokens.access_token
    }

    /// The headers with the session's token as the bearer's, if they name none; a request that changes something must
    /// come from a page of this service.
    pub(crate) fn with_token(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        if headers.contains_key(header::AUTHORIZATION) {
            return None;
        }
        let reads = method == Method::GET || method == Method::HEAD;
        let own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
        if !reads && !own {
            return None;
        }
        let (_, held) = self.of(headers)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", held.signed_in.tokens.id_token)).ok()?;
        let mut headers = headers.clone();
        headers.insert(header::AUTHORIZATION, bearer);
        Some(headers)
    }

    /// Renews a session's token that ends soon. A session that the provider does not renew is over.
    pub(crate) async fn renew(
        &self,
        identity: &Identity,
        settings: impl Fn(&Name) -> Option<ProviderSettings>,
        secret: impl Fn(&Name) -> Option<String>,
        headers: &HeaderMap,
        now: Timestamp,
    ) {
        let soon = |held: &Held| {
            let ends = expiry_of(&held.signed_in.tokens.id_token).unwrap_or_default();
            ends <= now.secs() + AHEAD_SECS
        };
        let Some((name, held)) = self.of(headers).filter(|(_, held)| soon(held)) else { return };
        let _turn = held.renewing.lock().await;
        let Some((_, held)) = self.of(headers).filter(|(_, held)| soon(held)) else { return };
        let of = &held.signed_in;
        // A provider that is believed no longer renews nothing.
        let Some(settings) = settings(&of.provider) else {
            locked(&self.sessions).remove(&name);
            return;
        };
        match identity.refresh(&settings, secret(&of.provider).as_deref(), &of.tokens).await {
            Refreshed::Tokens(tokens) => {
                identity.prepare(&settings, &tokens.id_token).await;
                let person = identity.verify(&settings, &tokens.id_token, now);
                let mut all = locked(&self.sessions);
                // The person stays the same (OpenID Connect Core, section 12.2).
                if person.is_ok_and(|person| person.subject == of.subject) {
                    if let Some(held) = all.get_mut(&name) {
                        held.signed_in.tokens = *tokens;
                    }
                } else {
                    all.remove(&name);
                }
            }
            Refreshed::Over => drop(locked(&self.sessions).remove(&name)),
            // Until its token ends.
            Refreshed::Unknown => {}
        }
    }
}

fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(wanted)?.strip_prefix('='))
}

/// Lax, so that the way back from the provider has it.
fn cookie(name: &str, value: &str, seconds: u64) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}
