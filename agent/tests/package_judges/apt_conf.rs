//! Settings of apt: `apt-config dump` says what holds in the end.

use super::{Files, judge, place, root, tool};
use proptest::prelude::*;
use proptest::sample::select;
use vaultmesh_agent::scan::Pace;
use vaultmesh_agent::scan::apt::conf::Configuration;
use vaultmesh_agent::scan::source::Source;

const NAMES: [&str; 14] = [
    "APT::Get::AllowUnauthenticated",
    "apt::get::allowunauthenticated",
    "Acquire::AllowInsecureRepositories",
    "Acquire::https::Verify-Peer",
    "Acquire::https::a.example.org::Verify-Peer",
    "Judge::A",
    "Judge::a",
    "JUDGE::B::c",
    "Judge::List::",
    "Judge::::x",
    "A",
    "B::C",
    "\"D e\"",
    "F%41",
];
const VALUES: [&str; 12] = [
    "\"true\"",
    "\"false\"",
    "true",
    "1",
    "\"a // b\"",
    "\"a # b\"",
    "\"a\" \"b\"",
    "\"\"",
    "\"/* x */\"",
    "a%20b",
    "\"{;}\"",
    "\"http://x/\"",
];

fn remark() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "", " // x;", " # x;", " /* x; */", "\n", "\n/* a\n b */\n", "\n# x\n", "\t"])
}

fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => (select(NAMES.to_vec()), select(vec![" ", "  ", "\t", "\n"]), select(VALUES.to_vec()), remark())
            .prop_map(|(name, blank, value, remark)| format!("{name}{blank}{value};{remark}")),
        1 => (select(VALUES.to_vec()), remark()).prop_map(|(value, remark)| format!("{value};{remark}")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        (
            select(NAMES.to_vec()),
            select(vec![" {", "{", "\n{", " { "]),
            prop::collection::vec((inner, remark()), 0..4),
            select(vec!["}", "};", "\n};", " }"]),
        )
            .prop_map(|(name, open, inner, close)| {
                let inner: Vec<String> =
                    inner.into_iter().map(|(statement, remark)| format!("{statement}{remark}\n")).collect();
                let inner = inner.concat();
                format!("{name}{open}{inner}{close}")
            })
    })
}

fn text() -> impl Strategy<Value = String> {
    let directive = select(vec![
        "#clear Judge::A;",
        "#clear Judge;",
        "#clear Judge::List::;",
        "#clear APT::Get;",
        "#include \"/etc/apt/more.inc\";",
        "#nonsense x;",
        "# just a remark",
    ]);
    let part = prop_oneof![10 => statement(), 2 => directive.prop_map(str::to_owned), 1 => select(vec!["a b c;", "};", "x", "{ a b; };", "\"a;"]).prop_map(str::to_owned)];
    (prop::collection::vec((part, remark()), 0..5), select(vec!["\n", " "])).prop_map(|(parts, between)| {
        parts.into_iter().map(|(part, remark)| format!("{part}{remark}\n")).collect::<Vec<_>>().join(between)
    })
}

fn files() -> impl Strategy<Value = Files> {
    let name = select(vec![
        "etc/apt/apt.conf",
        "etc/apt/apt.conf.d/10a",
        "etc/apt/apt.conf.d/20b.conf",
        "etc/apt/apt.conf.d/30 c",
        "etc/apt/apt.conf.d/40d.bak",
    ]);
    let more = statement().prop_map(|text| ("etc/apt/more.inc".to_owned(), text + "\n"));
    (prop::collection::vec((name.prop_map(str::to_owned), text()), 1..3), more).prop_map(
        |(mut files, more)| {
            files.push(more);
            files
        },
    )
}

/// What both are asked about: names in small letters, with values.
fn relevant(lines: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let tops = ["judge", "a", "b", "d e", "fa", "apt::get", "acquire::allow", "acquire::https"];
    let lowered = lines.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut lines: Vec<(String, String)> = lowered
        .filter(|(name, _)| {
            tops.iter().any(|top| {
                name == top
                    || name.starts_with(&format!("{top}::"))
                    || top.contains("::") && name.starts_with(top)
            })
        })
        .collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs the real tools and a root of their own: agent/tests/package_judges/run"]
fn apt_conf() {
    judge("apt.conf", &files(), |files| {
        place(&["etc/apt"], files);
        let (content, text) = tool("apt-config", &["dump", "--format", "%f=%v%n"]);
        let source = Source::open(&root(), Pace::new(None, None)).unwrap();
        let configuration = Configuration::load(&source);
        let refused = !configuration.refused.is_empty();
        if content == refused {
            return Some(format!("apt is content: {content}; the scan: {:?}", configuration.refused));
        }
        let split =
            |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let apt = relevant(text.lines().filter_map(split));
        let ours = relevant(configuration.dump().into_iter());
        (content && apt != ours).then(|| format!("apt: {apt:?}, the scan: {ours:?}"))
    });
}
