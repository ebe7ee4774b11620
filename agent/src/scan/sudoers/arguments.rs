//! The arguments of a command: sudoers(5), "Wildcards" and "Regular expressions".

use super::lexer::Lexer;
use super::token::{is_blank, text};

/// Adds to the arguments, behind a blank if there was one.
fn push(args: &mut Option<Vec<u8>>, bytes: &[u8], blank: &mut bool) {
    let args = args.get_or_insert_default();
    if std::mem::take(blank) && !args.is_empty() {
        args.push(b' ');
    }
    args.extend_from_slice(bytes);
}

impl Lexer<'_> {
    /// The arguments of a command, up to where it ends.
    pub(super) fn arguments(&mut self) -> Option<String> {
        let mut args: Option<Vec<u8>> = None;
        let mut blank = false;
        loop {
            if self.at >= self.text.len() || self.newline(self.at).is_some() {
                break;
            }
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                blank = true;
                continue;
            }
            let blanks = self.run(self.at, is_blank);
            if blanks > 0 {
                self.at += blanks;
                blank = true;
                continue;
            }
            let (c, next) = (self.byte(self.at), self.byte(self.at + 1));
            if c == b'\\' {
                if b"*?[]!^".contains(&next) {
                    let bytes = self.taken(2);
                    push(&mut args, bytes, &mut blank);
                } else if b":\\,= \t#".contains(&next) {
                    self.taken(1);
                    let bytes = self.taken(1);
                    push(&mut args, bytes, &mut blank);
                } else {
                    break;
                }
                continue;
            }
            let length = self.run(self.at, |byte| !b"#\\:, \t\r\n".contains(&byte));
            if length == 0 || length == 1 && c == b'=' {
                break;
            }
            if args.is_none() && c == b'^' {
                return Some(self.regex_arguments());
            }
            let bytes = self.taken(length);
            push(&mut args, bytes, &mut blank);
        }
        args.map(|args| text(&args))
    }

    /// Arguments as a regular expression, from `^` to `$`.
    fn regex_arguments(&mut self) -> String {
        let mut args = Vec::new();
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                self.at += self.run(self.at, is_blank);
                continue;
            }
            match self.byte(self.at) {
                0 | b'#' | b'\r' | b'\n' => break,
                b'\\' => args.extend_from_slice(self.taken(2)),
                b'$' => {
                    args.extend_from_slice(self.taken(1));
                    break;
                }
                _ => args.extend_from_slice(self.taken(1)),
            }
        }
        text(&args)
    }
}
