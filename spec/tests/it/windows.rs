//! Maintenance windows, against a definition that looks at every minute of three weeks.

use crate::history::at;
use crate::payload::schedules::windows;
use proptest::collection::vec;
use proptest::prelude::*;
use spec::Timestamp;
use spec::window::{ClockTime, Weekday, Window, open_until, opens};

const MINUTE: u64 = 60_000;
const WEEK_MINUTES: u64 = 10_080;

/// The minutes of a week, from Monday on, at which a window begins.
fn begins(window: &Window) -> Vec<u64> {
    let start = window.start.to_string();
    let minute = start[..2].parse::<u64>().unwrap() * 60 + start[3..].parse::<u64>().unwrap();
    window.days.iter().map(|day| *day as u64 * 1440 + minute).collect()
}

/// Minutes since Monday, 1970-01-05.
fn minute(time: Timestamp) -> u64 {
    time.millis() / MINUTE - 4 * 1440
}

/// Until which minute the window is open that was begun last, if it is open.
fn closes(windows: &[Window], minute: u64) -> Option<u64> {
    let of = |window: &Window| {
        let open = begins(window).into_iter().filter_map(|begin| {
            let since = (minute + WEEK_MINUTES - begin) % WEEK_MINUTES;
            (since < window.minutes).then(|| minute - since + window.minutes)
        });
        open.max()
    };
    windows.iter().filter_map(of).max()
}

proptest! {
    #[test]
    fn windows_are_open_when_they_are(windows in vec(windows(), 0..4), ms in 0..4_000_000_000u64) {
        let now = at(ms);
        let expected = closes(&windows, minute(now));
        prop_assert_eq!(open_until(&windows, now).map(minute), expected);
        let opening = (minute(now) + 1..).take(10_081).find(|minute| closes(&windows, *minute).is_some());
        match (expected, opens(&windows, now)) {
            (Some(_), opens) => prop_assert_eq!(opens, Some(now)),
            (None, opens) => prop_assert_eq!(opens.map(minute), opening),
        }
    }
}

#[test]
fn a_window_goes_over_midnight() {
    let start: ClockTime = "22:00".parse().unwrap();
    let windows = [Window { days: vec![Weekday::Fri], minutes: 240, start }];
    let time = |text| Timestamp::parse(text).unwrap();
    // A Friday.
    let (begin, end) = (time("2026-11-20T22:00:00.000Z"), time("2026-11-21T02:00:00.000Z"));
    assert_eq!(open_until(&windows, begin), Some(end));
    assert_eq!(open_until(&windows, time("2026-11-21T01:59:59.999Z")), Some(end));
    assert_eq!(open_until(&windows, end), None);
    assert_eq!(opens(&windows, end), Some(time("2026-11-27T22:00:00.000Z")));
    assert_eq!((open_until(&[], begin), opens(&[], begin)), (None, None));
    for bad in ["24:00", "22:60", "2:00", "22:0", "22", "22:00:00", "+2:00", ""] {
        assert!(bad.parse::<ClockTime>().is_err(), "{bad}");
    }
}
