//! Standard output, standard error and the progress bar: the only place that prints.
//!
//! The rule for every command: in a terminal and in a pipe alike an answer is for people, a table for a list, a card
//! for one thing, a line for something done. With `-o json`, `jsonl` or `yaml` it is what the service said. What is
//! meant for a file (`completions`, `man`, `openapi`, `replay`, `witness key`, `policy` and `sign`) is a document in
//! any case. Remarks for people go to standard error.

mod cell;
mod table;

use crate::safe::safe_json;
pub(crate) use crate::safe::{safe, safe_lines};
pub(crate) use cell::{Cell, Look, clock, short, word};
pub(crate) use table::{Card, Table, column, wide};

use crate::failure::Failure;
use crate::options::{Global, LogFormat, Output, Sure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Writes an answer to standard output; a reader that has gone away is no error.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::io(error)),
        _ => Ok(()),
    }
}

/// Writes a JSON value as one line.
pub(crate) fn say_json(value: &Value) -> Result<(), Failure> {
    say(&format!("{}\n", safe_json(&value.to_string())))
}

/// Writes an answer: to people in the words of `people`, to machines as it was said.
pub(crate) fn answer(
    global: &Global,
    said: &Value,
    people: impl FnOnce() -> Result<String, Failure>,
) -> Result<(), Failure> {
    if global.for_people() { say(&people()?) } else { document(global, said) }
}

/// Writes a document: as one of JSON unless lines of JSON or YAML were asked for. Of a list the lines are its items.
pub(crate) fn document(global: &Global, said: &Value) -> Result<(), Failure> {
    match (global.output, said.get("items")) {
        (Some(Output::Jsonl), Some(Value::Array(items))) => items.iter().try_for_each(say_json),
        (Some(Output::Yaml), _) => say_yaml(said),
        _ => say_json(said),
    }
}

/// Writes a value as a YAML document.
pub(crate) fn say_yaml(value: &Value) -> Result<(), Failure> {
    let yaml = serde_norway::to_string(value).map_err(Failure::io)?;
    if safe_lines(&yaml) == yaml {
        return say(&format!("---\n{yaml}"));
    }
    // Every JSON text is YAML, and one that can spell such characters out.
    say("---\n")?;
    say_json(value)
}

/// Writes a line for people to standard error.
#[expect(clippy::print_stderr, reason = "words for people stand beside the answer, never in it")]
pub(crate) fn tell(text: &str) {
    eprintln!("{}", safe_lines(text));
}

/// Asks before what cannot be taken back, where there is somebody to ask.
#[expect(clippy::print_stderr, reason = "a question for people stands beside the answer, never in it")]
pub(crate) fn ask(sure: Sure, question: &str) -> Result<(), Failure> {
    let (input, terminal) = (std::io::stdin(), std::io::stderr().is_terminal());
    if sure.yes || !terminal || !input.is_terminal() {
        return Ok(());
    }
    eprint!("{} [y/N] ", safe(question));
    let mut said = String::new();
    input.read_line(&mut said)?;
    if means_yes(&said) { Ok(()) } else { Err(Failure::refused("nothing was done")) }
}

/// Asks for a secret, which the terminal does not show; from a pipe, its first line.
#[expect(clippy::print_stderr, reason = "a question for people stands beside the answer, never in it")]
pub(crate) fn ask_secret(what: &str) -> Result<String, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let input = std::io::stdin();
    let mut said = String::new();
    if !input.is_terminal() {
        input.read_line(&mut said)?;
        return Ok(said);
    }
    eprint!("{what}: ");
    let shown = tcgetattr(&input).map_err(Failure::io)?;
    let mut hidden = shown.clone();
    hidden.local_modes -= LocalModes::ECHO;
    tcsetattr(&input, OptionalActions::Now, &hidden).map_err(Failure::io)?;
    let read = input.read_line(&mut said);
    tcsetattr(&input, OptionalActions::Now, &shown).map_err(Failure::io)?;
    eprintln!();
    read?;
    Ok(said)
}

fn means_yes(said: &str) -> bool {
    matches!(said.trim().to_lowercase().as_str(), "y" | "yes")
}

/// How wide the terminal is that answers go to, if they go to one.
fn terminal_width() -> Option<usize> {
    let out = std::io::stdout();
    out.is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&out).ok())
        .flatten()
        .map(|size| usize::from(size.ws_col.max(20)))
}

/// A bar over bytes that shows itself only after a second, and only on a terminal.
pub(crate) fn bytes_bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// Moves a bar on; draws it from the second second.
pub(crate) fn advance(bar: &ProgressBar, by: u64) {
    if bar.is_hidden() && bar.elapsed() > Duration::from_secs(1) && std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    bar.inc(by);
}

/// Starts the log on standard error: lines for people, or one JSON object each, with the spans that they stand in.
pub(crate) fn start_log(level: tracing::Level, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::means_yes;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", " YES \n"].into_iter().all(means_yes));
        assert!(!["", "\n", "n\n", "yes, but\n"].into_iter().any(means_yes));
    }
}
