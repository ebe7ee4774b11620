//! Texts of nodes, of people and of the world, made safe for a terminal.
//!
//! A host name, a title or a file's name is somebody else's word. Printed as it is, it could move the cursor, retitle
//! the window, hide what stands beside it or turn its reading order around (CWE-150; Unicode Technical Report 36,
//! section 2.10). So whatever shows nothing of itself is shown by its number: `\u{1b}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that Rust takes for printable and that show nothing: fillers, joiners, selectors.
const BLANK: [(char, char); 9] = [
    ('\u{034f}', '\u{034f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{e0100}', '\u{e01ef}'),
];

/// The text on one line, with everything escaped that is no visible character: control characters and with them
/// escape sequences, bidirectional controls, zero-width characters, separators of lines, what is not assigned.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_visible(c) {
            out.push(c);
        } else {
            match c {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                _ => out.extend(c.escape_unicode()),
            }
        }
    }
    Cow::Owned(out)
}

/// The same of a text that may have several lines: those stay, each safe.
pub(crate) fn safe_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(safe).collect();
    lines.join("\n")
}

/// A JSON text with the same characters written as JSON's own escapes: it means the same.
pub(crate) fn safe_json(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(json);
    }
    // What is no visible character stands in a string here: a text of one line has no other place for it.
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_visible(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

fn is_visible(c: char) -> bool {
    if BLANK.iter().any(|(first, last)| (*first..=*last).contains(&c)) {
        return false;
    }
    // Rust's own table of what is printable. A mark that combines with what stands before it is so there, not alone.
    let mut pair = String::from("a");
    pair.push(c);
    matches!(c, '"' | '\'' | '\\') || pair.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_visible_character_is_shown_by_its_number() {
        for (text, shown) in [
            ("web-1", "web-1"),
            ("\"C:\\logs\" 'it'", "\"C:\\logs\" 'it'"),
            ("Zoë, नमस्ते, 東京, e\u{301}", "Zoë, नमस्ते, 東京, e\u{301}"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("a\rb\nc\td\u{8}e\u{7f}", "a\\rb\\nc\\td\\u{8}e\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("safe\u{202e}gpj.exe", "safe\\u{202e}gpj.exe"),
            ("\u{2066}a\u{2069}\u{200e}\u{200f}\u{61c}", "\\u{2066}a\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
            (
                "ad\u{200b}min\u{200d}\u{2060}\u{feff}\u{ad}",
                "ad\\u{200b}min\\u{200d}\\u{2060}\\u{feff}\\u{ad}",
            ),
            ("\u{2028}\u{2029}\u{a0}", "\\u{2028}\\u{2029}\\u{a0}"),
            ("\u{3164}\u{115f}\u{fe0f}\u{e0101}\u{e0041}", "\\u{3164}\\u{115f}\\u{fe0f}\\u{e0101}\\u{e0041}"),
        ] {
            assert_eq!(safe(text), shown);
        }
    }

    #[test]
    fn no_character_with_a_function_passes() {
        // Cc, the bidirectional controls, and whatever has no width by UAX 9, UAX 14 and the general category Cf.
        let ranges = [
            (0x00, 0x1f),
            (0x7f, 0x9f),
            (0xad, 0xad),
            (0x600, 0x605),
            (0x61c, 0x61c),
            (0x180e, 0x180e),
            (0x200b, 0x200f),
            (0x2028, 0x202e),
            (0x2060, 0x206f),
            (0xfeff, 0xfeff),
            (0xfff9, 0xfffb),
            (0x1_d173, 0x1_d17a),
            (0xe_0001, 0xe_007f),
        ];
        for c in ranges.into_iter().flat_map(|(first, last)| first..=last).filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let shown = safe(&text);
            assert!(!shown.contains(c), "{:04x} passes", u32::from(c));
            assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
        }
    }

    #[test]
    fn json_means_the_same() {
        let said =
            serde_json::json!({"a\u{202e}": ["\u{1b}[2J\u{7f}\u{9b}", "東京 e\u{301}", "\u{e0041}\n\""]});
        let json = said.to_string();
        let shown = safe_json(&json);
        assert!(
            shown.contains("\\u202e") && shown.contains("東京") && shown.contains("\\udb40\\udc41"),
            "{shown}"
        );
        assert!(shown.chars().all(is_visible), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), said);
    }

    #[test]
    fn lines_stay_where_they_may() {
        assert_eq!(safe_lines("one\ntwo\u{1b}[1m\n"), "one\ntwo\\u{1b}[1m\n");
    }
}
