//! The entries of a sudoers file: sudoers(5), "SUDOERS FILE FORMAT". A line that is none is skipped, as sudo
//! does since 1.9.3, and told.

use super::lexer::Lexer;
use super::token::{Choice, Token};

/// Most entries of one file that are kept.
const MAX_ENTRIES: usize = 50_000;

/// Something that may be negated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member<T> {
    pub(super) not: bool,
    pub(super) what: T,
}

/// A user, a group, a host, or whom a command is run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    All,
    /// An alias if there is one of the name, else a name.
    Capitals(String),
    Name(String),
    /// With its percent sign.
    Group(String),
    Netgroup(String),
    Network(String),
}

impl Who {
    /// As it is written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::All => "ALL",
            Self::Capitals(name)
            | Self::Name(name)
            | Self::Group(name)
            | Self::Netgroup(name)
            | Self::Network(name) => name,
        }
    }
}

/// What may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    All,
    Alias(String),
    Command { path: String, args: Option<String> },
}

/// Whom commands may be run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runas {
    /// `None` if only groups are named: then as oneself.
    pub(super) users: Option<Vec<Member<Who>>>,
}

/// A command of a rule with what holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// `None` if nothing is said: as `runas_default`.
    pub(super) runas: Option<Runas>,
    pub(super) nopasswd: Option<bool>,
    /// When it begins and ends to hold, as digits of a date.
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) what: Member<What>,
}

/// Hosts and what may be run on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Privilege {
    pub(super) hosts: Vec<Member<Who>>,
    pub(super) grants: Vec<Grant>,
}

/// Whom or what settings are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Everything,
    Users(Vec<Member<Who>>),
    Hosts(Vec<Member<Who>>),
    Runas(Vec<Member<Who>>),
    Commands(Vec<Member<What>>),
}

/// A setting, on or off, or with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) off: bool,
    pub(super) value: Option<String>,
}

/// Another name for some members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alias {
    Who(char, String, Vec<Member<Who>>),
    What(String, Vec<Member<What>>),
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Include { folder: bool, path: String },
    Defaults { scope: Scope, words: String, settings: Vec<Setting> },
    Aliases(Vec<Alias>),
    Rule { users: Vec<Member<Who>>, privileges: Vec<Privilege> },
}

/// The entries of a text with their lines, and the lines that are none.
pub(super) fn parse(text: &str) -> (Vec<(usize, Entry)>, Vec<usize>) {
    let mut lexer = Lexer::new(text);
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    // One entry's words, up to the end of its line.
    let mut words: Vec<Token> = Vec::new();
    let mut first = 1;
    while let Some((line, token)) = lexer.next() {
        if words.is_empty() {
            first = line;
        }
        if token != Token::End {
            words.push(token);
            continue;
        }
        if words.is_empty() {
            continue;
        }
        let mut parser = Parser { words: &words, at: 0, recovered: false };
        let entry = parser.entry().filter(|_| entries.len() < MAX_ENTRIES);
        if parser.recovered || entry.is_none() {
            bad.push(first);
        }
        entries.extend(entry.map(|entry| (first, entry)));
        words.clear();
    }
    (entries, bad)
}

struct Parser<'w> {
    words: &'w [Token],
    at: usize,
    /// Whether a part of the entry was left out.
    recovered: bool,
}

impl<'w> Parser<'w> {
    fn peek(&self) -> Option<&'w Token> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Option<&'w Token> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn done<T>(&self, value: T) -> Option<T> {
        (self.at == self.words.len()).then_some(value)
    }

    fn entry(&mut self) -> Option<Entry> {
        match self.peek()? {
            Token::Include { folder } => {
                self.at += 1;
                let Token::Word(path) = self.next()? else { return None };
                // What follows is a mistake that sudo reports and then goes on with the file.
                Some(Entry::Include { folder: *folder, path: path.clone() })
            }
            Token::Defaults(mark) => {
                self.at += 1;
                self.defaults(*mark)
            }
            Token::Alias(kind) => {
                self.at += 1;
                self.aliases(*kind)
            }
            _ => {
                let users = self.list(Self::who)?;
                let mut privileges = vec![self.privilege()?];
                while self.at < self.words.len() {
                    // Sudo, too, leaves out what it does not understand up to the next colon.
                    let next = if self.eat(&Token::Colon) { self.privilege() } else { None };
                    if next.is_some() && matches!(self.peek(), None | Some(Token::Colon)) {
                        privileges.extend(next);
                        continue;
                    }
                    self.recovered = true;
                    while !matches!(self.peek(), None | Some(Token::Colon)) {
                        self.at += 1;
                    }
                }
                Some(Entry::Rule { users, privileges })
            }
        }
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<Member<T>>> {
        let mut members = Vec::new();
        loop {
            let not = self.eat(&Token::Not);
            members.push(Member { not, what: one(self)? });
            if !self.eat(&Token::Comma) {
                return Some(members);
            }
        }
    }

    fn who(&mut self) -> Option<Who> {
        Some(match self.next()? {
            Token::All => Who::All,
            Token::Capitals(name) => Who::Capitals(name.clone()),
            Token::Word(name) => Who::Name(name.clone()),
            Token::Group(name) => Who::Group(name.clone()),
            Token::Netgroup(name) => Who::Netgroup(name.clone()),
            Token::Network(address) => Who::Network(address.clone()),
            _ => return None,
        })
    }

    fn user(&mut self) -> Option<Who> {
        self.who().filter(|who| !matches!(who, Who::Network(_)))
    }

    fn host(&mut self) -> Option<Who> {
        self.who().filter(|who| !matches!(who, Who::Group(_)))
    }

    fn what(&mut self) -> Option<What> {
        Some(match self.next()? {
            Token::All => What::All,
            Token::Capitals(name) => What::Alias(name.clone()),
            Token::Command { path, args } => What::Command { path: path.clone(), args: args.clone() },
            _ => return None,
        })
    }

    /// Digests of a command, which say what its file must hold.
    fn digests(&mut self) -> Option<()> {
        while self.eat(&Token::Sha) {
            if !self.eat(&Token::Colon) || !self.eat(&Token::Digest) {
                return None;
            }
            self.eat(&Token::Comma);
        }
        Some(())
    }

    /// A command that may be negated, behind its digests.
    fn command(&mut self) -> Option<Member<What>> {
        self.digests()?;
        let not = self.eat(&Token::Not);
        Some(Member { not, what: self.what()? })
    }

    fn commands(&mut self) -> Option<Vec<Member<What>>> {
        let mut members = vec![self.command()?];
        while self.eat(&Token::Comma) {
            members.push(self.command()?);
        }
        Some(members)
    }

    fn defaults(&mut self, mark: Option<char>) -> Option<Entry> {
        let from = self.at;
        let scope = match mark {
            None => Scope::Everything,
            Some(':') => Scope::Users(self.list(Self::user)?),
            Some('@') => Scope::Hosts(self.list(Self::host)?),
            Some('>') => Scope::Runas(self.list(Self::user)?),
            Some(_) => Scope::Commands(self.commands()?),
        };
        let words = self.words.get(from..self.at).unwrap_or_default();
        let words = mark.map_or(String::new(), |mark| format!("{mark}{}", shown(words)));
        let mut settings = Vec::new();
        loop {
            let off = self.eat(&Token::Not);
            let Token::Setting(name) = self.next()? else { return None };
            let mut value = None;
            if matches!(self.peek(), Some(Token::Equals | Token::Adjust)) {
                self.at += 1;
                let Token::Word(word) = self.next()? else { return None };
                value = Some(word.clone());
            }
            if off && value.is_some() {
                return None;
            }
            settings.push(Setting { name: name.clone(), off, value });
            if !self.eat(&Token::Comma) {
                break;
            }
        }
        self.done(Entry::Defaults { scope, words, settings })
    }

    fn aliases(&mut self, kind: char) -> Option<Entry> {
        let mut aliases = Vec::new();
        loop {
            let Token::Capitals(name) = self.next()? else { return None };
            if !self.eat(&Token::Equals) {
                return None;
            }
            aliases.push(match kind {
                'C' => Alias::What(name.clone(), self.commands()?),
                'H' => Alias::Who(kind, name.clone(), self.list(Self::host)?),
                _ => Alias::Who(kind, name.clone(), self.list(Self::user)?),
            });
            if !self.eat(&Token::Colon) {
                break;
            }
        }
        self.done(Entry::Aliases(aliases))
    }

    fn privilege(&mut self) -> Option<Privilege> {
        let hosts = self.list(Self::host)?;
        if !self.eat(&Token::Equals) {
            return None;
        }
        let mut grants: Vec<Grant> = Vec::new();
        loop {
            let mut grant = self.grant()?;
            // What is not said again holds on.
            if let Some(before) = grants.last() {
                grant.runas = grant.runas.or_else(|| before.runas.clone());
                grant.nopasswd = grant.nopasswd.or(before.nopasswd);
                grant.not_before = grant.not_before.or_else(|| before.not_before.clone());
                grant.not_after = grant.not_after.or_else(|| before.not_after.clone());
            }
            grants.push(grant);
            if !self.eat(&Token::Comma) {
                return Some(Privilege { hosts, grants });
            }
        }
    }

    fn grant(&mut self) -> Option<Grant> {
        let runas = if self.eat(&Token::Open) { Some(self.runas()?) } else { None };
        let (mut not_before, mut not_after, mut nopasswd) = (None, None, None);
        while let Some(Token::Choice(choice)) = self.peek() {
            self.at += 1;
            if !self.eat(&Token::Equals) {
                return None;
            }
            let value = match self.next()? {
                Token::Word(value) | Token::Capitals(value) => value.clone(),
                Token::Command { path, .. } => path.clone(),
                _ => return None,
            };
            match choice {
                Choice::NotBefore => not_before = Some(value),
                Choice::NotAfter => not_after = Some(value),
                Choice::Other => {}
            }
        }
        while let Some(Token::Tag(tag)) = self.peek() {
            self.at += 1;
            nopasswd = tag.or(nopasswd);
        }
        Some(Grant { runas, nopasswd, not_before, not_after, what: self.command()? })
    }

    /// Whom a command is run as, behind the parenthesis that opens it.
    fn runas(&mut self) -> Option<Runas> {
        if self.eat(&Token::Close) {
            return Some(Runas { users: None });
        }
        let users = if self.peek() == Some(&Token::Colon) { None } else { Some(self.list(Self::user)?) };
        if self.eat(&Token::Colon) && self.peek() != Some(&Token::Close) {
            self.list(Self::who)?;
        }
        self.eat(&Token::Close).then_some(Runas { users })
    }
}

/// Words as somebody would write them.
fn shown(words: &[Token]) -> String {
    let mut text = String::new();
    for word in words {
        match word {
            Token::Not => text.push('!'),
            Token::Comma => text.push(','),
            Token::All => text.push_str("ALL"),
            Token::Capitals(name)
            | Token::Word(name)
            | Token::Group(name)
            | Token::Netgroup(name)
            | Token::Network(name) => text.push_str(name),
            Token::Command { path, .. } => text.push_str(path),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_again_holds_on_and_ends_at_the_colon() {
        let (entries, bad) = parse("ops a=(root) NOPASSWD: /bin/x, (bin) PASSWD: /bin/y : b = ALL\n");
        assert_eq!(bad, [0; 0]);
        let Some((1, Entry::Rule { privileges, .. })) = entries.first() else { panic!("{entries:?}") };
        let said: Vec<(bool, Option<bool>)> =
            privileges.iter().flat_map(|p| &p.grants).map(|g| (g.runas.is_some(), g.nopasswd)).collect();
        assert_eq!(said, [(true, Some(true)), (true, Some(false)), (false, None)]);
    }

    #[test]
    fn lines_that_are_none_are_told_and_the_rest_holds() {
        let (entries, bad) = parse("this is no rule\nops ALL=ALL\nops ALL=\nDefaults\n\n@include x y\n");
        assert_eq!((entries.len(), bad), (2, vec![1, 3, 4]));
    }
}
