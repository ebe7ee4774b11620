//! Command lines that are shown to people: those of README, of the release notes, and of the help texts. Each is parsed
//! as it would be typed.

use crate::cli::{Cli, arguments};
use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};

const README: &str = include_str!("../../../../README.md");
const HANDBOOK: &str = include_str!("../../../../HANDBOOK.md");

/// Command lines in texts for people, as far as they are whole: in `code`, and in fenced blocks line by line.
fn lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (k, part) in text.split("```").enumerate() {
        if k % 2 == 1 {
            found.extend(part.lines().map(str::to_owned));
        } else {
            let spans = part.split('`').skip(1).step_by(2);
            found.extend(spans.map(|line| line.replace('\n', " ")));
        }
    }
    let own = |line: &String| ["ledger ", "cargo ledger "].iter().any(|start| line.starts_with(start));
    found.retain(own);
    // What stands for itself alone is the name of a file or a folder, or a name with alternatives.
    found.retain(|line| !line.contains(['|', '<', '>']) && line.split(' ').count() > 1);
    // Chapters of the handbook have a test of their own.
    found.retain(|line| !line.starts_with("ledger help ") && !line.starts_with("ledger COMMAND "));
    found
}

/// What stands where people put something of their own.
fn filled(word: &str) -> Option<String> {
    let stands = match word.trim_matches(['[', ']', ',']) {
        "…" => "anything",
        word => word.trim_end_matches('…'),
    };
    let stands = match stands {
        "" => return None,
        "N" | "SEQ" => "7",
        "UUID" => "01010101-0101-4101-8101-010101010101",
        "LEDGER_ID" | "ID" => "0707070707070707070707070707070707070707070707070707070707070707",
        "NAME" | "ORG" => "acme",
        "CHECK" => "ssh-root-login",
        "FILES" => "events.jsonl",
        other => other,
    };
    Some(stands.to_owned())
}

/// The words of a line as a shell would see them, without its remark.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut begun = false;
    for c in line.split(" #").next().unwrap_or_default().chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => (quote, begun) = (Some(c), true),
            (' ', None) => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, _) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Whether a line can be typed as it stands.
fn parses(line: &str) -> Result<(), String> {
    let line = line.strip_prefix("cargo ").unwrap_or(line);
    let words = words(line).iter().filter_map(|word| filled(word)).collect::<Vec<_>>();
    let given = arguments(words.iter().map(Into::into));
    match Cli::try_parse_from(given) {
        // The name of a command, and no line to type.
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument && words.len() <= 3 => Ok(()),
        Err(error) if error.use_stderr() => Err(format!("{line}: {error}")),
        _ => Ok(()),
    }
}

/// The examples in the help of a command and of those below it.
fn of_help(command: &Command, found: &mut Vec<String>) {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = text.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("Example: ");
        line.starts_with("ledger ").then(|| line.to_owned())
    });
    found.extend(examples);
    command.get_subcommands().for_each(|sub| of_help(sub, found));
}

#[test]
fn each_chapter_of_the_handbook_is_a_topic_of_help() {
    for topic in ["start", "operators", "auditors", "agents", "ci", "security"] {
        assert!(crate::commands::reference::chapter(topic).is_some_and(|text| text.len() > 300), "{topic}");
    }
    assert_eq!(crate::commands::reference::chapter("nonsense"), None);
}

#[test]
fn every_command_line_that_people_read_can_be_typed() {
    let mut all = lines(README);
    assert!(all.len() > 50, "{all:?}");
    all.extend(lines(HANDBOOK));
    of_help(&Cli::command(), &mut all);
    let wrong: Vec<String> = all.iter().filter_map(|line| parses(line).err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
