//! Sources of packages: `apt-get indextargets` says which are read, and which are trusted.

use super::{Files, judge, place, put, root, scan, tool};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

const VALUES: [&str; 16] = [
    "yes", "no", "on", "off", "true", "false", "with", "without", "enable", "disable", "0", "1", "0x1",
    "YES", "ja", "force",
];
const URIS: [&str; 5] = [
    "http://a.example.org/debian",
    "http://a.example.org/debian/",
    "http://b.example.org",
    "https://c.example.org/x/",
    "file:/srv/repo",
];

/// The same as parts of names of files, and what of each source is told of there.
const PLACES: [&str; 4] = ["a.example.org_debian", "b.example.org", "c.example.org_x", "_srv_repo"];
const PARTS: [&str; 4] = [
    "main_binary-amd64_Packages",
    "main_source_Sources",
    "contrib_binary-amd64_Packages",
    "contrib_source_Sources",
];

fn blank() -> impl Strategy<Value = &'static str> {
    select(vec![" ", " ", " ", "  ", "\t", " \t "])
}

fn option() -> impl Strategy<Value = String> {
    let names = vec![
        "trusted",
        "trusted",
        "Trusted",
        "allow-insecure",
        "allow-weak",
        "allow-downgrade-to-insecure",
        "by-hash",
    ];
    prop_oneof![
        6 => (select(names), select(VALUES.to_vec())).prop_map(|(name, value)| format!("{name}={value}")),
        1 => Just("arch=amd64".to_owned()),
        1 => Just("lang=none".to_owned()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let options = prop::collection::vec(option(), 0..3);
    let address = (select(vec!["deb", "deb", "deb-src"]), select(URIS.to_vec()));
    let place =
        select(vec!["stable main", "stable main contrib", "./", "sub/", "stable  main", "./ main", "stable"]);
    let ends = select(vec!["", "", "", " # why", "#x", " ", "\t"]);
    let ordinary =
        (address, options, blank(), any::<[bool; 2]>(), place, ends, select(vec!["", "", " ", "\t"]))
            .prop_map(|((kind, address), options, blank, [inner, outer], place, ends, front)| {
                let options = match (options.join(" "), inner, outer) {
                    (options, ..) if options.is_empty() => String::new(),
                    (options, true, true) => format!("[ {options} ]{blank}"),
                    (options, true, false) => format!("[{blank}{options}]{blank}"),
                    (options, false, true) => format!("[{options}{blank}]{blank}"),
                    (options, false, false) => format!("[{options}]{blank}"),
                };
                format!("{front}{kind}{blank}{options}{address}{blank}{place}{ends}")
            });
    prop_oneof![
        12 => ordinary,
        1 => select(vec!["", "# deb [trusted=yes] file:/x ./", "   ", "#", "deb cdrom:[Debian 12 [1]]/ bookworm main"]).prop_map(str::to_owned),
    ]
}

fn field(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let cased = select(vec![name.to_owned(), name.to_lowercase(), name.to_uppercase()]);
    let colon = select(vec![": ", ": ", ": ", ":", " : ", ":  ", ":\t", ":\n "]);
    (cased, colon, value, select(vec!["", "", "", " ", "\n# remark"]))
        .prop_map(|(name, colon, value, ends)| format!("{name}{colon}{value}{ends}"))
}

fn switch(name: &'static str) -> impl Strategy<Value = String> {
    field(
        name,
        prop_oneof![8 => select(VALUES.to_vec()), 1 => Just("no # tmp"), 1 => Just("")]
            .prop_map(str::to_owned),
    )
}

fn paragraph() -> impl Strategy<Value = String> {
    let text = |values: Vec<&'static str>| select(values).prop_map(str::to_owned);
    let uris = prop::collection::vec(select(URIS.to_vec()), 1..3).prop_map(|uris| uris.join("\n "));
    let fixed = (
        field("Types", text(vec!["deb", "deb", "deb deb-src", "deb-src"])),
        field("URIs", uris),
        prop_oneof![
            (
                field("Suites", text(vec!["stable", "stable stable-updates"])),
                field("Components", text(vec!["main", "main contrib"]))
            )
                .prop_map(|(suites, components)| format!("{suites}\n{components}")),
            field("Suites", text(vec!["./", "sub/"])),
        ],
    );
    let more = prop_oneof![
        4 => switch("Trusted"),
        3 => switch("Enabled"),
        1 => switch("Allow-Insecure"),
        1 => Just("# Trusted: yes".to_owned()),
        1 => Just("Description: a\n b: c\n .\n d".to_owned()),
    ];
    (fixed, prop::collection::vec(more, 0..4), any::<prop::sample::Index>()).prop_map(
        |((types, uris, place), more, at)| {
            let mut fields = vec![types, uris, place];
            let at = at.index(fields.len() + 1);
            for field in more {
                fields.insert(at, field);
            }
            fields.join("\n") + "\n"
        },
    )
}

fn files() -> impl Strategy<Value = Files> {
    let lists =
        vec!["a.list", "a:b.list", "a-b_c.list", "a b.list", "a+b.list", ".a.list", "a.list.save", "a.LIST"];
    let sources = vec!["a.sources", "b-c.sources", "a@b.sources", "a.sources~"];
    let list = (select(lists), prop::collection::vec(line(), 1..4), select(vec!["\n", "\n", "\n\n"]))
        .prop_map(|(name, lines, end)| (format!("etc/apt/sources.list.d/{name}"), lines.join("\n") + end));
    let main = prop::collection::vec(line(), 0..3)
        .prop_map(|lines| ("etc/apt/sources.list".to_owned(), lines.join("\n")));
    let between = select(vec!["\n", "\n\n", "\n# x\n\n", "\n## x\n"]);
    let stanzas = (
        select(sources),
        prop::collection::vec(paragraph(), 1..3),
        between,
        select(vec!["", "\n", "# x\n\n"]),
    )
        .prop_map(|(name, all, between, front)| {
            (format!("etc/apt/sources.list.d/{name}"), front.to_owned() + &all.join(between))
        });
    prop::collection::vec(prop_oneof![3 => list, 1 => main, 4 => stanzas], 1..3)
}

/// Makes what apt would have fetched from every source, none of it signed: it tells only of sources that it knows.
fn fetched() {
    for place in PLACES {
        for suite in ["dists_stable", "dists_stable-updates"] {
            put(&format!("lists/{place}_{suite}_Release"), b"Origin: x\nSuite: x\n");
            for part in PARTS {
                put(&format!("lists/{place}_{suite}_{part}"), b"");
            }
        }
        for folder in [".", "sub"] {
            put(&format!("lists/{place}_{folder}_Release"), b"Origin: x\nSuite: x\n");
            for part in ["Packages", "Sources"] {
                put(&format!("lists/{place}_{folder}_{part}"), b"");
            }
        }
    }
    put("lists/partial/x", b"");
    put("cache/x", b"");
}

/// File and address of what is not asked for a signature; `None` if apt refuses everything.
fn told() -> Option<BTreeSet<(String, String)>> {
    let format = "$(SOURCESENTRY)|$(REPO_URI)|$(TRUSTED)|$(ALLOW_INSECURE)|$(ALLOW_WEAK)|$(ALLOW_DOWNGRADE_TO_INSECURE)";
    let lists = format!("Dir::State::lists={}", root().join("lists").display());
    let cache = format!("Dir::Cache={}", root().join("cache").display());
    let (content, text) = tool("apt-get", &["-o", &lists, "-o", &cache, "indextargets", "--format", format]);
    let entry = |line: &str| {
        let mut fields = line.split('|');
        let (file, address) = (fields.next()?.rsplit_once(':')?.0.to_owned(), fields.next()?.to_owned());
        fields.any(|field| field == "yes" || field == "true").then_some((file, address))
    };
    content.then(|| text.lines().filter_map(entry).collect())
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn apt_sources() {
    fetched();
    judge("apt sources", &files(), |files| {
        place(&["etc/apt"], files);
        let apt = told();
        let scan = scan(&[]);
        let refused =
            scan.unchecked.iter().any(|u| u.id.as_str() == "apt-source" && u.reason.contains("apt refuses"));
        let found =
            scan.findings.iter().filter(|f| f.id.as_str() == "apt-source" && !f.subject.ends_with(" mode"));
        let ours: BTreeSet<(String, String)> = found
            .filter_map(|f| f.subject.split_once(' '))
            .map(|(file, address)| (file.to_owned(), format!("{}/", address.trim_end_matches('/'))))
            .collect();
        match apt {
            None => (!refused).then(|| "apt refuses it, the scan does not".to_owned()),
            Some(_) if refused => Some(format!("the scan thinks that apt refuses it: {:?}", scan.unchecked)),
            Some(apt) => {
                // Of what stands in several files apt names the first; asked about one of the others alone, that one.
                let more = ours.difference(&apt).all(|(file, address)| {
                    let alone =
                        files.iter().filter(|(path, _)| format!("/{path}") == *file).cloned().collect();
                    place(&["etc/apt"], &alone);
                    told().is_some_and(|told| told.contains(&(file.clone(), address.clone())))
                });
                (!more || !apt.is_subset(&ours)).then(|| format!("apt: {apt:?}, the scan: {ours:?}"))
            }
        }
    });
}
