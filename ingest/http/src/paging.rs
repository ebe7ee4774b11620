//! Lists over HTTP, page by page: a limit, and a cursor that names the item with which a page ended.

use crate::limits::{DEFAULT_PAGE_ITEMS, MAX_ENTRIES, MAX_PAGE_ITEMS, MAX_POLL_SECS};
use crate::problem::Problem;
use crate::query::{QueryString, bad};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Name, PublicKey, Uuid};
use std::fmt::Display;
use std::str::FromStr;

/// The parameter with which the next page is asked for.
pub const CURSOR: &str = "cursor";

/// The parameter that says how many items a page has at most.
pub const LIMIT: &str = "limit";

/// The number of items that an answer has at most; without it 100.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct Limit(#[schemars(range(min = 1, max = MAX_PAGE_ITEMS))] pub usize);

/// The number of entries that an answer has at most; without it 100.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct EntriesLimit(#[schemars(range(min = 1, max = MAX_ENTRIES))] pub usize);

/// The number of seconds for which an answer may wait for something new.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub struct PollSecs(#[schemars(range(max = MAX_POLL_SECS))] pub u64);

/// The place of an item in its list, as cursors write it.
pub trait Place: Ord + Sized {
    /// The text of a cursor.
    fn write(&self) -> String;
    /// Reads what [`Place::write`] wrote.
    fn read(text: &str) -> Option<Self>;
}

impl Place for u64 {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Place for PublicKey {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}
/// Parts with a slash between them; only the last may have one itself.
macro_rules! place {
    ($($part:ident $n:tt),+; $count:literal) => {
        impl<$($part: Ord + Display + FromStr),+> Place for ($($part,)+) {
            fn write(&self) -> String {
                [$(self.$n.to_string()),+].join("/")
            }

            fn read(text: &str) -> Option<Self> {
                let mut parts = text.splitn($count, '/');
                Some(($(parts.next()?.parse::<$part>().ok()?,)+))
            }
        }
    };
}

place!(A 0, B 1; 2);
place!(A 0, B 1, C 2, D 3; 4);

/// The place of a node.
pub type NodePlace = (Name, Uuid);

/// The page that was asked for.
#[derive(Debug)]
pub struct Paging<P> {
    after: Option<P>,
    limit: usize,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What the next page is asked for with, if there is one.
    pub next_cursor: Option<String>,
}

/// How many items a page is to have.
///
/// # Errors
/// The refusal of a number that no page has.
pub fn limit(query: &QueryString<'_>) -> Result<usize, Problem> {
    limit_of(query, MAX_PAGE_ITEMS)
}

/// The same, at most `most`.
///
/// # Errors
/// The refusal of a number that no page has.
pub fn limit_of(query: &QueryString<'_>, most: usize) -> Result<usize, Problem> {
    let limit = query.parse(LIMIT)?.unwrap_or(DEFAULT_PAGE_ITEMS);
    if (1..=most).contains(&limit) {
        Ok(limit)
    } else {
        Err(bad(LIMIT, format_args!("expected 1 to {most}")))
    }
}

/// The place that a cursor names.
///
/// # Errors
/// The refusal of a text that this list did not write.
pub fn cursor<P: Place>(query: &QueryString<'_>) -> Result<Option<P>, Problem> {
    let Some(text) = query.get(CURSOR) else { return Ok(None) };
    let place = P::read(text).filter(|place| place.write() == text);
    place.map(Some).ok_or_else(|| bad(CURSOR, "it is not one of this list"))
}

impl<P: Place> Paging<P> {
    /// Reads the two parameters.
    ///
    /// # Errors
    /// The refusal of values that no page has.
    pub fn of(query: &QueryString<'_>) -> Result<Self, Problem> {
        Ok(Self { after: cursor(query)?, limit: limit(query)? })
    }

    /// The place behind which the page begins.
    pub fn after(&self) -> Option<&P> {
        self.after.as_ref()
    }

    /// The page of a list in rising order; what makes no row is not in the list.
    pub fn rising<S, T>(
        &self,
        items: impl Iterator<Item = (P, S)>,
        row: impl FnMut(S) -> Option<T>,
    ) -> Page<T> {
        self.fill(items, row, |place, after| place <= after)
    }

    /// The page of a list in falling order.
    pub fn falling<S, T>(
        &self,
        items: impl Iterator<Item = (P, S)>,
        row: impl FnMut(S) -> Option<T>,
    ) -> Page<T> {
        self.fill(items, row, |place, after| place >= after)
    }

    fn fill<S, T>(
        &self,
        items: impl Iterator<Item = (P, S)>,
        mut row: impl FnMut(S) -> Option<T>,
        was_shown: fn(&P, &P) -> bool,
    ) -> Page<T> {
        let mut page = Page { items: Vec::new(), next_cursor: None };
        let mut last = None;
        for (place, source) in items {
            if self.after.as_ref().is_some_and(|after| was_shown(&place, after)) {
                continue;
            }
            let Some(item) = row(source) else { continue };
            if page.items.len() == self.limit {
                page.next_cursor = last.as_ref().map(Place::write);
                break;
            }
            page.items.push(item);
            last = Some(place);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(limit: usize, rising: bool) -> Vec<Vec<u64>> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let paging = Paging { after, limit };
            let odd = |n: u64| (n % 2 == 1).then_some(n);
            let page = if rising {
                paging.rising((0..7).map(|n| (n, n)), odd)
            } else {
                paging.falling((0..7).rev().map(|n| (n, n)), odd)
            };
            pages.push(page.items);
            match page.next_cursor {
                Some(cursor) => after = u64::read(&cursor),
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_are_the_list_in_pieces() {
        assert_eq!(pages(2, true), [vec![1, 3], vec![5]]);
        assert_eq!(pages(3, true), [vec![1, 3, 5]], "the last page has no cursor");
        assert_eq!(pages(1, false), [[5], [3], [1]]);
    }

    #[test]
    fn places_read_as_they_are_written() {
        let place = (3u64, "acme".parse::<Name>().unwrap(), Uuid::v4([7; 16]), 12u64);
        assert_eq!(Place::read(&place.write()), Some(place));
        for wrong in ["", "3", "3/acme", "3/acme/x/1", "3/ACME/00000000-0000-4000-8000-000000000000/1"] {
            assert_eq!(<(u64, Name, Uuid, u64)>::read(wrong), None, "{wrong}");
        }
    }
}
