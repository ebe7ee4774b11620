use super::*;

fn problem(text: &[u8]) -> (usize, Problem) {
    let e = check(text).expect_err(&format!("{:?} was accepted", String::from_utf8_lossy(text)));
    (e.at, e.problem)
}

#[test]
fn a_member_is_what_a_document_may_have() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for member in ["1", "{}", "[1,\"a\"]", "", "01", "1 ", "{\"b\":1,\"a\":2}", &nested(63), &nested(64)] {
        let document = format!("{{\"a\":{member}}}");
        assert_eq!(check_member(member).is_ok(), check(document.as_bytes()).is_ok(), "{member}");
    }
}

#[test]
fn refuses_each_deviation_at_its_byte() {
    let deep = "[".repeat(65) + &"]".repeat(65);
    let table: &[(&[u8], usize, Problem)] = &[
        (b"", 0, Problem::End),
        (b" 1", 0, Problem::Byte),
        (b"1 ", 1, Problem::Trailing),
        (b"{\"a\": 1}", 5, Problem::Byte),
        (b"{\"a\":1,}", 7, Problem::Byte),
        (b"{\"b\":1,\"a\":2}", 7, Problem::Order),
        (b"{\"a\":1,\"a\":2}", 7, Problem::Duplicate),
        (b"\"\\u0041\"", 1, Problem::Escape),
        (b"\"\\u000A\"", 1, Problem::Escape),
        (b"\"\\u000a\"", 1, Problem::Escape),
        (b"\"\\u001F\"", 1, Problem::Escape),
        (b"\"\\u+01f\"", 1, Problem::Escape),
        (b"\"\\/\"", 1, Problem::Escape),
        (b"\"\\ud800\"", 1, Problem::Surrogate),
        (b"\"\\udead\"", 1, Problem::Surrogate),
        (b"\"\\u00", 5, Problem::End),
        (b"\"\\", 2, Problem::End),
        (b"\"\\u00\"", 1, Problem::Escape),
        (b"\"a\x01\"", 2, Problem::Byte),
        (b"\"\xff\"", 1, Problem::Utf8),
        (b"\"\xed\xa0\x80\"", 1, Problem::Utf8),
        (b"-0", 0, Problem::Number),
        (b"-0.0", 0, Problem::Number),
        (b"00", 0, Problem::Number),
        (b"01", 0, Problem::Number),
        (b"1.0", 0, Problem::Number),
        (b"1e2", 0, Problem::Number),
        (b"1E-7", 0, Problem::Number),
        (b"1.", 2, Problem::End),
        (b"1e", 2, Problem::End),
        (b"-", 1, Problem::End),
        (b"+1", 0, Problem::Byte),
        (b"NaN", 0, Problem::Byte),
        (b"9007199254740993", 0, Problem::Range),
        (b"9007199254740992", 0, Problem::Range),
        (b"-9007199254740992", 0, Problem::Range),
        (b"99999999999999999999999", 0, Problem::Range),
        (b"1e20", 0, Problem::Range),
        (b"1e400", 0, Problem::Range),
        (deep.as_bytes(), 64, Problem::Depth),
        (b"tru", 3, Problem::End),
        (b"[1", 2, Problem::End),
        (b"{\"a\"", 4, Problem::End),
    ];
    for (text, at, expected) in table {
        assert_eq!(problem(text), (*at, *expected), "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn accepts_canonical_documents() {
    let deep = "[".repeat(64) + &"]".repeat(64);
    for text in [
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "-1",
        "9007199254740991",
        "-9007199254740991",
        "1e-7",
        "0.000001",
        "1.5",
        "\"\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}é\u{2028}\"",
        // U+1F600 sorts before U+FB33: its first code unit is 0xd83d.
        "{\"\\r\":1,\"1\":2,\"\u{80}\":3,\"ö\":4,\"€\":5,\"\u{1f600}\":6,\"\u{fb33}\":7}",
        &deep,
    ] {
        assert_eq!(check(text.as_bytes()), Ok(text));
    }
}

#[test]
fn writer_refuses_what_the_reader_refuses() {
    for text in ["9007199254740992", "-9007199254740992", "1e300"] {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(write(&value, &mut Vec::new()), Err(WriteError::Range), "{text}");
    }
    let mut deep = Value::Null;
    for _ in 0..65 {
        deep = Value::Array(vec![deep]);
    }
    assert_eq!(write(&deep, &mut Vec::new()), Err(WriteError::Depth));
}
