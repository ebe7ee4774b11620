//! PAM: services that let somebody in with a wrong password.
//!
//! ```text
//! config ── the stack of a service, from its files     walk ── what a stack comes to
//! modules ─ what each module says
//! ```

mod config;
mod modules;
mod walk;

use super::accounts::{self, Account, Directory};
use super::check::Check;
use super::cx::Cx;
use super::unread::Optional as _;
use config::{FOLDERS, Files};
use modules::{Said, Texts, Visitor};
use spec::Severity;
use std::cell::Cell;
use std::collections::BTreeSet;
use walk::{AUTH_ERR, Handler, Kind, MODULE_UNKNOWN, SUCCESS};

/// Most accounts that each service is tried with.
const MAX_VISITORS: usize = 64;

/// Accounts of the system that are tried, beside those of persons.
const MAX_SYSTEM: usize = 8;

/// The first number of a person's account.
const PERSONS: u32 = 1000;

/// Ends of the names of files that package managers and people leave behind: no service is called so.
const LEFT: [&str; 11] = [
    "~",
    ".bak",
    ".dpkg-bak",
    ".dpkg-dist",
    ".dpkg-new",
    ".dpkg-old",
    ".orig",
    ".pacnew",
    ".pacsave",
    ".rpmnew",
    ".rpmsave",
];

/// Finds services that ask nothing, for the check whose findings these are.
pub(super) fn open_doors(cx: &mut Cx<'_>, check: &'static Check) {
    let mut services: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        let names = cx.source.list(folder).optional();
        for name in cx.known(check, names).flatten().unwrap_or_default() {
            let left =
                name.starts_with('.') || name.contains(".ucf-") || LEFT.iter().any(|end| name.ends_with(end));
            if !left && !services.iter().any(|(service, _)| *service == name) {
                services.push((name.clone(), format!("{folder}/{name}")));
            }
        }
    }
    let directory = accounts::directory(cx);
    let visitors = visitors(&directory);
    let (installed, texts) = (installed(cx), Texts::default());
    let mut files = Files::default();
    let mut stacks = Vec::new();
    for (service, path) in services {
        let stack = files.stack(cx, &path);
        stacks.push((service, path, stack));
    }
    for reason in std::mem::take(&mut files.odd) {
        cx.unknown(check, reason);
    }
    for (service, path, stack) in stacks {
        // What only others include is no service.
        if stack.broken || stack.handlers.is_empty() || files.included.contains(&path) {
            continue;
        }
        let door =
            Door { service: &service, handlers: &stack.handlers, installed: &installed, texts: &texts };
        door.judge(cx, check, &directory, &visitors);
    }
}

/// Whom each service is tried with: root, persons, a few of the system.
fn visitors(directory: &Directory) -> Vec<Account> {
    let named = |name: &str| directory.users.iter().find(|account| account.name == name);
    let persons = directory.users.iter().filter(|account| account.uid >= PERSONS).take(MAX_VISITORS);
    let system = directory.users.iter().filter(|account| account.uid < PERSONS).take(MAX_SYSTEM);
    let mut seen = BTreeSet::new();
    let chosen =
        named("root").into_iter().chain(persons).chain(system).filter(|a| seen.insert(&a.name)).cloned();
    let mut visitors: Vec<Account> = chosen.collect();
    if visitors.is_empty() {
        // Nobody is known; somebody there will be.
        visitors.push(Account {
            name: "root".to_owned(),
            password: "x".to_owned(),
            uid: 0,
            gid: 0,
            home: "/".to_owned(),
            shell: "/bin/sh".to_owned(),
        });
    }
    visitors
}

/// Folders of modules, below which there may be one for the architecture.
const MODULES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];

/// The modules that there are; none if there is no folder of them, as in a part of a system.
fn installed(cx: &Cx<'_>) -> BTreeSet<String> {
    let mut installed = BTreeSet::new();
    for folder in MODULES {
        let below = cx.source.list(folder).unwrap_or_default();
        let architectures =
            below.iter().filter(|name| name.contains("-linux-")).map(|name| format!("{folder}/{name}"));
        for folder in architectures.chain([folder.to_owned()]) {
            let modules = cx.source.list(&format!("{folder}/security")).unwrap_or_default();
            installed.extend(modules.iter().filter_map(|name| name.strip_suffix(".so")).map(str::to_owned));
        }
    }
    installed
}

/// A service that somebody may come in by.
struct Door<'d> {
    service: &'d str,
    handlers: &'d [Handler],
    installed: &'d BTreeSet<String>,
    texts: &'d Texts,
}

impl Door<'_> {
    fn judge(&self, cx: &mut Cx<'_>, check: &'static Check, directory: &Directory, visitors: &[Account]) {
        let Self { service, handlers, installed, texts } = *self;
        let (mut admitted, mut unsure) = (Vec::new(), false);
        let mut through: Option<&Handler> = None;
        for account in visitors {
            let visitor = Visitor { service, account, directory };
            let doubtful = Cell::new(false);
            let says = |handler: &Handler, doubt| {
                let Kind::Module { name, args } = &handler.kind else { return AUTH_ERR };
                if !installed.is_empty() && !installed.contains(name) {
                    return MODULE_UNKNOWN;
                }
                match modules::says(cx, texts, name, args, visitor) {
                    Said::Code(code) => code,
                    Said::Unsure => {
                        doubtful.set(true);
                        doubt
                    }
                }
            };
            if let Some(handler) = walk::admits(handlers, |handler| says(handler, AUTH_ERR)) {
                through = through.or(Some(handler));
                admitted.push(account.name.as_str());
            } else if doubtful.get() {
                unsure |= walk::admits(handlers, |handler| says(handler, SUCCESS)).is_some();
            }
        }
        if let Some(handler) = through
            && let Kind::Module { name, .. } = &handler.kind
        {
            let (file, line) = &handler.at;
            let whom = match admitted.as_slice() {
                all if all.len() == visitors.len() => "everybody".to_owned(),
                [one] => (*one).to_owned(),
                [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                [] => String::new(),
            };
            let seen = format!("{file}:{line}:{name}");
            cx.find(check, format!("{file} {name}"), seen)
                .title(format!("PAM lets {whom} in with any password: {service}, by line {line} of {file}"))
                .severity(Severity::Critical);
        } else if unsure {
            cx.unknown(
                check,
                format!("whether {service} lets somebody in depends on a program or on rules of access"),
            );
        }
    }
}
