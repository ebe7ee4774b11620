//! `ledger verify --report FILE`: a verdict on paper, for whoever files it: what was checked, by which program and when,
//! what that proves and what it does not.

use super::words::{covered, facts, verdict};
use crate::failure::Failure;
use crate::output::safe;
use ledger::verify::{CheckStatus, Report, TrustStatus, Verdict};
use spec::Timestamp;
use std::fmt::Write as _;
use std::path::Path;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Markdown,
}

impl Form {
    /// By the ending of the file's name.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("html" | "htm") => Ok(Self::Html),
            Some("md" | "markdown") => Ok(Self::Markdown),
            _ => Err(Failure::usage(format!(
                "--report {}: a report is HTML or Markdown; end its name with .html or .md",
                path.display()
            ))),
        }
    }
}

/// A part of a report.
enum Block {
    Heading(String),
    Paragraph(String),
    Items(Vec<String>),
    Rows(Vec<&'static str>, Vec<Vec<String>>),
}

/// The report on some targets.
pub(super) fn report(of: &[(String, Report)], form: Form, now: Timestamp) -> String {
    let mut blocks = vec![Block::Paragraph(format!(
        "Made at {now} (UTC, by the clock of the machine that verified) by ledger {} from the files alone: nothing was \
         taken on the word of the service.",
        env!("CARGO_PKG_VERSION")
    ))];
    if of.len() > 1 {
        let rows =
            of.iter().map(|(target, report)| vec![safe(target).into_owned(), verdict(report).to_owned()]);
        blocks.push(Block::Rows(vec!["target", "verdict"], rows.collect()));
    }
    for (target, report) in of {
        one(&mut blocks, target, report);
    }
    match form {
        Form::Markdown => markdown(&blocks),
        Form::Html => html(&blocks),
    }
}

fn one(blocks: &mut Vec<Block>, target: &str, report: &Report) {
    blocks.push(Block::Heading(format!("{}: {}", safe(target), verdict(report))));
    let rows =
        facts(report).into_iter().map(|(name, value)| vec![name.to_owned(), safe(&value).into_owned()]);
    blocks.push(Block::Rows(vec!["", ""], rows.collect()));
    blocks.push(Block::Paragraph("What this proves:".to_owned()));
    blocks.push(Block::Items(proved(report)));
    blocks.push(Block::Paragraph("What it does not prove:".to_owned()));
    blocks.push(Block::Items(not_proved(report)));
    let checks = report.checks.iter().map(|check| {
        let status = match check.status {
            CheckStatus::Passed => "ok",
            CheckStatus::Failed => "FAILED",
            CheckStatus::NotChecked => "not checked",
        };
        vec![check.code.clone(), check.count.to_string(), status.to_owned()]
    });
    blocks.push(Block::Paragraph("What was checked (codes as in spec/verify-codes.md):".to_owned()));
    blocks.push(Block::Rows(vec!["check", "count", "status"], checks.collect()));
    listed(blocks, "What is wrong:", report.failure_count, report.failures.iter().map(ToString::to_string));
    listed(
        blocks,
        "Findings that nobody has accepted, which leave the verdict alone:",
        report.open_finding_count,
        report.findings.iter().map(|found| format!("entry {}, {}: {}", found.seq, found.code, found.detail)),
    );
    listed(
        blocks,
        "Beside that:",
        report.note_count,
        report.notes.iter().map(|note| {
            let file = note.file.as_deref().map_or_else(String::new, |file| format!("{file}: "));
            format!("{file}{} ({})", note.detail, note.code)
        }),
    );
}

/// A list of some of `count` things, unless there are none.
fn listed(blocks: &mut Vec<Block>, title: &str, count: u64, some: impl Iterator<Item = String>) {
    let mut items: Vec<String> = some
        .take(usize::try_from(count).unwrap_or(usize::MAX))
        .map(|item| safe(&item).into_owned())
        .collect();
    if items.is_empty() {
        return;
    }
    let rest = count.saturating_sub(items.len() as u64);
    if rest > 0 {
        items.push(format!("and {rest} more"));
    }
    blocks.push(Block::Paragraph(title.to_owned()));
    blocks.push(Block::Items(items));
}

fn proved(report: &Report) -> Vec<String> {
    if report.verdict != Verdict::Verified {
        return vec!["Nothing, as long as it does not verify.".to_owned()];
    }
    let mut all = Vec::new();
    if report.checks.iter().any(|check| check.code == "signatures" && check.status == CheckStatus::Passed) {
        all.push(
            "Every event was signed by the key that the ledger knew as its author's when it was recorded, and none of \
             them was changed, moved, left out or put in since."
                .to_owned(),
        );
    }
    all.extend(covered(report).map(|said| format!("The ledger has signed for it: {said}.")));
    if let Some(witnessed) = &report.witnessed {
        let by: Vec<&str> = witnessed.by.iter().map(|by| by.name.as_str()).collect();
        all.push(format!(
            "Up to size {} others saw the same history and signed that it only ever grew: {}.",
            witnessed.size,
            by.join(", ")
        ));
    }
    if report.trust != TrustStatus::Unpinned {
        all.push("It is the ledger whose id or policy was given with --trust.".to_owned());
    }
    all
}

fn not_proved(report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    if report.trust == TrustStatus::Unpinned {
        all.push("That it is the ledger you mean: no id was given with --trust.".to_owned());
    }
    if report.tail > 0 {
        all.push(format!("Anything about the last {} entries: nobody has signed for them yet.", report.tail));
    }
    if report.witnessed.is_none() {
        all.push("That others were shown the same history: no witness has signed what is here.".to_owned());
    }
    let left: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::NotChecked)
        .map(|check| check.code.as_str())
        .collect();
    if !left.is_empty() {
        all.push(format!("What was not checked: {}.", left.join(", ")));
    }
    all.push(
        "That what was said is so: a signature says who said it and when it was recorded, not that it is true or that \
         nothing was left unsaid."
            .to_owned(),
    );
    all
}

fn markdown(blocks: &[Block]) -> String {
    // Whatever a node wrote is text here too.
    let escaped = |text: &str| {
        text.chars().fold(String::new(), |mut out, c| {
            if "\\`*_{}[]<>#|~".contains(c) {
                out.push('\\');
            }
            out.push(c);
            out
        })
    };
    let mut out = "# Verification of a ledger\n".to_owned();
    for block in blocks {
        out.push('\n');
        match block {
            Block::Heading(text) => {
                let _ = writeln!(out, "## {}", escaped(text));
            }
            Block::Paragraph(text) => {
                let _ = writeln!(out, "{}", escaped(text));
            }
            Block::Items(items) => {
                for item in items {
                    let _ = writeln!(out, "- {}", escaped(item));
                }
            }
            Block::Rows(head, rows) => {
                let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
                for row in rows {
                    let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
                    let _ = writeln!(out, "| {} |", cells.join(" | "));
                }
            }
        }
    }
    out
}

/// Without scripts, fonts or anything from elsewhere: it can be read in a hundred years, and printed.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111;\
                     background:#fff}table{border-collapse:collapse;margin:.5em 0}td,th{border:1px solid #bbb;\
                     padding:.2em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}h2{border-top:2px \
                     solid #111;padding-top:.6em;margin-top:2em}@media print{body{margin:0;font-size:11px}}";

fn html(blocks: &[Block]) -> String {
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('`', "")
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n<title>Verification of a ledger</title>\n<style>{STYLE}</style>\n<h1>Verification \
         of a ledger</h1>\n"
    );
    for block in blocks {
        let _ = match block {
            Block::Heading(text) => writeln!(out, "<h2>{}</h2>", escaped(text)),
            Block::Paragraph(text) => writeln!(out, "<p>{}</p>", escaped(text)),
            Block::Items(items) => {
                let items: Vec<String> =
                    items.iter().map(|item| format!("<li>{}</li>", escaped(item))).collect();
                writeln!(out, "<ul>\n{}\n</ul>", items.join("\n"))
            }
            Block::Rows(head, rows) => {
                let cells = |tag: &str, cells: &[String]| {
                    let cells: Vec<String> =
                        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
                    format!("<tr>{}</tr>", cells.concat())
                };
                let head: Vec<String> = head.iter().map(ToString::to_string).collect();
                let head = if head.iter().all(String::is_empty) { String::new() } else { cells("th", &head) };
                let rows: Vec<String> = rows.iter().map(|row| cells("td", row)).collect();
                writeln!(out, "<table>\n{head}\n{}\n</table>", rows.join("\n"))
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        assert_eq!(Form::of(Path::new("a.html")).unwrap(), Form::Html);
        assert_eq!(Form::of(Path::new("a.b.md")).unwrap(), Form::Markdown);
        for path in ["a", "a.pdf", ".md", "md"] {
            assert!(Form::of(Path::new(path)).unwrap_err().to_string().contains(".html or .md"), "{path}");
        }
    }

    #[test]
    fn what_somebody_wrote_is_text() {
        let blocks = [
            Block::Heading("<b>|".to_owned()),
            Block::Items(vec!["[x](http://y) & \"z\"".to_owned()]),
            Block::Rows(vec!["", ""], vec![vec!["a|b".to_owned(), "<script>".to_owned()]]),
        ];
        let page = html(&blocks);
        assert!(
            !page.contains("<script>") && page.contains("&lt;b&gt;|") && page.contains("&amp; &quot;z&quot;")
        );
        let text = markdown(&blocks);
        assert!(text.contains("\\[x\\](http://y)") && text.contains("| a\\|b | \\<script\\> |"), "{text}");
    }
}
