//! Bundles: one form, closed fields, a size limit. What the records say is tested where events are known.

use crate::util::{Ledger, tree_with};
use proofs::Blake3;
use proofs::bundle::{Bundle, FORMAT, Included, KeyProof, MAX_BUNDLE_BYTES};
use proofs::map::Step;
use proofs::tile::inclusion_proof;
use serde_json::json;
use spec::Hash;

fn bundle() -> Bundle {
    let (ledger, tree) = (Ledger::new(1), tree_with(42, None));
    let path = |index| inclusion_proof::<Blake3>(&tree, index, 42).unwrap();
    Bundle {
        authority: vec![json!({"entry": {"seq": 0}})],
        checkpoint: ledger.note(&tree, 42),
        entry: json!({"seq": 17}),
        format: FORMAT.to_owned(),
        inclusion: path(17),
        introduction: Included { inclusion: path(3), record: json!({"entry": {"seq": 3}}) },
        key: KeyProof {
            path: vec![Step { bit: 0, sibling: Hash([1; 32]) }, Step { bit: 255, sibling: Hash([2; 32]) }],
            record: json!({"use": "node"}),
        },
        ledger: ledger.id,
        payload: Some(json!({"load": 0.25, "text": "é"})),
        salt: Some(Hash([7; 32])),
    }
}

#[test]
fn a_bundle_round_trips_with_and_without_its_payload() {
    let whole = bundle();
    assert_eq!(Bundle::parse(&whole.to_canonical()), Ok(whole.clone()));
    let erased = Bundle { payload: None, salt: None, ..whole.clone() };
    assert_eq!(Bundle::parse(&erased.to_canonical()), Ok(erased.clone()));
    for half in [Bundle { salt: None, ..whole.clone() }, Bundle { payload: None, ..whole }] {
        assert!(Bundle::parse(&half.to_canonical()).is_err());
    }
}

#[test]
fn a_bundle_has_one_form() {
    let text = String::from_utf8(bundle().to_canonical()).unwrap();
    for bad in [
        text.trim_end().to_owned(),
        text.clone() + "\n",
        text.replacen("{\"authority\"", "{ \"authority\"", 1),
        text.replacen("{\"authority\"", "{\"aaa\":1,\"authority\"", 1),
        text.replace("bundle-v1", "bundle-v2"),
        text.replacen("\"bit\":255", "\"bit\":256", 1),
        text.replacen("\"bit\":255", "\"bit\":255,\"more\":1", 1),
        text.replacen("0.25", "2.5e-1", 1),
        text.replacen("0.25", "0.250", 1),
        text.replacen("é", "\\u00e9", 1),
        text.replacen(&"07".repeat(32), &"07".repeat(31), 1),
        text.replacen("\"payload\":{", "\"payload\":null,\"pb\":{", 1),
    ] {
        assert_ne!(bad, text);
        assert!(Bundle::parse(bad.as_bytes()).is_err(), "{bad:.80}");
    }
    assert!(Bundle::parse(&[]).is_err());
    assert!(Bundle::parse(b"\n").is_err());
}

#[test]
fn a_bundle_has_a_size_limit() {
    assert_eq!(MAX_BUNDLE_BYTES, 16_777_216, "what the refusal says");
    let mut large = bundle();
    let base = Bundle { payload: Some(json!("")), ..large.clone() }.to_canonical().len();
    large.payload = Some(json!("x".repeat(MAX_BUNDLE_BYTES - base)));
    let bytes = large.to_canonical();
    assert_eq!(bytes.len(), MAX_BUNDLE_BYTES);
    assert!(Bundle::parse(&bytes).is_ok());
    large.payload = Some(json!("x".repeat(MAX_BUNDLE_BYTES - base + 1)));
    assert!(Bundle::parse(&large.to_canonical()).is_err());
}
