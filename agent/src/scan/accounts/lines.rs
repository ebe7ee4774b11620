//! Lines of passwd(5), group(5) and shadow(5), read as glibc's `files` reads them: what a number is, which
//! fields may be missing, which blanks count.

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scan) struct Account {
    pub(in crate::scan) name: String,
    pub(in crate::scan) password: String,
    pub(in crate::scan) uid: u32,
    pub(in crate::scan) gid: u32,
    pub(in crate::scan) home: String,
    pub(in crate::scan) shell: String,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scan) struct Group {
    pub(in crate::scan) name: String,
    pub(in crate::scan) gid: u32,
    pub(in crate::scan) members: Vec<String>,
}

/// Name and hash of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shadow {
    pub(super) name: String,
    pub(super) hash: String,
}

/// The lines of such a file that glibc looks at, with their numbers from 1. Those of the old network services
/// (`+`, `-`) are told apart by [`is_network`].
pub(super) fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let rows = text.split('\n').enumerate();
    let rows = rows.map(|(number, line)| (number + 1, line.trim_start_matches(is_space)));
    rows.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a line stands for what a network service knows.
pub(super) fn is_network(line: &str) -> bool {
    line.starts_with(['+', '-'])
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// A field, and what follows its colon. At the end there are empty fields.
fn field<'t>(rest: &mut &'t str) -> &'t str {
    let (field, after) = rest.split_once(':').unwrap_or((*rest, ""));
    *rest = after;
    field
}

/// What C's `strtoul` makes of the beginning of a text, and what follows; `None` without digits.
fn number(text: &str) -> Option<(u64, &str)> {
    let plain = text.trim_start_matches(is_space);
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(plain)),
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits.split_at_checked(length)?;
    if digits.is_empty() {
        return None;
    }
    let value = digits.parse::<u64>().unwrap_or(u64::MAX);
    let value = if negative && value != u64::MAX { value.wrapping_neg() } else { value };
    Some((value, rest))
}

/// A field that is a number of 32 bits and must be there.
fn id(rest: &mut &str) -> Option<u32> {
    let (value, after) = number(rest)?;
    let value = u32::try_from(value).ok()?;
    *rest = match after.strip_prefix(':') {
        Some(after) => after,
        None if after.is_empty() => after,
        None => return None,
    };
    Some(value)
}

/// A field that is a number or empty; the line must not end before it.
fn optional(rest: &mut &str) -> Option<()> {
    if rest.is_empty() {
        return None;
    }
    let after = number(rest).map_or(*rest, |(_, after)| after);
    *rest = match after.strip_prefix(':') {
        Some(after) => after,
        None if after.is_empty() => after,
        None => return None,
    };
    Some(())
}

/// An account of `/etc/passwd`; the fields from the name of a person on may be missing.
pub(super) fn account(line: &str) -> Option<Account> {
    let mut rest = line;
    let (name, password) = (field(&mut rest), field(&mut rest));
    let (uid, gid) = (id(&mut rest)?, id(&mut rest)?);
    let (_, home) = (field(&mut rest), field(&mut rest));
    Some(Account {
        name: name.to_owned(),
        password: password.to_owned(),
        uid,
        gid,
        home: home.to_owned(),
        shell: rest.to_owned(),
    })
}

/// A group of `/etc/group`. Blanks before a member are skipped, those behind it are part of its name.
pub(super) fn group(line: &str) -> Option<Group> {
    let mut rest = line;
    let (name, _) = (field(&mut rest), field(&mut rest));
    let gid = id(&mut rest)?;
    let members = rest.split(',').map(|member| member.trim_start_matches(is_space));
    let members = members.filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some(Group { name: name.to_owned(), gid, members })
}

/// A line of `/etc/shadow`: nine fields, of which the last may be missing if the one before it is not empty,
/// or the five of old.
pub(super) fn shadow(line: &str) -> Option<Shadow> {
    let mut rest = line;
    let (name, hash) = (field(&mut rest), field(&mut rest));
    for _ in 0..3 {
        optional(&mut rest)?;
    }
    rest = rest.trim_start_matches(is_space);
    if !rest.is_empty() {
        for _ in 0..3 {
            optional(&mut rest)?;
        }
        let flag = number(rest).map_or(rest, |(_, after)| after);
        if !flag.is_empty() {
            return None;
        }
    }
    Some(Shadow { name: name.to_owned(), hash: hash.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_glibc() {
        for (line, expected) in [
            ("toor:x:0:0::/srv:/bin/sh", Some(0)),
            ("toor:x:0:0:x", Some(0)),
            ("toor:x:0:0", Some(0)),
            ("toor:x: 0:0::/:", Some(0)),
            ("toor:x:-0:0::/:", Some(0)),
            ("toor:x:+0:0::/:", Some(0)),
            ("toor:x:000:0::/:", Some(0)),
            ("toor:x:-1:0::/:", None),
            ("toor:x:4294967295:0::/:", Some(u32::MAX)),
            ("toor:x:4294967296:0::/:", None),
            ("toor:x:0 :0::/:", None),
            ("toor:x:0x0:0::/:", None),
            ("toor:x::0::/:", None),
            ("toor:x:0", None),
            ("toor", None),
        ] {
            assert_eq!(account(line).map(|account| account.uid), expected, "{line}");
        }
    }

    #[test]
    fn members_keep_the_blanks_behind_them() {
        let group = group("docker:x:990: eve ,dev,,\tops").unwrap();
        assert_eq!(group.members, ["eve ", "dev", "ops"]);
    }

    #[test]
    fn shadow_lines_have_the_fields_they_need() {
        for (line, expected) in [
            ("a::19000:0:99999:7:::", true),
            ("a::19000:0:99999:7::", false),
            ("a::19000:0:99999:7::1", true),
            ("a::19000:0:99999:7:::0", true),
            ("a::19000:0:99999:7::::", false),
            ("a::19000:0:99999", true),
            ("a::19000:0:99999:", true),
            ("a::19000:0:", false),
            ("a::1::::::", true),
            ("a::x:0:99999:7:::", false),
            ("a:", false),
        ] {
            assert_eq!(shadow(line).is_some(), expected, "{line}");
        }
    }
}
