//! What a server does with a connection: of settings the first counts, those of a `Match` before those outside,
//! and what is really reachable follows from all of them together.

use super::config::{Line, Node};
use super::matching::{self, Connection};
use std::collections::BTreeSet;

/// Most connections that are tried, and most lines that are looked at for all of them.
const MAX_CONNECTIONS: usize = 10_000;
const MAX_STEPS: usize = 500_000;

/// Addresses that no rule is about.
const ELSEWHERE: [&str; 2] = ["203.0.113.77", "2001:db8:77::77"];

/// The address of the server that no rule is about.
const HERE: &str = "198.51.100.1";

/// A setting in force, with the `Match` that it stands under.
#[derive(Debug, Clone)]
pub(in crate::scan) struct Setting<'s> {
    pub(super) line: &'s Line,
    /// The criteria as they are written; empty outside of `Match`.
    pub(in crate::scan) scope: String,
}

impl Setting<'_> {
    /// Its first argument.
    pub(in crate::scan) fn value(&self) -> &str {
        self.line.args.first().map_or("", String::as_str)
    }

    pub(in crate::scan) fn values(&self) -> &[String] {
        &self.line.args
    }
}

/// The server.
#[derive(Debug)]
pub(in crate::scan) struct Server {
    pub(super) nodes: Vec<Node>,
}

/// Somebody who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scan) struct Somebody {
    pub(in crate::scan) name: String,
    pub(in crate::scan) groups: Vec<String>,
}

/// Passwords that suffice for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) struct Passwords {
    /// Asked for by the server.
    pub(in crate::scan) plain: bool,
    /// Asked for by PAM.
    pub(in crate::scan) interactive: bool,
}

impl Passwords {
    pub(in crate::scan) fn any(self) -> bool {
        self.plain || self.interactive
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Files before the first `Match`, on the second way through.
    UntilMatch,
    Usual,
    /// Below a `Match` that does not hold: nothing within does.
    Never,
}

impl Server {
    /// Settings outside of `Match`, in their order.
    pub(in crate::scan) fn global(&self) -> Vec<Setting<'_>> {
        let mut settings = Vec::new();
        walk(&self.nodes, None, Mode::Usual, &mut true, "", &mut settings);
        settings
    }

    /// Whether one of the lists of methods outside of `Match` consists of methods that are on there.
    pub(in crate::scan) fn can_be_met(&self) -> bool {
        let global = self.global();
        let first = |keyword: &str| global.iter().find(|setting| setting.line.keyword == keyword);
        let on =
            |keyword: &str, unset| first(keyword).map_or(unset, |s| s.value().eq_ignore_ascii_case("yes"));
        let Some(methods) = first("authenticationmethods").filter(|setting| setting.value() != "any") else {
            return true;
        };
        let is_on = |method: &str| match method.split(':').next().unwrap_or_default() {
            "password" => on("passwordauthentication", true),
            "keyboard-interactive" => on("kbdinteractiveauthentication", true),
            "publickey" => on("pubkeyauthentication", true),
            "hostbased" => on("hostbasedauthentication", false),
            "gssapi-with-mic" => on("gssapiauthentication", false),
            _ => true,
        };
        methods.values().iter().any(|list| list.split(',').all(is_on))
    }

    /// The private keys that the settings name.
    pub(in crate::scan) fn global_host_keys(&self) -> Vec<String> {
        let global = self.global();
        let keys = global.iter().filter(|setting| setting.line.keyword == "hostkey");
        keys.map(|setting| setting.value().to_owned()).collect()
    }

    /// Every setting wherever it stands.
    pub(in crate::scan) fn all(&self) -> Vec<(&str, &[String], bool)> {
        fn add<'n>(nodes: &'n [Node], mut inside: bool, all: &mut Vec<(&'n str, &'n [String], bool)>) {
            for node in nodes {
                match node {
                    Node::Line(line) => all.push((&line.keyword, &line.args, inside)),
                    Node::Match { criteria, .. } => inside = criteria.as_ref().is_none_or(|c| !c.is_empty()),
                    Node::Include(files) => files.iter().for_each(|file| add(file, inside, all)),
                }
            }
        }
        let mut all = Vec::new();
        add(&self.nodes, false, &mut all);
        all
    }

    /// What holds for a connection.
    pub(in crate::scan) fn view<'s>(
        &'s self,
        global: &'s [Setting<'s>],
        connection: &'s Connection,
    ) -> View<'s> {
        let mut matched = Vec::new();
        walk(&self.nodes, Some(connection), Mode::UntilMatch, &mut false, "", &mut matched);
        View { global, matched, connection }
    }

    /// Connections of some users among which there is one for each case that the settings tell apart. Told if
    /// these are not all.
    pub(in crate::scan) fn connections(&self, users: &[Somebody]) -> (Vec<Connection>, bool) {
        let global = self.global();
        let first = |keyword: &str| global.iter().find(|setting| setting.line.keyword == keyword);
        let by_name = first("usedns").is_some_and(|setting| setting.value().eq_ignore_ascii_case("yes"));
        let (mut addresses, mut hosts) = (BTreeSet::from(ELSEWHERE.map(str::to_owned)), BTreeSet::new());
        let mut locals = BTreeSet::from([HERE.to_owned()]);
        let mut place = |addresses: &mut BTreeSet<String>, list: &str| {
            for item in list.split(',') {
                let item = item.trim_start_matches('!');
                if let Some((base, bits)) = matching::network(item) {
                    addresses.extend(matching::edges(base, bits));
                    continue;
                }
                let instance = matching::address_instance(item);
                if instance.parse::<std::net::IpAddr>().is_ok() {
                    addresses.insert(instance.clone());
                }
                hosts.insert(instance);
            }
        };
        for criteria in all_criteria(&self.nodes) {
            for (name, value) in criteria {
                match name.as_str() {
                    "address" | "host" => place(&mut addresses, value),
                    "localaddress" => place(&mut locals, value),
                    _ => {}
                }
            }
        }
        for (keyword, args, _) in self.all() {
            if matches!(keyword, "allowusers" | "denyusers") {
                args.iter()
                    .filter_map(|arg| arg.split_once('@'))
                    .for_each(|(_, at)| place(&mut addresses, at));
            }
        }
        match first("addressfamily").map(|setting| setting.value().to_ascii_lowercase()).as_deref() {
            Some("inet") => addresses.retain(|address| !address.contains(':')),
            Some("inet6") => addresses.retain(|address| address.contains(':')),
            _ => {}
        }
        let mut ports: BTreeSet<u16> = global
            .iter()
            .filter(|setting| matches!(setting.line.keyword.as_str(), "port" | "listenaddress"))
            .filter_map(|setting| setting.value().rsplit(':').next()?.parse().ok())
            .collect();
        if !global.iter().any(|setting| setting.line.keyword == "port") {
            ports.insert(22);
        }
        let most = MAX_CONNECTIONS.min(MAX_STEPS / self.all().len().max(1));
        let mut connections = Vec::new();
        for user in users {
            for address in &addresses {
                let named: Vec<&String> = if by_name { hosts.iter().collect() } else { Vec::new() };
                for host in named.into_iter().chain([address]) {
                    for local_address in &locals {
                        for local_port in &ports {
                            if connections.len() >= most {
                                return (connections, false);
                            }
                            connections.push(Connection {
                                user: user.name.clone(),
                                groups: user.groups.clone(),
                                host: host.clone(),
                                address: address.clone(),
                                local_address: local_address.clone(),
                                local_port: *local_port,
                            });
                        }
                    }
                }
            }
        }
        (connections, true)
    }

    /// Names of users and groups that the settings tell apart: there may be accounts of them elsewhere.
    pub(in crate::scan) fn named(&self) -> Vec<Somebody> {
        let mut named = Vec::new();
        let mut add = |name: &str, group: bool| {
            let name = name.trim_start_matches('!').to_owned();
            // Whom a pattern is about is seen by the accounts that there are.
            if name.contains(['*', '?']) {
                return;
            }
            let somebody = if group {
                Somebody { name: "somebody".to_owned(), groups: vec![name] }
            } else {
                Somebody { name, groups: Vec::new() }
            };
            if !named.contains(&somebody) {
                named.push(somebody);
            }
        };
        for criteria in all_criteria(&self.nodes) {
            for (name, value) in criteria {
                for item in value.split(',') {
                    match name.as_str() {
                        "user" => add(item, false),
                        "group" => add(item, true),
                        _ => {}
                    }
                }
            }
        }
        for (keyword, args, _) in self.all() {
            for arg in args {
                match keyword {
                    "allowusers" | "denyusers" => add(arg.split('@').next().unwrap_or_default(), false),
                    "allowgroups" | "denygroups" => add(arg, true),
                    _ => {}
                }
            }
        }
        named
    }
}

fn all_criteria(nodes: &[Node]) -> Vec<&Vec<(String, String)>> {
    let mut all = Vec::new();
    for node in nodes {
        match node {
            Node::Match { criteria, .. } => all.extend(criteria),
            Node::Include(files) => files.iter().for_each(|file| all.extend(all_criteria(file))),
            Node::Line(_) => {}
        }
    }
    all
}

/// Adds what is in force, on the first way through (without a connection) or on the second.
fn walk<'s>(
    nodes: &'s [Node],
    connection: Option<&Connection>,
    mut mode: Mode,
    active: &mut bool,
    outer: &str,
    settings: &mut Vec<Setting<'s>>,
) {
    let mut scope = outer.to_owned();
    for node in nodes {
        match node {
            Node::Line(line) if *active => settings.push(Setting { line, scope: scope.clone() }),
            Node::Line(_) => {}
            Node::Match { criteria, text } => {
                let held = match (criteria.as_deref(), connection) {
                    (Some([]), _) => true,
                    (Some(criteria), Some(connection)) => matching::holds(criteria, connection),
                    (None, _) | (Some(_), None) => false,
                };
                *active = held && mode != Mode::Never;
                if mode == Mode::UntilMatch {
                    mode = Mode::Usual;
                }
                let all = criteria.as_ref().is_some_and(Vec::is_empty);
                scope = match (outer.is_empty(), all) {
                    (_, true) => outer.to_owned(),
                    (true, false) => text.clone(),
                    (false, false) => format!("{outer} {text}"),
                };
            }
            Node::Include(files) => {
                let before = *active;
                let inner = match mode {
                    Mode::UntilMatch => Mode::UntilMatch,
                    _ if before => Mode::Usual,
                    _ => Mode::Never,
                };
                for file in files {
                    walk(file, connection, inner, active, &scope, settings);
                    *active = before;
                }
            }
        }
    }
}

/// What holds for one connection.
#[derive(Debug)]
pub(in crate::scan) struct View<'s> {
    global: &'s [Setting<'s>],
    matched: Vec<Setting<'s>>,
    connection: &'s Connection,
}

impl View<'_> {
    /// The setting of a keyword that counts.
    pub(in crate::scan) fn setting(&self, keyword: &str) -> Option<&Setting<'_>> {
        self.matched.iter().chain(self.global).find(|setting| setting.line.keyword == keyword)
    }

    pub(in crate::scan) fn flag(&self, keyword: &str, unset: bool) -> bool {
        self.setting(keyword).map_or(unset, |setting| setting.value().eq_ignore_ascii_case("yes"))
    }

    /// The arguments of a keyword whose lines add up.
    fn list(&self, keyword: &str) -> Vec<&str> {
        let of = |settings: &'_ [Setting<'_>]| -> bool { settings.iter().any(|s| s.line.keyword == keyword) };
        let settings: &[Setting<'_>] = if of(&self.matched) { &self.matched } else { self.global };
        let lines = settings.iter().filter(|setting| setting.line.keyword == keyword);
        lines.flat_map(|setting| setting.line.args.iter().map(String::as_str)).collect()
    }

    pub(in crate::scan) fn is_root(&self) -> bool {
        self.connection.user == "root"
    }

    /// Whether the lists of users and groups let the user try.
    pub(in crate::scan) fn may_try(&self) -> bool {
        let users =
            |keyword| self.list(keyword).iter().any(|entry| matching::is_user(entry, self.connection));
        let groups = |keyword| {
            let list = self.list(keyword);
            self.connection
                .groups
                .iter()
                .any(|group| list.iter().any(|entry| super::super::text::fits(entry, group)))
        };
        let allowed = |keyword, listed: bool| self.list(keyword).is_empty() || listed;
        !users("denyusers")
            && allowed("allowusers", users("allowusers"))
            && !groups("denygroups")
            && allowed("allowgroups", groups("allowgroups"))
    }

    /// Which passwords are enough to come in.
    pub(in crate::scan) fn passwords(&self) -> Passwords {
        let none = Passwords { plain: false, interactive: false };
        let root = self.setting("permitrootlogin").map_or("prohibit-password", |setting| setting.value());
        if !self.may_try() || self.is_root() && !root.eq_ignore_ascii_case("yes") {
            return none;
        }
        let on = Passwords {
            plain: self.flag("passwordauthentication", true),
            interactive: self.flag("kbdinteractiveauthentication", true) && self.flag("usepam", false),
        };
        let Some(methods) = self.setting("authenticationmethods").filter(|setting| setting.value() != "any")
        else {
            return on;
        };
        let mut enough = none;
        for list in methods.values() {
            let (mut used, mut sound) = (none, true);
            for method in list.split(',') {
                match method {
                    "password" => used.plain = true,
                    "keyboard-interactive" | "keyboard-interactive:pam" => used.interactive = true,
                    _ => sound = false,
                }
            }
            if sound && (on.plain || !used.plain) && (on.interactive || !used.interactive) {
                enough.plain |= used.plain;
                enough.interactive |= used.interactive;
            }
        }
        enough
    }
}
