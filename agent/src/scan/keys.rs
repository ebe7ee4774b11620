//! `authorized_keys`: who enters without a password.

use super::accounts::{self, Account};
use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::sshd::{self, Server, Somebody};
use super::unread::{Optional as _, Unread};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use spec::Severity;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that are new or weak, or files that others can write to.
pub(super) static KEYS: Check = Check {
    id: "authorized-keys",
    severity: Severity::High,
    title: "A key lets somebody in who may not be meant to be",
    remediation: "Ask the owner of the account whose key it is; remove the line if nobody knows. Replace DSA keys and RSA \
                  keys below 2048 bits. The file and its directories belong to the account with mode 0600 and 0700.",
};

/// Shortest RSA key that is not weak, in bits.
const RSA_BITS: usize = 2048;

/// Where the server looks unless told otherwise.
const FILES: [&str; 2] = [".ssh/authorized_keys", ".ssh/authorized_keys2"];

/// Most accounts whose files are looked for one by one under the server's settings, and most such looks.
const MAX_ACCOUNTS: usize = 2048;
const MAX_LOOKS: usize = 50_000;

/// A machine without accounts cannot be checked; an account without such a file has no keys.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let directory = accounts::everybody(cx, &KEYS)?;
    let server = sshd::read(cx, &KEYS)?;
    let (mut done, mut looks) = (BTreeSet::new(), 0);
    for account in directory.users.iter().take(MAX_ACCOUNTS) {
        let groups = directory.groups_of(account).into_iter().map(|(name, _)| name).collect();
        let somebody = Somebody { name: account.name.clone(), groups };
        let (places, looked) = places(server.as_ref(), account, somebody);
        looks += looked;
        if looks > MAX_LOOKS {
            cx.unknown(&KEYS, "there are more cases of Match than can be tried");
            break;
        }
        for (path, used) in places {
            if done.insert(path.clone()) {
                let outcome = one(cx, &path, account, used);
                cx.known(&KEYS, outcome);
            }
        }
    }
    if directory.users.len() > MAX_ACCOUNTS {
        cx.unknown(&KEYS, "there are more accounts than are looked at");
    }
    for (subject, change, digest) in cx.drift(&KEYS) {
        let found = cx.find(&KEYS, subject, digest.0);
        found.title(format!("A key that lets somebody in is {} since the baseline", change.word()));
        if change == super::cx::Change::Gone {
            found.severity(Severity::Low);
        }
    }
    Ok(())
}

/// The files of an account in every case of the settings, and whether the server takes keys from them.
fn places(server: Option<&Server>, account: &Account, somebody: Somebody) -> (BTreeMap<String, bool>, usize) {
    let mut places = BTreeMap::new();
    let mut add = |files: &[String], used: bool| {
        for file in files.iter().filter(|file| *file != "none") {
            *places.entry(place(file, account)).or_default() |= used;
        }
    };
    let Some(server) = server else {
        add(&FILES.map(str::to_owned), true);
        return (places, 1);
    };
    let mut looks = 0;
    let global = server.global();
    let apart = ["authorizedkeysfile", "pubkeyauthentication"];
    // What no Match is about is the same for all connections.
    let told_apart = server.all().iter().any(|(keyword, _, inside)| *inside && apart.contains(keyword));
    let tried = if told_apart { usize::MAX } else { 1 };
    for connection in server.connections(&[somebody]).0.into_iter().take(tried) {
        looks += 1;
        let view = server.view(&global, &connection);
        let used = view.flag("pubkeyauthentication", true);
        match view.setting("authorizedkeysfile") {
            Some(setting) => add(setting.values(), used),
            None => add(&FILES.map(str::to_owned), used),
        }
    }
    (places, looks)
}

fn place(file: &str, account: &Account) -> String {
    let mut path = String::new();
    let mut chars = file.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('h')) => path.push_str(&account.home),
            ('%', Some('u')) => path.push_str(&account.name),
            ('%', Some('U')) => path.push_str(&account.uid.to_string()),
            ('%', Some(other)) => path.push(other),
            (c, _) => path.push(c),
        }
    }
    if path.starts_with('/') { path } else { format!("{}/{path}", account.home.trim_end_matches('/')) }
}

fn one(cx: &mut Cx<'_>, path: &str, account: &Account, used: bool) -> Result<(), Unread> {
    let Some(meta) = cx.source.stat(path).optional()? else { return Ok(()) };
    if meta.kind != Type::File {
        return Err(Unread::odd(path, "is not a regular file"));
    }
    let mut watched = vec![(path.to_owned(), meta)];
    if let Some(folder) =
        path.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| folder.ends_with("/.ssh"))
    {
        watched.push((folder.to_owned(), cx.source.stat(folder)?));
    }
    for (path, meta) in watched {
        if !(meta.uid == 0 || meta.uid == account.uid) || meta.mode & 0o022 != 0 {
            let seen = format!("{path} {:o} {} {}", meta.mode, meta.uid, meta.gid);
            cx.find(&KEYS, path, seen).title(format!("Others than {} can add a key", account.name));
        }
    }
    let text = cx.source.text(path)?;
    let now: String = cx.now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    for (number, line) in super::text::lines(&text) {
        let Some(key) = Key::parse(line) else {
            cx.unknown(&KEYS, format!("line {number} of {path} is not understood"));
            continue;
        };
        let subject = format!("{path} {}", key.fingerprint);
        cx.observe(&KEYS, subject.clone(), format!("{} {}", key.options, key.fingerprint));
        if let Some(why) = key.weak.filter(|_| used && !expired(&key.options, &now)) {
            cx.find(&KEYS, subject, line)
                .title(format!("A key that lets {} in is weak: {why}", account.name))
                .severity(Severity::Medium);
        }
    }
    Ok(())
}

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    options: String,
    /// As `ssh-keygen -l` shows it.
    fingerprint: String,
    weak: Option<String>,
}

impl Key {
    /// A key, or options and a key, as sshd(8) has it under "AUTHORIZED_KEYS FILE FORMAT".
    fn parse(line: &str) -> Option<Self> {
        let words = words(line);
        let kind = words.iter().take(2).position(|word| is_kind(word))?;
        let blob = STANDARD.decode(words.get(kind + 1)?).ok()?;
        let (inner, rest) = string(&blob)?;
        let label = words.get(kind).map_or("", String::as_str);
        // The server refuses a key that is not of the kind it is said to be.
        let is_rsa = |name: &str| matches!(name, "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512");
        let sound = label.as_bytes() == inner || is_rsa(label) && inner == b"ssh-rsa";
        let weak = match inner {
            _ if !sound => None,
            b"ssh-dss" => Some("DSA".to_owned()),
            b"ssh-rsa" => {
                let (_, rest) = string(rest)?;
                let (modulus, _) = string(rest)?;
                let bits = bits(modulus);
                (bits < RSA_BITS).then(|| format!("RSA with {bits} bits"))
            }
            _ => None,
        };
        let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob)));
        let options = words.get(..kind).unwrap_or_default().join(" ");
        Some(Self { options, fingerprint, weak })
    }
}

/// Whether `expiry-time` has passed.
fn expired(options: &str, now: &str) -> bool {
    let lower = options.to_ascii_lowercase();
    let Some((_, value)) = lower.split_once("expiry-time=\"") else { return false };
    let digits: String = value.chars().take_while(char::is_ascii_digit).take(14).collect();
    digits.len() >= 8 && format!("{digits:0<14}").as_str() < now
}

/// Words that blanks separate outside of quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        let blank = (c == ' ' || c == '\t') && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        if !blank {
            word.push(c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "rsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// A string of SSH's binary form (RFC 4251, section 5), and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// Length of a number in bits.
fn bits(number: &[u8]) -> usize {
    let significant: &[u8] =
        number.get(number.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    let unused = significant.first().map_or(0, |byte| byte.leading_zeros() as usize);
    significant.len() * 8 - unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        // The example of `ssh-keygen -l` for this key.
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
        let parsed =
            Key::parse(&format!("from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\"\" ssh-ed25519 {key} ops"))
                .unwrap();
        assert_eq!(parsed.fingerprint, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
        assert_eq!(parsed.options, "from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\"\"");
        assert_eq!(parsed.weak, None);
        for bad in ["", "ssh-ed25519", "ssh-ed25519 !!!!", "no key here"] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
        assert_eq!((bits(&[0, 0x80, 0]), bits(&[]), bits(&[0, 1])), (16, 0, 1));
    }
}
