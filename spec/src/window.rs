//! Maintenance windows: spans of time that come again every week, in UTC.
//!
//! ```text
//! {"days":["fri","sat"],"minutes":240,"start":"22:00"}
//! ```
//!
//! begins at 22:00 on Fridays and on Saturdays, and is over at 02:00 of the day after. A window has its beginning
//! and not its end.

use crate::cron::{day_start, weekday};
use crate::ids::TextError;
use crate::time::{DAY_MS, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: u64 = 60_000;
const WEEK_DAYS: u64 = 7;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say what they are")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// As [`weekday`] counts: 0 is Sunday.
    fn number(self) -> u64 {
        (self as u64 + 1) % WEEK_DAYS
    }
}

/// A minute of the day, 0 to 1,439. In JSON: `hh:mm`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

impl ClockTime {
    fn millis(self) -> u64 {
        u64::from(self.0) * MINUTE_MS
    }
}

impl FromStr for ClockTime {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let read = || {
            let (hour, minute) = text.split_once(':')?;
            let two = |part: &str, below: u16| {
                let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
                part.parse::<u16>().ok().filter(|n| digits && *n < below)
            };
            Some(Self(two(hour, 24)? * 60 + two(minute, 60)?))
        };
        read().ok_or_else(|| TextError::new("a time of the day hh:mm", text))
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of time that comes again every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MaintenanceWindow")]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it begins: at least one, from Monday on, each once.
    pub days: Vec<Weekday>,
    /// How long it is, 1 to 10,080 minutes.
    pub minutes: u64,
    /// When it begins.
    pub start: ClockTime,
}

impl Window {
    /// The spans that begin on the day of `time` shifted by so many days, from a week back to a week on.
    fn spans(&self, time: Timestamp) -> impl Iterator<Item = (u64, u64)> {
        let today = day_start(time) / DAY_MS;
        let days = today.saturating_sub(WEEK_DAYS)..=today + WEEK_DAYS;
        let own = days.filter(|day| self.days.iter().any(|own| own.number() == weekday(*day)));
        own.map(|day| {
            let begin = day * DAY_MS + self.start.millis();
            (begin, begin.saturating_add(self.minutes * MINUTE_MS))
        })
    }
}

/// When the last of the windows that are open at `time` is over; `None`: none is open.
pub fn open_until(windows: &[Window], time: Timestamp) -> Option<Timestamp> {
    let spans = windows.iter().flat_map(|window| window.spans(time));
    let open = spans.filter(|(begin, end)| (*begin..*end).contains(&time.millis()));
    open.map(|(_, end)| Timestamp::from_millis(end)).max()
}

/// `time` if a window is open then, else when the next one opens; `None` without windows.
pub fn opens(windows: &[Window], time: Timestamp) -> Option<Timestamp> {
    if open_until(windows, time).is_some() {
        return Some(time);
    }
    let begins = windows.iter().flat_map(|window| window.spans(time)).map(|(begin, _)| begin);
    begins.filter(|begin| *begin > time.millis()).min().map(Timestamp::from_millis)
}
