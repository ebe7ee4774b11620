//! The words of a sudoers file, as the lexer of sudo (1.9) finds them: sudoers(5), "SUDOERS FILE FORMAT" and
//! "Other special characters and reserved words".
//!
//! What a word is depends on where it stands: a command swallows its arguments, a setting knows strings and
//! comments, a folder of includes ends at a blank.

use super::token::{CHOICES, DIGESTS, TAGS, Token, command, is_blank, network_length, text, unescaped};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Initial,
    /// Behind `Defaults`, where it says whom it is about.
    Scope,
    /// Where the name of a setting is due.
    Setting,
    /// Behind the name of a setting.
    Value,
    /// Where a digest is due.
    Digest(usize),
    /// Where a path is due.
    Path,
    /// Where the name of an included file is due.
    Include,
}

/// The lexer.
#[expect(clippy::struct_excessive_bools, reason = "what is true of the line so far, each by itself")]
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
    pub(super) line: usize,
    state: State,
    /// Whether the line has begun, and whether with blanks.
    fresh: bool,
    indented: bool,
    /// Whether the line goes on from the one before it.
    continued: bool,
    ended: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: 1,
            state: State::Initial,
            fresh: true,
            indented: false,
            continued: false,
            ended: false,
        }
    }

    /// The next word with its line, from 1; `None` after the last.
    pub(super) fn next(&mut self) -> Option<(usize, Token)> {
        loop {
            if self.at >= self.text.len() {
                let last = !std::mem::replace(&mut self.ended, true);
                return last.then_some((self.line, Token::End));
            }
            if let Some(length) = self.newline(self.at) {
                let line = self.line;
                self.at += length;
                self.new_line();
                return Some((line, Token::End));
            }
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                (self.continued, self.fresh, self.indented) = (true, true, false);
                continue;
            }
            let line = self.line;
            if let Some(token) = self.word() {
                return Some((line, token));
            }
        }
    }

    fn new_line(&mut self) {
        self.line += 1;
        self.state = State::Initial;
        (self.continued, self.fresh, self.indented) = (false, true, false);
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn taken(&mut self, length: usize) -> &'t [u8] {
        let taken = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        self.fresh = false;
        taken
    }

    /// Length of the end of a line at a place.
    pub(super) fn newline(&self, at: usize) -> Option<usize> {
        match (self.byte(at), self.byte(at + 1)) {
            (b'\n', _) => Some(1),
            (b'\r', b'\n') => Some(2),
            _ => None,
        }
    }

    /// Length of a backslash that joins the next line: blanks may stand behind it.
    pub(super) fn continuation(&self) -> Option<usize> {
        if self.byte(self.at) != b'\\' {
            return None;
        }
        let blanks = self.run(self.at + 1, is_blank);
        self.newline(self.at + 1 + blanks).map(|end| 1 + blanks + end)
    }

    pub(super) fn run(&self, from: usize, of: impl Fn(u8) -> bool) -> usize {
        self.text.get(from..).unwrap_or_default().iter().take_while(|byte| of(**byte)).count()
    }

    /// A word here; `None` if something was skipped.
    fn word(&mut self) -> Option<Token> {
        let c = self.byte(self.at);
        let blanks = self.run(self.at, is_blank);
        if self.state == State::Scope && self.byte(self.at + blanks) == b',' {
            self.at += blanks + 1;
            self.at += self.run(self.at, is_blank);
            return Some(Token::Comma);
        }
        if blanks > 0 {
            self.at += blanks;
            self.indented = self.fresh;
            if self.state == State::Scope {
                self.state = State::Setting;
            }
            return None;
        }
        if c == b'!' {
            let marks = self.run(self.at, |byte| byte == b'!');
            self.taken(marks);
            return (marks % 2 == 1).then_some(Token::Not);
        }
        match self.state {
            State::Setting => Some(self.setting()),
            State::Value => Some(self.value()),
            State::Include => Some(self.included()),
            _ => Some(self.general()),
        }
    }

    fn comment(&mut self) -> Token {
        let length = self.run(self.at, |byte| byte != b'\n');
        self.at += length;
        if self.at < self.text.len() {
            self.at += 1;
            self.new_line();
        }
        Token::End
    }

    fn bad(&mut self) -> Token {
        self.taken(1);
        Token::Bad
    }

    fn setting(&mut self) -> Token {
        let length = self.run(self.at, |byte| byte.is_ascii_lowercase() || byte == b'_');
        if length > 0 {
            self.state = State::Value;
            return Token::Setting(text(self.taken(length)));
        }
        if self.byte(self.at) == b'#' { self.comment() } else { self.bad() }
    }

    fn value(&mut self) -> Token {
        let (c, next) = (self.byte(self.at), self.byte(self.at + 1));
        match (c, next) {
            (b',', _) => {
                self.taken(1);
                self.state = State::Setting;
                Token::Comma
            }
            (b'+' | b'-', b'=') => {
                self.taken(2);
                Token::Adjust
            }
            (b'=', _) => {
                self.taken(1);
                Token::Equals
            }
            (b'"', _) => self.string().map_or(Token::Bad, Token::Word),
            (b'#', _) => self.comment(),
            _ => {
                let length = self.escaped_run(self.at, |byte| !b"#=, \t\r\n\\\"".contains(&byte));
                if length == 0 { self.bad() } else { Token::Word(unescaped(self.taken(length))) }
            }
        }
    }

    fn included(&mut self) -> Token {
        self.state = State::Initial;
        if self.byte(self.at) == b'"' {
            return self.string().map_or(Token::Bad, Token::Word);
        }
        let mut length = 0;
        loop {
            let c = self.byte(self.at + length);
            if c == b'\\' && is_blank(self.byte(self.at + length + 1)) {
                length += 2;
            } else if c == 0 || c.is_ascii_whitespace() || c == 0x0b {
                break;
            } else {
                length += 1;
            }
        }
        if length == 0 { self.bad() } else { Token::Word(unescaped(self.taken(length))) }
    }

    /// Text in quotes; `None` if the line ends before it does, or if it is empty.
    fn string(&mut self) -> Option<String> {
        self.taken(1);
        let mut bytes = Vec::new();
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                self.at += self.run(self.at, is_blank);
                continue;
            }
            match self.byte(self.at) {
                b'"' => {
                    self.taken(1);
                    return (!bytes.is_empty()).then(|| unescaped(&bytes));
                }
                b'\n' | b'\r' => return None,
                0 if self.at >= self.text.len() => return None,
                b'\\' if self.byte(self.at + 1) == b'"' => bytes.extend_from_slice(self.taken(2)),
                _ => bytes.extend_from_slice(self.taken(1)),
            }
        }
    }

    /// Length of a run in which a backslash takes the meaning from what follows it.
    fn escaped_run(&self, from: usize, of: impl Fn(u8) -> bool) -> usize {
        let mut length = 0;
        loop {
            let c = self.byte(from + length);
            if from + length >= self.text.len() {
                return length;
            }
            if c == b'\\' && !matches!(self.byte(from + length + 1), 0 | b'\n' | b'\r' | b'\t') {
                length += 2;
            } else if of(c) {
                length += 1;
            } else {
                return length;
            }
        }
    }

    fn word_length(&self, from: usize) -> usize {
        self.escaped_run(from, |byte| !b"#>!=:,() \t\r\n\\\"".contains(&byte))
    }

    fn path_length(&self) -> usize {
        if self.byte(self.at) != b'/' {
            return 0;
        }
        let mut length = 1;
        loop {
            let c = self.byte(self.at + length);
            if c == b'\\' && b",:= \t#".contains(&self.byte(self.at + length + 1)) {
                length += 2;
            } else if self.at + length < self.text.len() && !b",:=\\ \t\r\n#".contains(&c) {
                length += 1;
            } else {
                break;
            }
        }
        // A slash alone is no path.
        if length > 1 { length } else { 0 }
    }

    /// Length of a regular expression from `^` to `$`.
    fn regex_length(&self) -> usize {
        if self.byte(self.at) != b'^' {
            return 0;
        }
        // The last `$` that can be reached is its end.
        let (mut length, mut end) = (1, 0);
        loop {
            let c = self.byte(self.at + length);
            if c == b'\\' && matches!(self.byte(self.at + length + 1), b'#' | b'$') {
                length += 2;
            } else if c == b'$' {
                end = length + 1;
                break;
            } else if self.at + length >= self.text.len() || matches!(c, b'#' | b'\r' | b'\n') {
                break;
            } else {
                length += 1;
            }
        }
        end
    }

    fn id_length(&self, from: usize) -> usize {
        if self.byte(from) != b'#' {
            return 0;
        }
        let sign = usize::from(self.byte(from + 1) == b'-');
        let digits = self.run(from + 1 + sign, |byte| byte.is_ascii_digit());
        if digits == 0 { 0 } else { 1 + sign + digits }
    }

    fn general(&mut self) -> Token {
        let c = self.byte(self.at);
        let single = match c {
            b'(' => Some(Token::Open),
            b')' => Some(Token::Close),
            b',' => Some(Token::Comma),
            b'=' => Some(Token::Equals),
            b':' => Some(Token::Colon),
            _ => None,
        };
        let network = network_length(self.rest());
        if let Some(single) = single
            && network <= 1
        {
            self.taken(1);
            return single;
        }
        match c {
            b'#' => return self.hash(),
            b'"' => return self.quoted(),
            _ => {}
        }
        if let State::Digest(bytes) = self.state
            && let Some(token) = self.digest(bytes)
        {
            return token;
        }
        let word = self.word_length(self.at);
        if let Some(token) = self.tag() {
            return token;
        }
        if self.state == State::Initial
            && let Some(token) = self.keyword(word)
        {
            return token;
        }
        match c {
            b'%' => {
                let mark = 1 + usize::from(self.byte(self.at + 1) == b':');
                let name = self.word_length(self.at + mark).max(self.id_length(self.at + mark));
                return if name == 0 { self.bad() } else { Token::Group(unescaped(self.taken(mark + name))) };
            }
            b'+' if self.word_length(self.at + 1) > 0 => return Token::Netgroup(unescaped(self.taken(word))),
            b'+' => return self.bad(),
            _ => {}
        }
        if network > 0 && network >= word {
            return Token::Network(text(self.taken(network)));
        }
        self.name(word)
    }

    /// What is left: ALL, names in capitals, digests, commands and plain words. The longest counts.
    fn name(&mut self, word: usize) -> Token {
        let rest = self.rest();
        let capitals =
            self.run(self.at, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let is_capitals = self.byte(self.at).is_ascii_uppercase();
        let (path, regex) = (self.path_length(), self.regex_length());
        if is_capitals && capitals >= word {
            let name = text(self.taken(capitals));
            return if name == "ALL" { Token::All } else { Token::Capitals(name) };
        }
        if self.state == State::Path {
            self.state = State::Initial;
            let length = path.max(word);
            return if length == 0 { self.bad() } else { Token::Word(unescaped(self.taken(length))) };
        }
        for (name, bytes) in DIGESTS {
            if rest.starts_with(name) && word <= name.len() {
                self.taken(name.len());
                self.state = State::Digest(bytes);
                return Token::Sha;
            }
        }
        if rest.starts_with(b"sudoedit") && word <= 8 {
            self.taken(8);
            let args = if self.state == State::Scope { None } else { self.arguments() };
            return Token::Command { path: "sudoedit".to_owned(), args };
        }
        if path.max(regex) > 0 && path.max(regex) >= word {
            let bytes = self.taken(path.max(regex));
            let plain = command(bytes);
            let folder = bytes.ends_with(b"/");
            let args = if self.state == State::Scope || folder { None } else { self.arguments() };
            return Token::Command { path: plain, args };
        }
        if word > 0 && matches!(self.state, State::Initial | State::Scope) {
            return Token::Word(unescaped(self.taken(word)));
        }
        self.bad()
    }

    fn hash(&mut self) -> Token {
        if self.state == State::Initial && self.fresh && !self.indented && !self.continued {
            for (name, folder) in [(b"#include".as_slice(), false), (b"#includedir", true)] {
                if self.rest().starts_with(name) && is_blank(self.byte(self.at + name.len())) {
                    self.taken(name.len());
                    self.state = State::Include;
                    return Token::Include { folder };
                }
            }
        }
        let id = self.id_length(self.at);
        match self.state {
            State::Initial | State::Scope if id > 0 => Token::Word(text(self.taken(id))),
            State::Initial => self.comment(),
            _ => self.bad(),
        }
    }

    /// A name in quotes: that of a group or netgroup if it begins like one.
    fn quoted(&mut self) -> Token {
        if !matches!(self.state, State::Initial | State::Scope) {
            return self.bad();
        }
        match self.string() {
            Some(name) if name == "%" || name == "%:" || name == "+" => Token::Bad,
            Some(name) if name.starts_with('%') => Token::Group(name),
            Some(name) if name.starts_with('+') => Token::Netgroup(name),
            Some(name) => Token::Word(name),
            None => Token::Bad,
        }
    }

    fn digest(&mut self, bytes: usize) -> Option<Token> {
        let length = self.run(self.at, |byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        if length == 0 {
            return None;
        }
        self.state = State::Initial;
        let taken = self.taken(length);
        let padded = taken.ends_with(b"=");
        let base64 = if padded { 4 * bytes.div_ceil(3) } else { (4 * bytes).div_ceil(3) };
        let hex = length == 2 * bytes && taken.iter().all(u8::is_ascii_hexdigit);
        Some(if hex || length == base64 { Token::Digest } else { Token::Bad })
    }

    /// A tag with its colon, before which blanks may stand.
    fn tag(&mut self) -> Option<Token> {
        if matches!(self.state, State::Path) {
            return None;
        }
        let length = self.run(self.at, |byte| byte.is_ascii_uppercase() || byte == b'_');
        let name = self.text.get(self.at..self.at + length)?;
        let blanks = self.run(self.at + length, is_blank);
        if !TAGS.contains(&name) || self.byte(self.at + length + blanks) != b':' {
            return None;
        }
        self.taken(length + blanks + 1);
        Some(Token::Tag(match name {
            b"NOPASSWD" => Some(true),
            b"PASSWD" => Some(false),
            _ => None,
        }))
    }

    fn keyword(&mut self, word: usize) -> Option<Token> {
        let rest = self.rest();
        for (name, folder) in [(b"@includedir".as_slice(), true), (b"@include", false)] {
            if rest.starts_with(name) && word <= name.len() {
                self.taken(name.len());
                self.state = State::Include;
                return Some(if self.continued { Token::Bad } else { Token::Include { folder } });
            }
        }
        if self.fresh {
            if let Some(token) = self.defaults(word) {
                return Some(token);
            }
            let kinds = [(b"Host_Alias".as_slice(), 'H'), (b"Cmnd_Alias", 'C'), (b"Cmd_Alias", 'C')];
            for (name, kind) in
                kinds.into_iter().chain([(b"User_Alias".as_slice(), 'U'), (b"Runas_Alias", 'R')])
            {
                if rest.starts_with(name) && word <= name.len() {
                    self.taken(name.len());
                    return Some(if self.continued { Token::Bad } else { Token::Alias(kind) });
                }
            }
        }
        for (name, choice) in CHOICES {
            if rest.starts_with(name) && word <= name.len() {
                self.taken(name.len());
                if matches!(name, b"CWD" | b"CHROOT") {
                    self.state = State::Path;
                }
                return Some(Token::Choice(choice));
            }
        }
        None
    }

    fn defaults(&mut self, word: usize) -> Option<Token> {
        const NAME: &[u8] = b"Defaults";
        if !self.rest().starts_with(NAME) {
            return None;
        }
        let behind = self.at + NAME.len();
        let mark = self.byte(behind);
        let mut scope = None;
        if b":@>!".contains(&mark) {
            let blanks = self.run(behind + 1, is_blank);
            let mut name = behind + 1 + blanks;
            name += self.run(name, |byte| byte == b'!');
            name += usize::from(self.byte(name) == b'"');
            let length = self.word_length(name).max(self.id_length(name));
            if length > 0 && name + length - self.at >= word {
                scope = Some((char::from(mark), 1 + blanks));
            }
        }
        if scope.is_none() && word > NAME.len() {
            return None;
        }
        self.taken(NAME.len() + scope.map_or(0, |(_, length)| length));
        self.state = State::Scope;
        Some(if self.continued { Token::Bad } else { Token::Defaults(scope.map(|(mark, _)| mark)) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Choice;
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let mut lexer = Lexer::new(text);
        std::iter::from_fn(|| lexer.next().map(|(_, token)| token)).collect()
    }

    #[test]
    fn a_line_in_its_words() {
        assert_eq!(
            tokens("ops, %a\\ b ALL = (root) CWD=/ NOPASSWD : /bin/ls -l \\ \n x, ALL # why\n"),
            [
                Token::Word("ops".into()),
                Token::Comma,
                Token::Group("%a b".into()),
                Token::All,
                Token::Equals,
                Token::Open,
                Token::Word("root".into()),
                Token::Close,
                Token::Choice(Choice::Other),
                Token::Equals,
                Token::Word("/".into()),
                Token::Tag(Some(true)),
                Token::Command { path: "/bin/ls".into(), args: Some("-l x".into()) },
                Token::Comma,
                Token::All,
                Token::End,
                Token::End,
            ]
        );
        assert_eq!(
            tokens("Defaults:ops, dev !!!authenticate, a=\"b # c\""),
            [
                Token::Defaults(Some(':')),
                Token::Word("ops".into()),
                Token::Comma,
                Token::Word("dev".into()),
                Token::Not,
                Token::Setting("authenticate".into()),
                Token::Comma,
                Token::Setting("a".into()),
                Token::Equals,
                Token::Word("b # c".into()),
                Token::End,
            ]
        );
        assert_eq!(
            tokens("#include /a\\ b\n # include /x\n#1000 ALL=ALL")[..4],
            [Token::Include { folder: false }, Token::Word("/a b".into()), Token::End, Token::End]
        );
    }
}
