//! Standard output, standard error and the progress bar: the only place that prints.

use crate::cli::Output;
use crate::failure::Failure;
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
    say(&format!("{value}\n"))
}

/// Writes an answer in the form asked for; as JSON if none was.
///
/// As a table an object is a field a line; as JSON lines a list is an item a line.
pub(crate) fn say_answer(form: Option<Output>, answer: &Value) -> Result<(), Failure> {
    match (form, answer, answer.get("items")) {
        (Some(Output::Table | Output::Wide), Value::Object(fields), _) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let rows: Vec<_> = fields.iter().map(|(name, value)| vec![name.clone(), text(value)]).collect();
            say(&table(&["field", "value"], &rows))
        }
        (Some(Output::Jsonl), _, Some(Value::Array(items))) => items.iter().try_for_each(say_json),
        (Some(Output::Yaml), _, _) => say_yaml(answer),
        _ => say_json(answer),
    }
}

/// The items of a list.
pub(crate) fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The value at a JSON pointer as text for people; empty where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Writes a value as a YAML document.
pub(crate) fn say_yaml(value: &Value) -> Result<(), Failure> {
    say(&format!("---\n{}", serde_norway::to_string(value).map_err(Failure::io)?))
}

/// Writes a line for people to standard error.
#[expect(clippy::print_stderr, reason = "words for people stand beside the answer, never in it")]
pub(crate) fn tell(text: &str) {
    eprintln!("{text}");
}

/// A table with aligned columns; the last column takes what is left.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |i: usize| {
        let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count());
        cells.chain(head.get(i).map(|h| h.len())).max().unwrap_or(0)
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (i, cell) in cells.enumerate() {
            let pad = if i + 1 == head.len() { 0 } else { width(i) + 2 - cell.chars().count().min(width(i)) };
            text.push_str(cell);
            text.push_str(&" ".repeat(pad));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    let mut out = line(&mut head.iter().copied());
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
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

/// Starts the log on standard error.
pub(crate) fn start_log(level: tracing::Level) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}
