//! Users, groups and memberships that lie in folders of their own: nss-systemd(8) and systemd's "JSON User
//! Records" and "JSON Group Records".
//!
//! ```text
//! NAME.user   {"userName":"NAME","uid":…}     USER:GROUP.membership   (whatever is in it)
//! NAME.group  {"groupName":"NAME","gid":…}
//! ```

use super::super::cx::Cx;
use super::super::unread::{Optional as _, Unread};
use super::directory::Directory;
use super::lines::{Account, Group, Shadow};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Where they lie; a file in an earlier folder hides one of its name in a later one.
const FOLDERS: [&str; 5] =
    ["/etc/userdb", "/run/userdb", "/run/host/userdb", "/usr/local/lib/userdb", "/usr/lib/userdb"];

/// Most files that are read.
const MAX_FILES: usize = 4096;

/// What counts of a user's record.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserRecord {
    user_name: String,
    uid: Option<u32>,
    gid: Option<u32>,
    home_directory: Option<String>,
    shell: Option<String>,
    privileged: Option<Privileged>,
    member_of: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Privileged {
    hashed_password: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRecord {
    group_name: String,
    gid: Option<u32>,
    members: Option<Vec<String>>,
}

/// Adds what lies there; what cannot be read is noted as odd.
pub(super) fn add(cx: &Cx<'_>, directory: &mut Directory, users: bool, groups: bool) {
    let mut seen = BTreeSet::new();
    for folder in FOLDERS {
        let names = match cx.source.list(folder).optional() {
            Ok(names) => names.unwrap_or_default(),
            Err(unread) => {
                directory.odd.push(unread.to_string());
                continue;
            }
        };
        for name in names {
            if seen.len() >= MAX_FILES {
                directory.odd.push(format!("{folder} has too many members"));
                return;
            }
            if seen.insert(name.clone()) {
                one(cx, directory, folder, &name, (users, groups));
            }
        }
    }
}

fn one(cx: &Cx<'_>, directory: &mut Directory, folder: &str, name: &str, (users, groups): (bool, bool)) {
    let path = format!("{folder}/{name}");
    let Some((stem, kind)) = name.rsplit_once('.') else { return };
    match kind {
        "membership" if groups => {
            if let Some((user, group)) = stem.split_once(':') {
                directory.memberships.push((user.to_owned(), group.to_owned()));
            }
        }
        "user" if users => match parse::<UserRecord>(cx, &path) {
            // Also found under its number, and then by its name.
            Ok(Some(record))
                if record.user_name == stem || stem.parse() == Ok(record.uid.unwrap_or(u32::MAX)) =>
            {
                let Some(uid) = record.uid else { return };
                let memberships = record.member_of.into_iter().flatten();
                directory.memberships.extend(memberships.map(|group| (record.user_name.clone(), group)));
                let hash =
                    record.privileged.and_then(|privileged| privileged.hashed_password?.into_iter().next());
                let shadow = hash.map(|hash| Shadow { name: record.user_name.clone(), hash });
                directory.shadows.extend(shadow);
                directory.add(Account {
                    home: record.home_directory.unwrap_or_else(|| ["", "home", &record.user_name].join("/")),
                    name: record.user_name,
                    // Kept where the C library looks for it if it is told to.
                    password: "x".to_owned(),
                    uid,
                    gid: record.gid.unwrap_or(uid),
                    shell: record.shell.unwrap_or_default(),
                });
            }
            Ok(_) => {}
            Err(unread) => directory.odd.push(unread.to_string()),
        },
        "group" if groups => match parse::<GroupRecord>(cx, &path) {
            Ok(Some(record)) if record.group_name == stem => {
                let Some(gid) = record.gid else { return };
                let members = record.members.unwrap_or_default();
                directory.groups.push(Group { name: record.group_name, gid, members });
            }
            Ok(_) => {}
            Err(unread) => directory.odd.push(unread.to_string()),
        },
        _ => {}
    }
}

fn parse<T: serde::de::DeserializeOwned>(cx: &Cx<'_>, path: &str) -> Result<Option<T>, Unread> {
    let Some(text) = cx.source.text(path).optional()? else {
        return Ok(None);
    };
    // Nothing in it hides a file of the name elsewhere.
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&text).map(Some).map_err(|_| Unread::odd(path, "is not understood"))
}
