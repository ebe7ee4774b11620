//! What the hash of a password is worth: crypt(5) of libxcrypt.

/// Fewest rounds of SHA-crypt that are taken, and that are not weak: the number used when none is given.
const SHA_ROUNDS: std::ops::RangeInclusive<u64> = 1000..=999_999_999;
const SHA_DEFAULT: u64 = 5000;

/// The logarithm of rounds of bcrypt when none is given; fewer are weak.
const BCRYPT_COST: u32 = 5;

/// What a hash is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Takes long to guess, or none can be entered.
    Fine,
    /// Its method, which is too fast.
    Weak(&'static str),
    /// Its method, which is good enough and no longer taken for new passwords.
    Legacy(&'static str),
    /// Nobody can say.
    Unknown,
}

pub(super) fn worth(hash: &str) -> Worth {
    // What begins with these is locked; an empty field is another check's.
    if hash.is_empty() || hash.starts_with(['!', '*']) || hash == "x" {
        return Worth::Fine;
    }
    if hash.starts_with("$md5$") || hash.starts_with("$md5,") {
        return Worth::Weak("Sun MD5");
    }
    let Some((method, rest)) = hash.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
        return traditional(hash);
    };
    match method {
        "1" => Worth::Weak("MD5"),
        "3" => Worth::Weak("NT"),
        "sha1" => Worth::Weak("SHA-1"),
        "5" => sha(rest, Worth::Legacy("SHA-256")),
        "6" => sha(rest, Worth::Fine),
        "2a" | "2b" | "2y" => bcrypt(rest),
        "2x" => Worth::Weak("bcrypt with an error"),
        // No crypt of a system takes what a web server makes: nobody can enter.
        "7" | "y" | "gy" | "sm3" | "sm3y" | "argon2i" | "argon2id" | "apr1" => Worth::Fine,
        _ => Worth::Unknown,
    }
}

/// Twelve rounds of DES behind two characters, or as many rounds as it says behind an underscore.
fn traditional(hash: &str) -> Worth {
    let is_des = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    match hash.strip_prefix('_') {
        Some(rest) if is_des(rest) && rest.len() == 19 => Worth::Weak("DES"),
        // With eleven characters for each further eight of the password.
        None if is_des(hash) && hash.len() >= 13 && (hash.len() - 2).is_multiple_of(11) => Worth::Weak("DES"),
        _ => Worth::Unknown,
    }
}

/// A number of rounds that crypt does not take lets nobody in.
fn sha(rest: &str, usual: Worth) -> Worth {
    let Some(given) = rest.strip_prefix("rounds=") else { return usual };
    let (digits, _) = given.split_once('$').unwrap_or((given, ""));
    let rounds = digits.parse::<u64>().ok().filter(|_| !digits.starts_with(['0', '+']));
    match rounds.filter(|rounds| SHA_ROUNDS.contains(rounds)) {
        Some(rounds) if rounds < SHA_DEFAULT => Worth::Weak("SHA-crypt with few rounds"),
        Some(_) => usual,
        None => Worth::Fine,
    }
}

fn bcrypt(rest: &str) -> Worth {
    let cost =
        rest.get(..2).filter(|_| rest.get(2..3) == Some("$")).and_then(|cost| cost.parse::<u32>().ok());
    match cost {
        Some(cost @ 4..) if cost < BCRYPT_COST => Worth::Weak("bcrypt with few rounds"),
        _ => Worth::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        for (hash, expected) in [
            ("", Worth::Fine),
            ("!$1$x$y", Worth::Fine),
            ("*", Worth::Fine),
            ("$y$j9T$salt$hash", Worth::Fine),
            ("$6$salt$hash", Worth::Fine),
            ("$6$rounds=656000$salt$hash", Worth::Fine),
            ("$6$rounds=1000$salt$hash", Worth::Weak("SHA-crypt with few rounds")),
            ("$6$rounds=999$salt$hash", Worth::Fine),
            ("$6$rounds=05000$salt$hash", Worth::Fine),
            ("$5$salt$hash", Worth::Legacy("SHA-256")),
            ("$5$rounds=1000$salt$hash", Worth::Weak("SHA-crypt with few rounds")),
            ("$2b$04$salt", Worth::Weak("bcrypt with few rounds")),
            ("$2b$12$salt", Worth::Fine),
            ("$2x$12$salt", Worth::Weak("bcrypt with an error")),
            ("$1$salt$hash", Worth::Weak("MD5")),
            ("$md5,rounds=904$salt$$hash", Worth::Weak("Sun MD5")),
            ("$md5$salt$$hash", Worth::Weak("Sun MD5")),
            ("$sha1$24680$salt$hash", Worth::Weak("SHA-1")),
            ("$3$$hash", Worth::Weak("NT")),
            ("abJnggxhB/yWI", Worth::Weak("DES")),
            ("_J9..rasmBYk8r9AiWNc", Worth::Weak("DES")),
            ("$9$what$ever", Worth::Unknown),
            ("plain?", Worth::Unknown),
        ] {
            assert_eq!(worth(hash), expected, "{hash}");
        }
    }
}
