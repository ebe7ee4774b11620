//! Times as the formats write them: `YYYY-MM-DDThh:mm:ss.sssZ`, UTC, milliseconds, no leap second.

use crate::ids::TextError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, up to the end of the year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

pub(crate) const DAY_MS: u64 = 86_400_000;

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z: the last time four digits of a year can say.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// A time from milliseconds since the epoch; later times than [`Timestamp::MAX`] become it.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(Self::MAX.0))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// Reads exactly `YYYY-MM-DDThh:mm:ss.sssZ`.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        parse_fixed(text).ok_or_else(|| TextError::new("a time of the form YYYY-MM-DDThh:mm:ss.sssZ", text))
    }

    /// Appends the 24 characters of the time.
    pub fn write(self, out: &mut Vec<u8>) {
        let (days, ms) = (self.0 / DAY_MS, self.0 % DAY_MS);
        let (year, month, day) = civil_from_days(days);
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
        let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
        let ([h1, h2], [n1, n2]) = (two_digits(ms / 3_600_000), two_digits(ms / 60_000 % 60));
        let ([s1, s2], [_, f1]) = (two_digits(ms / 1000 % 60), two_digits(ms % 1000 / 100));
        let [f2, f3] = two_digits(ms % 100);
        out.extend_from_slice(&[
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1,
            f2, f3, b'Z',
        ]);
    }
}

/// A unit in which people count time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// 86,400 seconds.
    Day,
    /// 3,600 seconds.
    Hour,
    /// 60 seconds.
    Minute,
    /// One second.
    Second,
}

impl TimeUnit {
    /// All of them, the greatest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Hour, Self::Minute, Self::Second];

    /// How long it is, in seconds.
    pub fn secs(self) -> u64 {
        match self {
            Self::Day => 86_400,
            Self::Hour => 3600,
            Self::Minute => 60,
            Self::Second => 1,
        }
    }

    /// The letter behind a number of them.
    pub fn letter(self) -> char {
        match self {
            Self::Day => 'd',
            Self::Hour => 'h',
            Self::Minute => 'm',
            Self::Second => 's',
        }
    }

    /// A number of seconds in the greatest unit of which it is a whole number.
    pub fn whole(secs: u64) -> (u64, Self) {
        let fits = |unit: &Self| secs >= unit.secs() && secs.is_multiple_of(unit.secs());
        let unit = Self::ALL.into_iter().find(fits).unwrap_or(Self::Second);
        (secs / unit.secs(), unit)
    }
}

/// The last two decimal digits of `n`.
fn two_digits(n: u64) -> [u8; 2] {
    let digit = |n: u64| b'0' + u8::try_from(n % 10).unwrap_or(0);
    [digit(n / 10), digit(n)]
}

fn parse_fixed(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let shape = b"0000-00-00T00:00:00.000Z";
    if bytes.iter().zip(shape).any(|(b, s)| if *s == b'0' { !b.is_ascii_digit() } else { b != s }) {
        return None;
    }
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second, ms) = (field(11, 13)?, field(14, 16)?, field(17, 19)?, field(20, 23)?);
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day)?;
    Some(Timestamp(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms))
}

/// Reads any RFC 3339 time (with an offset, with or without a fraction) from 1970 on; digits beyond the
/// millisecond are dropped. For what people and older agents write; stored times use one form only.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let upper = date_time.replace(['t', ' '], "T");
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
        None => ("0", rest),
    };
    if fraction.is_empty() {
        return None;
    }
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let local = parse_fixed(&format!("{upper}.{millis}Z"))?.millis();
    if matches!(zone, "Z" | "z") {
        return Some(Timestamp(local));
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let two =
        |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u64>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = (hours * 60 + minutes) * 60_000;
    match sign {
        "+" => local.checked_sub(offset),
        "-" => local.checked_add(offset),
        _ => None,
    }
    .filter(|millis| *millis <= Timestamp::MAX.0)
    .map(Timestamp)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days since 1970-01-01, or `None` for a date the Gregorian calendar does not have.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    if day < 1 || day > *lengths.get(index)? {
        return None;
    }
    let before_month: u64 = lengths.iter().take(index).sum();
    let y = year - 1;
    let days_to_year = y * 365 + y / 4 - y / 100 + y / 400;
    Some(days_to_year + before_month + day - 1 - 719_162)
}

/// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub(crate) fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_293_720_123, "2026-11-21T20:42:00.123Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(millis).to_string(), text);
            assert_eq!(Timestamp::parse(text).unwrap().millis(), millis);
        }
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "2026-11-21T20:42:00Z",
            "2026-11-21T20:42:00.1234Z",
            "2026-11-21 20:42:00.123Z",
            "2026-11-21T20:42:00.123+00:00",
            "2026-11-21t20:42:00.123z",
            "2026-11-21T20:42:60.000Z",
            "2026-11-21T24:00:00.000Z",
            "2026-02-29T00:00:00.000Z",
            "2100-02-29T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-11-21T20:42:00.12éZ",
            "+026-11-21T20:42:00.123Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rfc3339_in_its_other_forms() {
        let expected = Timestamp::parse("2024-01-15T10:30:00.120Z").unwrap();
        for text in [
            "2024-01-15T10:30:00.12Z",
            "2024-01-15t10:30:00.1200009z",
            "2024-01-15 12:30:00.12+02:00",
            "2024-01-15T05:00:00.12-05:30",
        ] {
            assert_eq!(parse_rfc3339(text), Some(expected), "{text}");
        }
        for bad in
            ["2024-01-15", "2024-01-15T10:30:00", "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00+2:00", "é"]
        {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(millis in 0..=Timestamp::MAX.0) {
            let time = Timestamp(millis);
            prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        }
    }
}
