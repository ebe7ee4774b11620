//! Canonical JSON against three other implementations, and the reader against the writer.

use crate::json;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use spec::canonical::{CanonicalError, Problem, WriteError, check, write};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn written(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out).unwrap();
    out
}

/// What [`check`] decides, said the slow way: parse, write, compare.
fn reproduces_itself(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return false };
    let mut out = Vec::new();
    write(&value, &mut out).is_ok() && out == bytes
}

fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
    let checked = check(bytes);
    prop_assert_eq!(
        checked.is_ok(),
        reproduces_itself(bytes),
        "{:?}: {:?}",
        String::from_utf8_lossy(bytes),
        checked
    );
    if let Err(CanonicalError { at, problem }) = checked {
        prop_assert!(at <= bytes.len());
        if problem == Problem::End {
            prop_assert_eq!(at, bytes.len());
        }
    }
    Ok(())
}

/// One change to a document.
#[derive(Debug, Clone)]
enum Edit {
    Flip(usize, u8),
    Replace(usize, u8),
    Insert(usize, u8),
    Delete(usize),
    Repeat(usize, usize),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match *self {
            _ if len == 0 => {}
            Self::Flip(at, bit) => bytes[at % len] ^= 1 << bit,
            Self::Replace(at, byte) => bytes[at % len] = byte,
            Self::Insert(at, byte) => bytes.insert(at % (len + 1), byte),
            Self::Delete(at) => drop(bytes.remove(at % len)),
            Self::Repeat(from, count) => {
                let from = from % len;
                let piece = bytes[from..len.min(from + count)].to_vec();
                bytes.splice(from..from, piece);
            }
        }
    }
}

/// A byte that means something in JSON.
fn significant() -> impl Strategy<Value = u8> {
    proptest::sample::select(br#"{}[]",:\/ eE+-.0123456789abdfnrtuU"#.to_vec())
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (at(), significant()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (at(), prop_oneof![significant(), any::<u8>()]).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        at().prop_map(Edit::Delete),
        (at(), 1..12usize).prop_map(|(at, count)| Edit::Repeat(at, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_writer_agrees_with_two_other_libraries(value in json::value()) {
        let ours = written(&value);
        prop_assert_eq!(&ours, &serde_jcs::to_vec(&value).unwrap());
        prop_assert_eq!(&ours, &serde_json_canonicalizer::to_vec(&value).unwrap());
        prop_assert!(check(&ours).is_ok());
        prop_assert_eq!(written(&serde_json::from_slice(&ours).unwrap()), ours);
    }

    #[test]
    fn a_changed_document_is_accepted_exactly_if_it_reproduces_itself(
        value in json::value(),
        edits in proptest::collection::vec(edit(), 1..4),
    ) {
        let mut bytes = written(&value);
        for edit in &edits {
            edit.apply(&mut bytes);
            agrees(&bytes)?;
        }
    }

    #[test]
    fn near_json_is_accepted_exactly_if_it_reproduces_itself(
        bytes in proptest::collection::vec(significant(), 0..24),
    ) {
        agrees(&bytes)?;
    }

    #[test]
    fn numbers_are_accepted_in_one_form_only(
        x in json::double(),
        places in 0..20usize,
        exponent in -30..30i32,
    ) {
        for text in [
            format!("{x}"),
            format!("{x:e}"),
            format!("{x:.places$}"),
            format!("{x:?}e{exponent}"),
        ] {
            agrees(text.as_bytes())?;
        }
    }

    #[test]
    fn a_document_cut_short_is_refused(value in json::value(), cut in any::<usize>()) {
        let bytes = written(&Value::Array(vec![value]));
        let short = &bytes[..cut % bytes.len()];
        agrees(short)?;
        prop_assert!(check(short).is_err());
    }

    #[test]
    fn nesting_is_limited_alike(depth in 60..70usize, arrays in any::<u128>()) {
        let mut value = Value::Null;
        for i in 0..depth {
            value = if arrays >> i & 1 == 0 {
                Value::Array(vec![value])
            } else {
                Value::Object([(String::new(), value)].into_iter().collect())
            };
        }
        prop_assert_eq!(write(&value, &mut Vec::new()).is_ok(), depth <= 64);
        let loose = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(check(&loose).is_ok(), depth <= 64);
    }
}

/// `testdata` of <https://github.com/cyberphone/json-canonicalization>, the companion of RFC 8785, and
/// the RFC's example of order: name, input, expected output. `values` stands below: its first number is out of range here.
const CYBERPHONE: &[(&str, &str, &str)] = &[
    (
        "arrays",
        "[\n  56,\n  {\n    \"d\": true,\n    \"10\": null,\n    \"1\": [ ]\n  }\n]",
        r#"[56,{"1":[],"10":null,"d":true}]"#,
    ),
    (
        "french",
        "{\n  \"peach\": \"This sorting order\",\n  \"péché\": \"is wrong according to French\",\n  \
         \"pêche\": \"but canonicalization MUST\",\n  \"sin\":   \"ingnore locale\"\n}\n",
        r#"{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ingnore locale"}"#,
    ),
    (
        "structures",
        "{\n  \"1\": {\"f\": {\"f\": \"hi\",\"F\": 5} ,\"\\n\": 56.0},\n  \"10\": { },\n  \"\": \"empty\",\n  \
         \"a\": { },\n  \"111\": [ { } ],\n  \"A\": { }\n}",
        r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}"#,
    ),
    (
        "unicode",
        "{\n  \"Unnormalized Unicode\":\"\\u1e0d\\u0307\"\n}\n",
        "{\"Unnormalized Unicode\":\"\u{1e0d}\u{307}\"}",
    ),
    (
        "weird",
        r#"{
  "\u20ac": "Euro Sign",
  "1": "One",
  "\u0080": "Control\u007f",
  "\ud83d\ude02": "Smiley",
  "\u00f6": "Latin Small Letter O With Diaeresis",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "</script>": "Browser Challenge"
}"#,
        concat!(
            r#"{"1":"One","</script>":"Browser Challenge","#,
            "\"\u{80}\":\"Control\u{7f}\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",",
            "\"\u{1f602}\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        ),
    ),
    (
        "RFC 8785, section 3.2.3",
        r#"{
  "\u20ac": "Euro Sign",
  "\r": "Carriage Return",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\ud83d\ude00": "Emoji: Grinning Face",
  "\u0080": "Control",
  "\u00f6": "Latin Small Letter O With Diaeresis"
}"#,
        concat!(
            r#"{"\r":"Carriage Return","1":"One","#,
            "\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",",
            "\"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        ),
    ),
];

#[test]
fn the_published_documents_come_out_as_published() {
    for (name, input, output) in CYBERPHONE {
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(String::from_utf8(written(&value)).unwrap(), *output, "{name}");
        assert_eq!(check(output.as_bytes()), Ok(*output), "{name}");
        assert!(check(input.as_bytes()).is_err(), "{name}");
    }
}

/// RFC 8785, section 3.2.2 (`values` of the companion's test data).
#[test]
fn the_example_of_the_rfc_is_out_of_range_by_its_first_number_only() {
    let input = r#"{
        "numbers": [1E30, 4.50, 333333333.33333329, 2e-3, 0.000000000000000000000000001],
        "escaping": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let output = r#"{"escaping":"€$\u000f\nA'B\"\\\\\"/","literals":[null,true,false],"numbers":[1e+30,4.5,333333333.3333333,0.002,1e-27]}"#;
    let mut value: Value = serde_json::from_str(input).unwrap();
    assert_eq!(write(&value, &mut Vec::new()), Err(WriteError::Range));
    let at = output.find("1e+30").unwrap();
    assert_eq!(check(output.as_bytes()), Err(CanonicalError { at, problem: Problem::Range }));

    value["numbers"].as_array_mut().unwrap().remove(0);
    let output = output.replace("1e+30,", "");
    assert_eq!(String::from_utf8(written(&value)).unwrap(), output);
    assert_eq!(check(output.as_bytes()), Ok(output.as_str()));
}

/// RFC 8785, appendix B: the bits of a double and its text.
const APPENDIX_B: &[(u64, &str)] = &[
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn numbers_of_the_rfc_come_out_as_written_there_or_are_out_of_range() {
    for (bits, text) in APPENDIX_B {
        let x = f64::from_bits(*bits);
        assert_eq!(
            text.parse::<f64>().unwrap().abs().to_bits(),
            x.abs().to_bits(),
            "the table itself: {text}"
        );
        let mut out = Vec::new();
        let result = write(&Value::from(x), &mut out);
        if x.abs() <= 9_007_199_254_740_991.0 {
            assert_eq!((result, out.as_slice()), (Ok(()), text.as_bytes()), "{bits:016x}");
            assert_eq!(check(text.as_bytes()), Ok(*text));
        } else {
            assert_eq!(result, Err(WriteError::Range), "{text}");
            assert_eq!(check(text.as_bytes()), Err(CanonicalError { at: 0, problem: Problem::Range }));
        }
    }
}

/// RFC 8785's own method, in the language whose number and string forms it borrows.
const NODE_PROGRAM: &str = r"
const canonical = (v) =>
  Array.isArray(v) ? '[' + v.map(canonical).join(',') + ']'
  : v !== null && typeof v === 'object'
    ? '{' + Object.keys(v).sort().map((k) => JSON.stringify(k) + ':' + canonical(v[k])).join(',') + '}'
    : JSON.stringify(v);
const lines = require('fs').readFileSync(0, 'utf8').split('\n').slice(0, -1);
process.stdout.write(lines.map((line) => canonical(JSON.parse(line)) + '\n').join(''));
";

#[test]
fn the_writer_agrees_with_ecmascript() {
    let mut runner = TestRunner::deterministic();
    let strategy = json::value();
    let values: Vec<Value> = (0..4000).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();

    let mut node = Command::new("node")
        .args(["-e", NODE_PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs the `node` executable (Node.js) on the PATH");
    let mut input = node.stdin.take().unwrap();
    for value in &values {
        input.write_all(&serde_json::to_vec(value).unwrap()).unwrap();
        input.write_all(b"\n").unwrap();
    }
    drop(input);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "node ended with {}", output.status);

    let theirs: Vec<&[u8]> = output.stdout.split(|b| *b == b'\n').collect();
    assert_eq!(theirs.len(), values.len() + 1);
    for (value, theirs) in values.iter().zip(theirs) {
        assert_eq!(String::from_utf8(written(value)).unwrap(), String::from_utf8_lossy(theirs));
    }
}

#[test]
fn the_largest_integers_are_written_and_the_next_refused() {
    for (n, fits) in [
        (9_007_199_254_740_991_i64, true),
        (-9_007_199_254_740_991, true),
        (9_007_199_254_740_992, false),
        (-9_007_199_254_740_992, false),
    ] {
        let mut out = Vec::new();
        let result = write(&Value::from(n), &mut out);
        assert_eq!(result.is_ok(), fits, "{n}");
        assert_eq!(check(n.to_string().as_bytes()).is_ok(), fits, "{n}");
        if fits {
            assert_eq!(String::from_utf8(out), Ok(n.to_string()));
        }
    }
}

#[test]
fn only_what_is_open_counts_for_depth() {
    let many = format!("[{}]", vec!["[[1]]"; 200].join(","));
    assert!(check(many.as_bytes()).is_ok());
    let objects = format!("[{}]", vec!["{\"a\":{}}"; 200].join(","));
    assert!(check(objects.as_bytes()).is_ok());
}
