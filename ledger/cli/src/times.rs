//! Times and spans of time as people write them.

use ledger::clock::{Clock as _, SystemClock};
use spec::Timestamp;
use spec::time::TimeUnit;
use spec::time::parse_rfc3339;
use std::fmt::{self, Display};
use std::str::FromStr;

/// What spans of time look like.
const EXAMPLES: &str = "90s, 15m, 2h or 7d";

/// This moment, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    SystemClock::default().now()
}

/// Seconds of a span: a number and one of s, m, h, d.
pub(crate) fn secs(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a number and a unit, such as {EXAMPLES}");
    let split = |unit: TimeUnit| Some((text.strip_suffix(unit.letter())?, unit.secs()));
    let (number, unit) = TimeUnit::ALL.into_iter().find_map(split).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit).filter(|secs| *secs <= MAX_SECS).ok_or_else(expected)
}

/// The same, and a bare number is seconds.
pub(crate) fn secs_or_number(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| secs(text))
}

/// A thousand years: beyond, no sum of a time and a span is one.
const MAX_SECS: u64 = 1000 * 366 * 86_400;

/// A time gone by: of RFC 3339, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ago(pub(crate) Timestamp);

/// A time to come: of RFC 3339, or so long from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead(pub(crate) Timestamp);

impl FromStr for Ago {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        time(text, u64::saturating_sub).map(Self)
    }
}

impl FromStr for Ahead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        time(text, u64::saturating_add).map(Self)
    }
}

fn time(text: &str, from_now: fn(u64, u64) -> u64) -> Result<Timestamp, String> {
    if let Some(time) = parse_rfc3339(text) {
        return Ok(time);
    }
    let secs = secs(text).map_err(|_| format!("expected a time of RFC 3339 or a span such as {EXAMPLES}"))?;
    Ok(Timestamp::from_millis(from_now(now().millis(), secs * 1000)))
}

/// A point of the log: the number of an entry, or a time gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// After this entry.
    Seq(u64),
    /// At this time.
    Time(Timestamp),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("seq:").unwrap_or(text);
        if let Ok(seq) = number.parse() {
            return Ok(Self::Seq(seq));
        }
        let Ago(time) = text.parse().map_err(|_| {
            format!("expected the number of an entry, a time of RFC 3339 or a span such as {EXAMPLES}")
        })?;
        Ok(Self::Time(time))
    }
}

/// As `as_of` of the service takes it.
impl Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seq(seq) => write!(f, "{seq}"),
            Self::Time(time) => write!(f, "{time}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times() {
        assert_eq!(
            (secs("90s"), secs("15m"), secs("2h"), secs("7d")),
            (Ok(90), Ok(900), Ok(7200), Ok(604_800))
        );
        for wrong in ["", "s", "5", "5w", "-1s", "1.5h", "99999999999999999999d", "999999999d", "ü"] {
            assert!(secs(wrong).is_err(), "{wrong}");
        }
        assert_eq!((secs_or_number("90"), secs_or_number("2m")), (Ok(90), Ok(120)));
        let time = Timestamp::from_millis(1_796_000_000_000);
        assert_eq!(time.to_string().parse(), Ok(Ago(time)));
        assert!("1h".parse::<Ago>().unwrap().0 < "1h".parse::<Ahead>().unwrap().0);
        assert_eq!("42".parse(), Ok(Point::Seq(42)));
        assert_eq!("seq:42".parse(), Ok(Point::Seq(42)));
        assert_eq!(time.to_string().parse(), Ok(Point::Time(time)));
        assert!("yesterday".parse::<Point>().is_err());
    }
}
