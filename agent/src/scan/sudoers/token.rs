//! The words that a sudoers file consists of, and how their text is freed of backslashes.

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// The end of a line, or of the file.
    End,
    Comma,
    Equals,
    Colon,
    Not,
    Open,
    Close,
    /// `+=` and `-=` of a setting.
    Adjust,
    /// `@include`, or `@includedir`.
    Include {
        folder: bool,
    },
    /// `Defaults` with the character behind it that says whom it is about.
    Defaults(Option<char>),
    /// The first letter of what is given another name: H, C, U or R.
    Alias(char),
    /// `NOPASSWD:` and `PASSWD:`, as what they do, or another tag.
    Tag(Option<bool>),
    /// `TIMEOUT` and the like, which take a value.
    Choice(Choice),
    All,
    /// A name in capitals: an alias, if there is one of the name.
    Capitals(String),
    Word(String),
    Group(String),
    Netgroup(String),
    Network(String),
    Command {
        path: String,
        args: Option<String>,
    },
    /// The name of a setting.
    Setting(String),
    /// `sha224` and the like, and a digest of the right length.
    Sha,
    Digest,
    /// What no word begins with.
    Bad,
}

/// What stands before the tags of a command with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    NotBefore,
    NotAfter,
    /// A value that does not decide who may run what.
    Other,
}

pub(super) const TAGS: [&[u8]; 16] = [
    b"NOPASSWD",
    b"PASSWD",
    b"NOEXEC",
    b"EXEC",
    b"INTERCEPT",
    b"NOINTERCEPT",
    b"SETENV",
    b"NOSETENV",
    b"LOG_OUTPUT",
    b"NOLOG_OUTPUT",
    b"LOG_INPUT",
    b"NOLOG_INPUT",
    b"MAIL",
    b"NOMAIL",
    b"FOLLOW",
    b"NOFOLLOW",
];

pub(super) const CHOICES: [(&[u8], Choice); 8] = [
    (b"TIMEOUT", Choice::Other),
    (b"NOTBEFORE", Choice::NotBefore),
    (b"NOTAFTER", Choice::NotAfter),
    (b"CWD", Choice::Other),
    (b"CHROOT", Choice::Other),
    (b"ROLE", Choice::Other),
    (b"TYPE", Choice::Other),
    (b"APPARMOR_PROFILE", Choice::Other),
];

/// Digests with their length in bytes.
pub(super) const DIGESTS: [(&[u8], usize); 4] =
    [(b"sha224", 28), (b"sha256", 32), (b"sha384", 48), (b"sha512", 64)];

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without the backslashes that take the meaning from what follows; `\x41` is a byte by its number.
pub(super) fn unescaped(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        if c != b'\\' || after.is_empty() {
            plain.push(c);
            continue;
        }
        let hex = after.strip_prefix(b"x").and_then(|hex| std::str::from_utf8(hex.get(..2)?).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            plain.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else if let Some((&escaped, after)) = after.split_first() {
            plain.push(escaped);
            rest = after;
        }
    }
    text(&plain)
}

/// A command without the backslashes before what would end it.
pub(super) fn command(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut iter = bytes.iter().copied().peekable();
    while let Some(c) = iter.next() {
        if c == b'\\' && iter.peek().is_some_and(|next| b",:= \t#".contains(next)) {
            plain.extend(iter.next());
        } else {
            plain.push(c);
        }
    }
    text(&plain)
}

/// Length of an address with or without a mask.
pub(super) fn network_length(rest: &[u8]) -> usize {
    let length =
        rest.iter().copied().take_while(|byte| byte.is_ascii_hexdigit() || b".:/".contains(byte)).count();
    let Ok(text) = std::str::from_utf8(rest.get(..length).unwrap_or_default()) else { return 0 };
    let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
    let is_address = address.parse::<std::net::IpAddr>().is_ok();
    let is_mask = |mask: &str| {
        mask.parse::<std::net::IpAddr>().is_ok() || mask.parse::<u8>().is_ok_and(|bits| bits <= 128)
    };
    if is_address && mask.is_none_or(is_mask) { length } else { 0 }
}
