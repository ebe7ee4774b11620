//! Every table, card and help text as committed text, so that whoever reviews a change sees what people will see.
//!
//! `UPDATE_EXPECT=1 cargo test -p ledger-cli --bin ledger shown` writes them anew.

mod examples;
mod samples;

use crate::cli::Cli;
use crate::output::Look;
use clap::{Command, CommandFactory as _};
use expect_test::expect_file;
use spec::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// Commands without a table and without a card, and what they write.
const OTHERS: &[(&str, &str)] = &[
    ("agent", "what the agent writes"),
    ("backup", "a line"),
    ("checkpoint", "the signed note"),
    ("clock set-back", "a line"),
    ("commands approve", "a line"),
    ("commands cancel", "a line"),
    ("completions", "a document"),
    ("contexts use", "a line"),
    ("demo", "a story"),
    ("enroll revoke", "a line"),
    ("enroll template", "a document"),
    ("export", "a line"),
    ("findings accept", "a line"),
    ("findings withdraw", "a line"),
    ("import", "a line"),
    ("incidents assign", "a line"),
    ("incidents note", "a line"),
    ("incidents open", "a line"),
    ("incidents reopen", "a line"),
    ("incidents resolve", "a line"),
    ("incidents silence", "a line"),
    ("incidents tag", "a line"),
    ("incidents unsilence", "a line"),
    ("invoice credit", "a line"),
    ("invoice evidence", "a line"),
    ("invoice issue", "a line"),
    ("keys rotate", "a line"),
    ("login", "a line"),
    ("logout", "a line"),
    ("logs tail", "the lines of `logs view` as they come"),
    ("man", "a document"),
    ("members end", "a line"),
    ("members uninvite", "a line"),
    ("nodes accept-baseline", "a line"),
    ("nodes label", "a line"),
    ("nodes rename", "a line"),
    ("openapi", "a document"),
    ("prices set", "a line"),
    ("prove", "a line"),
    ("reindex", "a line"),
    ("replay", "a document"),
    ("restore", "a line"),
    ("rollouts abort", "a line"),
    ("rollouts approve", "a line"),
    ("rollouts pause", "a line"),
    ("rollouts resume", "a line"),
    ("schedules remove", "a line"),
    ("schedules set", "a line"),
    ("seal", "a line"),
    ("segment cat", "the lines of a segment"),
    ("segment pack", "a line"),
    ("segment unpack", "a line"),
    ("serve", "where it listens"),
    ("tokens revoke", "a line"),
    ("webhooks remove", "a line"),
    ("witness key", "a document"),
    ("witness policy", "a document"),
    ("witness run", "a line for each checkpoint"),
    ("witness sign", "a document"),
];

/// The moment at which samples are looked at.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-30T12:00:00.000Z").unwrap()
}

/// The commands, by path, that do something of their own.
fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name()).trim().to_owned();
        if !sub.is_subcommand_required_set() {
            found.push(path.clone());
        }
        leaves(sub, &path, found);
    }
}

#[test]
fn what_each_command_shows_is_committed() {
    let mut all = Vec::new();
    leaves(&Cli::command(), "", &mut all);
    let others: BTreeSet<&str> = OTHERS.iter().map(|(path, _)| *path).collect();
    for path in &others {
        assert!(all.iter().any(|known| known == path), "`ledger {path}` is no command");
    }
    for path in all {
        let look = |wide| Look { now: now(), wide, width: None, names: Arc::new(samples::names()) };
        let Some(shown) = samples::of(&path) else {
            assert!(
                others.contains(&*path),
                "`ledger {path}` has no sample in samples.rs and is none of OTHERS"
            );
            continue;
        };
        assert!(!others.contains(&*path), "`ledger {path}` has a sample and is one of OTHERS");
        let mut text = format!("$ ledger {path}\n{}", shown(&look(false)));
        let wide = shown(&look(true));
        let _ = write!(text, "\n$ ledger {path} -o wide\n{wide}");
        if let Some(nothing) = samples::nothing(&path) {
            let _ = write!(text, "\n$ ledger {path} # where there is nothing\n{}", nothing(&look(false)));
        }
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "a control character in {path}");
        expect_file![format!("../tests/shown/answers/{}.txt", path.replace(' ', "-"))].assert_eq(&text);
    }
}

/// A command's help and that of all below it.
fn help(command: &mut Command, path: &str, out: &mut String) {
    let text = command.clone().bin_name(path).render_long_help().to_string();
    let _ = writeln!(out, "$ {path} --help\n{text}");
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        help(sub, &format!("{path} {}", sub.get_name()), out);
    }
}

/// The same whatever the environment has, and without what stands under every command.
fn plain(command: Command) -> Command {
    let global: BTreeSet<String> =
        Cli::command().get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let command = command.term_width(100).mut_args(|arg| {
        let hidden = global.contains(arg.get_id().as_str());
        arg.hide_env_values(true).hide(hidden)
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, plain))
}

#[test]
fn every_help_text_is_committed() {
    let mut cli = Cli::command();
    cli.build();
    let whole = cli.clone().term_width(100).mut_args(|arg| arg.hide_env_values(true)).render_long_help();
    expect_file!["../tests/shown/help/ledger.txt"].assert_eq(&format!("$ ledger --help\n{whole}"));
    let mut cli = plain(cli);
    let mut files = BTreeSet::from(["ledger.txt".to_owned()]);
    for sub in cli.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let (name, mut text) = (sub.get_name().to_owned(), String::new());
        help(sub, &format!("ledger {name}"), &mut text);
        expect_file![format!("../tests/shown/help/{name}.txt")].assert_eq(&format!("{}\n", text.trim_end()));
        files.insert(format!("{name}.txt"));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shown/help");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(files.contains(&name), "{name} is the help of no command");
    }
}
