//! Times that come again, in the five fields of cron: minute, hour, day of the month, month, day of the week.
//!
//! ```text
//! 30 2 * * mon-fri     at 02:30 from Monday to Friday
//! */15 8-17 * * *      every quarter of an hour from 08:00 to 17:45
//! 0 0 1,15 * sun       at midnight on the first, on the fifteenth, and on Sundays
//! ```
//!
//! All times are UTC. A field is a list of `*`, values and ranges, each `*` and range with a step or without. Months
//! and days of the week have names of three letters, in any case; 0 and 7 are Sunday. Where neither field of the day
//! begins with `*`, a day that meets one of them is enough (as with Vixie cron); else it must meet both.
//!
//! What was decided by it is in the log for ever, so what a text means can never change.

use crate::ids::TextError;
use crate::time::{DAY_MS, Timestamp, civil_from_days};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Most bytes in a text: enough for every value of every field, and to be read by people.
pub const MAX_CRON_BYTES: usize = 512;

/// After so many days the calendar repeats itself, days of the week included.
const CYCLE_DAYS: u64 = 146_097;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 1440;
const HOUR_MINUTES: u64 = 60;

const EXPECTED: &str =
    "five fields of cron: minute, hour, day of the month, month, day of the week; on a day that exists";
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Times that come again. In JSON: its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// Bit n of each: the value n is one of the field's.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether one of the two fields of the day is enough.
    either: bool,
}

/// What a field may have.
struct Field {
    least: u64,
    most: u64,
    /// Names, the first for `least`.
    names: &'static [&'static str],
}

const MINUTE: Field = Field { least: 0, most: 59, names: &[] };
const HOUR: Field = Field { least: 0, most: 23, names: &[] };
const DAY: Field = Field { least: 1, most: 31, names: &[] };
const MONTH: Field = Field { least: 1, most: 12, names: &MONTHS };
const WEEKDAY: Field = Field { least: 0, most: 7, names: &WEEKDAYS };

impl Field {
    fn value(&self, text: &str) -> Option<u64> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.least + place as u64,
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// The values of a list, as bits.
    fn read(&self, text: &str) -> Option<u64> {
        text.split(',').try_fold(0, |bits, item| Some(bits | self.item(item)?))
    }

    fn item(&self, text: &str) -> Option<u64> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| (1..=self.most).contains(step))?)),
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // A single value has no steps.
            None => (self.value(range)?, self.value(range).filter(|_| step.is_none())?),
        };
        let values = (from..=to).step_by(usize::try_from(step.unwrap_or(1)).ok()?);
        (from <= to).then(|| values.fold(0, |bits, value| bits | 1 << value))
    }
}

/// A number of one or two digits.
fn number(text: &str) -> Option<u64> {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn has(bits: u64, value: u64) -> bool {
    bits >> value & 1 == 1
}

/// The first value from `from` on that a field has.
fn first(bits: u64, from: u64) -> Option<u64> {
    let rest = bits >> from << from;
    (rest != 0).then(|| u64::from(rest.trailing_zeros()))
}

impl Cron {
    /// The first time after `after`; `None` after the year 9999.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let minute = after.millis() / MINUTE_MS + 1;
        let (today, from) = (minute / DAY_MINUTES, minute % DAY_MINUTES);
        let days = (today..today + CYCLE_DAYS).filter(|day| self.has_day(*day));
        let mut found = days.map(|day| (day, if day == today { from } else { 0 }));
        let found = found.find_map(|(day, from)| Some(day * DAY_MINUTES + self.minute_of_day(from)?));
        let millis = found?.checked_mul(MINUTE_MS)?;
        (millis <= Timestamp::MAX.millis()).then(|| Timestamp::from_millis(millis))
    }

    /// Whether a day, counted from 1970-01-01, has such times.
    fn has_day(&self, days: u64) -> bool {
        let (_, month, day) = civil_from_days(days);
        let (by_month_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday(days)));
        let day = if self.either { by_month_day || by_weekday } else { by_month_day && by_weekday };
        day && has(self.months, month)
    }

    /// The first minute of the day from `from` on.
    fn minute_of_day(&self, from: u64) -> Option<u64> {
        let (hour, minute) = (from / HOUR_MINUTES, from % HOUR_MINUTES);
        let in_hour = first(self.minutes, minute).filter(|_| has(self.hours, hour));
        let later = || Some(first(self.hours, hour + 1)? * HOUR_MINUTES + first(self.minutes, 0)?);
        in_hour.map(|minute| hour * HOUR_MINUTES + minute).or_else(later)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The day of the week of a day counted from 1970-01-01, a Thursday; 0 is Sunday.
pub(crate) fn weekday(days: u64) -> u64 {
    (days + 4) % 7
}

/// Milliseconds from 1970 to the beginning of the day of a time.
pub(crate) fn day_start(time: Timestamp) -> u64 {
    time.millis() / DAY_MS * DAY_MS
}

impl FromStr for Cron {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        read(text).ok_or_else(|| TextError::new(EXPECTED, text))
    }
}

fn read(text: &str) -> Option<Cron> {
    if text.len() > MAX_CRON_BYTES {
        return None;
    }
    let mut fields = text.split(' ');
    let mut next = || fields.next();
    let (minute, hour, day, month, weekday) = (next()?, next()?, next()?, next()?, next()?);
    if next().is_some() {
        return None;
    }
    let weekdays = WEEKDAY.read(weekday)?;
    let cron = Cron {
        text: text.to_owned(),
        minutes: MINUTE.read(minute)?,
        hours: HOUR.read(hour)?,
        days: DAY.read(day)?,
        months: MONTH.read(month)?,
        // 7 is 0.
        weekdays: weekdays & 0x7f | weekdays >> 7,
        either: !day.starts_with('*') && !weekday.starts_with('*'),
    };
    (0..CYCLE_DAYS).any(|day| cron.has_day(day)).then_some(cron)
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
