//! One value of a table or a card, and how people see it.

use crate::api::Names;
use crate::options::Global;
use crate::safe::safe;
use serde::Serialize;
use spec::{Author, Hash, Name, PublicKey, Timestamp, Uuid};
use std::sync::Arc;

/// How something is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The moment that times are told from.
    pub(crate) now: Timestamp,
    /// Whether there is room: every column, whole ids, whole times.
    pub(crate) wide: bool,
    /// How wide a line may be, where it would be broken otherwise.
    pub(crate) width: Option<usize>,
    /// What nodes are called.
    pub(crate) names: Arc<Names>,
}

impl Look {
    /// A look at what is so at this moment, by the clock of this machine.
    pub(crate) fn here(global: &Global) -> Self {
        Self::at(global, crate::times::now())
    }

    /// A look at what is so at some moment.
    pub(crate) fn at(global: &Global, now: Timestamp) -> Self {
        let wide = global.is_wide();
        Self { now, wide, width: super::terminal_width().filter(|_| !wide), names: Arc::default() }
    }

    /// A node, as a line of text says it: by its name, else by the beginning of its id.
    pub(crate) fn node(&self, id: Uuid) -> String {
        Cell::Node(id).show(self, SHORT)
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Cell {
    /// There is none.
    #[default]
    Nothing,
    /// A text, which is somebody's word.
    Text(String),
    /// A moment.
    Time(Timestamp),
    /// A name that a machine made: its beginning is enough where it names one thing only.
    Id(String),
    /// A node, by its name, or by its id where that is not known.
    Node(Uuid),
}

impl Cell {
    /// Whatever has a text.
    pub(crate) fn of(value: &impl ToString) -> Self {
        Self::Text(value.to_string())
    }

    /// A word that a type is written with in JSON.
    pub(crate) fn word(value: &impl Serialize) -> Self {
        Self::Text(word(value))
    }

    /// A node.
    pub(crate) fn node(id: impl Into<Option<Uuid>>) -> Self {
        id.into().map_or(Self::Nothing, Self::Node)
    }

    /// Several texts with commas between them.
    pub(crate) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if texts.is_empty() { Self::Nothing } else { Self::Text(texts.join(", ")) }
    }

    /// `yes`, or nothing.
    pub(crate) fn yes(value: bool) -> Self {
        if value { Self::Text("yes".to_owned()) } else { Self::Nothing }
    }

    /// As one line; `id` is how much of an id is shown.
    pub(crate) fn show(&self, look: &Look, id: usize) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => safe(text).into_owned(),
            Self::Time(time) if look.wide => time.to_string(),
            Self::Time(time) => relative(*time, look.now),
            Self::Id(text) if look.wide => text.clone(),
            Self::Id(text) => text.chars().take(id).collect(),
            Self::Node(node) => match look.names.of(*node).filter(|name| !name.is_empty()) {
                Some(name) if look.wide => format!("{} ({node})", safe(name)),
                Some(name) => safe(name).into_owned(),
                None => Self::Id(node.to_string()).show(look, id),
            },
        }
    }
}

/// The word that a value is written with in JSON; empty for what is no word.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A time as people say it: `3m ago`, `in 2h`.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let (early, late) = (time.min(now).millis(), time.max(now).millis());
    let secs = (late - early) / 1000;
    let span = match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..172_800 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    };
    match (secs, time > now) {
        (0, _) => "now".to_owned(),
        (_, true) => format!("in {span}"),
        (_, false) => format!("{span} ago"),
    }
}

/// A time of the clock, with its day unless that is today: `16:53 UTC`, `2026-12-01 16:53 UTC`.
pub(crate) fn clock(time: Timestamp, now: Timestamp) -> String {
    let (text, today) = (time.to_string(), now.to_string());
    let (day, minute) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    if today.starts_with(day) { format!("{minute} UTC") } else { format!("{day} {minute} UTC") }
}

/// The beginning of an id, for a line of text.
pub(crate) fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(SHORT).collect()
}

/// How much of an id is shown at least: of random ones, this many tell a million apart mostly.
pub(crate) const SHORT: usize = 8;

macro_rules! cells {
    ($($type:ty => $variant:ident;)*) => {
        $(impl From<$type> for Cell {
            fn from(value: $type) -> Self {
                Self::$variant(value.to_string())
            }
        })*
    };
}

cells! {
    &str => Text;
    &String => Text;
    &Name => Text;
    &Author => Text;
    u64 => Text;
    u16 => Text;
    usize => Text;
    Uuid => Id;
    Hash => Id;
    PublicKey => Id;
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_the_moment_they_are_looked_at() {
        let now = Timestamp::from_millis(1_796_000_000_000);
        let at = |secs: i64| Timestamp::from_millis(now.millis().saturating_add_signed(secs * 1000));
        for (secs, text) in [
            (0, "now"),
            (-1, "1s ago"),
            (-59, "59s ago"),
            (-60, "1m ago"),
            (-7199, "1h ago"),
            (-172_799, "47h ago"),
            (-172_800, "2d ago"),
            (90, "in 1m"),
            (86_400 * 400, "in 400d"),
        ] {
            assert_eq!(relative(at(secs), now), text);
        }
        let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(86_460_000));
        assert_eq!((&*clock(now, now), &*clock(later, now)), ("00:00 UTC", "1970-01-02 00:01 UTC"));
    }
}
