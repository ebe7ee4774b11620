//! Times of cron: against a definition that looks at every minute, and texts that are none.

use crate::history::at;
use proptest::prelude::*;
use proptest::sample::select;
use spec::Timestamp;
use spec::cron::{Cron, MAX_CRON_BYTES};

const MINUTE: u64 = 60_000;

/// What a field has, by the letter: a value is had if some item of the list has it.
fn has(field: &str, value: u64, least: u64, names: &[&str]) -> bool {
    let read = |text: &str| {
        let place = names.iter().position(|name| *name == text.to_lowercase());
        place.map_or_else(|| text.parse().unwrap(), |place| least + place as u64)
    };
    field.split(',').any(|item| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, 99),
            Some((from, to)) => (read(from), read(to)),
            None => (read(range), read(range)),
        };
        (from..=to).contains(&value) && (value - from).is_multiple_of(step.parse().unwrap())
    })
}

/// Whether a time is one, by its text form alone; the day of the week is Zeller's.
fn matches(cron: &str, time: Timestamp) -> bool {
    let text = time.to_string();
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let (y, m) = if month < 3 { (year - 1, month + 12) } else { (year, month) };
    // 0 is Saturday.
    let zeller = (day + 13 * (m + 1) / 5 + y % 100 + y % 100 / 4 + y / 100 / 4 + 5 * (y / 100)) % 7;
    let weekday = (zeller + 6) % 7;
    let fields: Vec<&str> = cron.split(' ').collect();
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let in_week = |n| has(fields[4], n, 0, &weekdays);
    let (by_day, by_weekday) = (has(fields[2], day, 1, &[]), in_week(weekday) || weekday == 0 && in_week(7));
    let star = |field: &str| field.starts_with('*');
    let day = if star(fields[2]) || star(fields[4]) { by_day && by_weekday } else { by_day || by_weekday };
    has(fields[0], part(14, 16), 0, &[])
        && has(fields[1], part(11, 13), 0, &[])
        && has(fields[3], month, 1, &months)
        && day
        && text.ends_with(":00.000Z")
}

fn field(least: u64, most: u64, names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = move |n: u64| {
        names.get(usize::try_from(n - least).unwrap()).map_or(n.to_string(), |name| (*name).to_owned())
    };
    let range = move || {
        (least..=most, least..=most).prop_map(move |(a, b)| format!("{}-{}", a.min(b), value(a.max(b))))
    };
    let step = 1..=most;
    let item = prop_oneof![
        4 => Just("*".to_owned()),
        2 => (least..=most).prop_map(value),
        2 => range(),
        1 => (range(), step.clone()).prop_map(|(range, step)| format!("{range}/{step}")),
        1 => step.prop_map(|step| format!("*/{step}")),
    ];
    proptest::collection::vec(item, 1..3).prop_map(|items| items.join(","))
}

fn cron() -> impl Strategy<Value = String> {
    let months = &["jan", "Feb", "mar", "apr", "MAY", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let weekdays = &["sun", "mon", "TUE", "wed", "thu", "fri", "sat"];
    (field(0, 59, &[]), field(0, 23, &[]), field(1, 31, &[]), field(1, 12, months), field(0, 6, weekdays))
        .prop_map(|(a, b, c, d, e)| format!("{a} {b} {c} {d} {e}"))
}

proptest! {
    /// The next time is the first minute after that matches: looked for minute by minute, for ten days.
    #[test]
    fn next_is_the_first_minute_that_matches(text in cron(), days in 0..12_000u64, ms in 0..86_400_000u64) {
        let Ok(cron) = text.parse::<Cron>() else { return Ok(()) };
        let after = Timestamp::from_millis(days * 86_400_000 + ms);
        let first = ms / MINUTE * MINUTE + days * 86_400_000 + MINUTE;
        let mut minutes = (0..14_400).map(|n| Timestamp::from_millis(first + n * MINUTE));
        let expected = minutes.find(|time| matches(&text, *time));
        let next = cron.next(after);
        match expected {
            Some(_) => prop_assert_eq!(next, expected, "{}", text),
            None => prop_assert!(next.is_some_and(|next| next.millis() >= first + 14_400 * MINUTE), "{} {:?}", text, next),
        }
    }

    /// However far away, it matches.
    #[test]
    fn what_is_next_matches(text in cron(), ms in 0..4_000_000_000_000u64) {
        if let Ok(cron) = text.parse::<Cron>() {
            let next = cron.next(Timestamp::from_millis(ms)).unwrap();
            prop_assert!(matches(&text, next), "{} {}", text, next);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9*,/a-z -]{0,40}") {
        if let Ok(cron) = text.parse::<Cron>() {
            prop_assert_eq!(cron.as_str(), text);
        }
    }

    #[test]
    fn two_fields_of_the_day(day in select(vec!["*", "*/2", "13", "1-31/3"]), weekday in select(vec!["*", "*/2", "fri", "5-7"])) {
        let text = format!("0 12 {day} * {weekday}");
        let cron: Cron = text.parse().unwrap();
        let mut time = at(0);
        for _ in 0..20 {
            let next = cron.next(time).unwrap();
            let noon = |n: u64| Timestamp::from_millis((time.millis() / 86_400_000 + n) * 86_400_000 + 43_200_000);
            let expected = (0..600).map(noon).find(|noon| *noon > time && matches(&text, *noon));
            prop_assert_eq!(Some(next), expected);
            time = next;
        }
    }
}

#[test]
fn known_times() {
    let after = Timestamp::parse("2026-11-21T20:42:00.000Z").unwrap();
    for (text, expected) in [
        ("* * * * *", "2026-11-21T20:43:00.000Z"),
        ("42 20 * * *", "2026-11-22T20:42:00.000Z"),
        ("30 2 * * mon-fri", "2026-11-23T02:30:00.000Z"),
        ("*/15 8-17 * * *", "2026-11-22T08:00:00.000Z"),
        ("0 0 1,15 * sun", "2026-11-22T00:00:00.000Z"),
        ("0 0 * * 7", "2026-11-22T00:00:00.000Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00.000Z"),
        // Both, because the second field of the day begins with a star: a leap day on a Sunday.
        ("0 0 29 2 */7", "2032-02-29T00:00:00.000Z"),
        ("59 23 31 12 *", "2026-12-31T23:59:00.000Z"),
    ] {
        assert_eq!(text.parse::<Cron>().unwrap().next(after).unwrap().to_string(), expected, "{text}");
    }
    let last = Timestamp::parse("9999-12-31T23:58:59.999Z").unwrap();
    let minutely: Cron = "* * * * *".parse().unwrap();
    assert_eq!(minutely.next(last).unwrap().to_string(), "9999-12-31T23:59:00.000Z");
    assert_eq!(minutely.next(Timestamp::MAX), None);
}

#[test]
fn what_is_no_cron_is_refused() {
    for text in [
        "",
        "* * * *",
        "* * * * * *",
        " * * * * *",
        "*  * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "5-4 * * * *",
        "* * * * fri-mon",
        "*/0 * * * *",
        "*/60 * * * *",
        "5/2 * * * *",
        "1,,2 * * * *",
        ",1 * * * *",
        "-1 * * * *",
        "+1 * * * *",
        "001 * * * *",
        "1.5 * * * *",
        "x * * * *",
        "* * mon * *",
        "* * * * january",
        "@daily",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "*-5 * * * *",
        "**/2 * * * *",
        "* * * * *\n",
        "1- * * * *",
        "*/ * * * *",
    ] {
        assert!(text.parse::<Cron>().is_err(), "{text:?}");
    }
    // What begins with a star lets the other field decide; here no day meets both.
    assert!("0 0 30 2 */2".parse::<Cron>().is_err());
    assert!("0 0 30 2 mon".parse::<Cron>().is_ok());
    let long = |bytes: usize| format!("10{} * * * *", ",1".repeat((bytes - 10) / 2)).parse::<Cron>();
    assert!(long(MAX_CRON_BYTES).is_ok() && long(MAX_CRON_BYTES + 2).is_err());
}
