//! The acceptance rule for signatures, frozen: single, in batches, and against a second statement of it.

use chance::Chance;
use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use proofs::signature::{Item, KeyError, SigningKey, check_key, verify, verify_all};
use sha2::Digest as _;
use spec::{PublicKey, Signature};
use std::collections::BTreeSet;

/// A signature with the features it has and what the rule says of it.
pub(crate) struct Case {
    pub(crate) key: PublicKey,
    pub(crate) sig: Signature,
    pub(crate) message: String,
    pub(crate) flags: BTreeSet<&'static str>,
    pub(crate) valid: bool,
}

impl Case {
    fn item(&self) -> Item<'_> {
        Item { key: &self.key, sig: &self.sig, message: self.message.as_bytes() }
    }
}

/// An encoding of a point `scalar·B + torsion`, so that one can sign with it.
struct Point {
    bytes: [u8; 32],
    scalar: Scalar,
    torsion: EdwardsPoint,
}

impl Point {
    fn flags(&self, side: char) -> Vec<&'static str> {
        let of_a = side == 'A';
        let point = CompressedEdwardsY(self.bytes).decompress().unwrap();
        let mut flags = Vec::new();
        if point.is_small_order() {
            flags.push(if of_a { "low_order_A" } else { "low_order_R" });
        }
        if !point.is_torsion_free() {
            flags.push(if of_a { "low_order_component_A" } else { "low_order_component_R" });
        }
        if point.compress().0 != self.bytes {
            flags.push(if of_a { "non_canonical_A" } else { "non_canonical_R" });
        }
        flags
    }
}

/// p + y for small y, little endian: the encodings of field elements that have a shorter one.
fn beyond_the_field(y: u8, sign: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + y;
    bytes[31] = 0x7f | sign;
    bytes
}

/// The eight points of small order and the six further encodings they have.
fn low_order() -> Vec<Point> {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().0).collect();
    let identity = EIGHT_TORSION[0].compress().0;
    let order_two = EIGHT_TORSION[4].compress().0;
    let sign = |bytes: [u8; 32]| {
        let mut bytes = bytes;
        bytes[31] |= 0x80;
        bytes
    };
    encodings.extend([sign(identity), sign(order_two)]);
    encodings.extend([
        beyond_the_field(0, 0),
        beyond_the_field(0, 0x80),
        beyond_the_field(1, 0),
        beyond_the_field(1, 0x80),
    ]);
    let decode = |bytes: [u8; 32]| CompressedEdwardsY(bytes).decompress().unwrap();
    encodings.into_iter().map(|bytes| Point { bytes, scalar: Scalar::ZERO, torsion: decode(bytes) }).collect()
}

/// Points of large order: one free of torsion, and its sums with points of order 8, 4 and 2.
fn large_order(name: &str) -> Vec<Point> {
    let scalar = Scalar::from_bytes_mod_order_wide(&sha2::Sha512::digest(name).into());
    [0, 1, 2, 4]
        .iter()
        .map(|i| {
            let point = &scalar * ED25519_BASEPOINT_TABLE + EIGHT_TORSION[*i];
            Point { bytes: point.compress().0, scalar, torsion: EIGHT_TORSION[*i] }
        })
        .collect()
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &str) -> Scalar {
    let hash = sha2::Sha512::new().chain_update(r).chain_update(a).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn signature(r: &[u8; 32], s: &[u8; 32]) -> Signature {
    Signature([&r[..], s].concat().try_into().unwrap())
}

/// ZIP-215, written from its text.
fn zip215(key: &PublicKey, sig: &Signature, message: &str) -> bool {
    let (r, s): ([u8; 32], [u8; 32]) = (sig.0[..32].try_into().unwrap(), sig.0[32..].try_into().unwrap());
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
    let Some(a_point) = CompressedEdwardsY(key.0).decompress() else { return false };
    let Some(r_point) = CompressedEdwardsY(r).decompress() else { return false };
    let k = challenge(&r, &key.0, message);
    (&s * ED25519_BASEPOINT_TABLE - r_point - k * a_point).mul_by_cofactor().is_identity()
}

/// s + l: the same number modulo the order, in an encoding that is not canonical.
fn plus_order(s: &Scalar) -> [u8; 32] {
    let order: [u8; 32] = {
        // l − 1 is the canonical encoding of −1.
        let mut bytes = (-Scalar::ONE).to_bytes();
        bytes[0] += 1;
        bytes
    };
    let mut carry = 0_u16;
    let mut out = [0; 32];
    for (slot, (a, b)) in out.iter_mut().zip(s.to_bytes().into_iter().zip(order)) {
        carry += u16::from(a) + u16::from(b);
        *slot = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    out
}

/// Signatures over every pair of edge-case points, after the manner of the C2SP CCTV Ed25519 vectors:
/// with and without a low-order residue, and with a challenge over re-encoded points; then signatures
/// that are wrong in one respect.
pub(crate) fn edge_cases() -> Vec<Case> {
    let keys: Vec<Point> = low_order().into_iter().chain(large_order("A")).collect();
    let commitments: Vec<Point> = low_order().into_iter().chain(large_order("R")).collect();
    let mut cases = Vec::new();
    for a in &keys {
        for r in &commitments {
            for residue in [true, false] {
                cases.extend(pair(a, r, residue, false));
            }
            cases.extend(pair(a, r, true, true));
        }
    }
    cases.extend(wrong());
    cases
}

/// A signature by `a` with commitment `r`, over the first message that gives the wanted residue.
fn pair(a: &Point, r: &Point, residue: bool, reencoded: bool) -> Option<Case> {
    let canonical = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().unwrap().compress().0;
    let (r_canonical, a_canonical) = (canonical(&r.bytes), canonical(&a.bytes));
    if reencoded && r_canonical == r.bytes && a_canonical == a.bytes {
        return None;
    }
    (0..64).find_map(|n| {
        let message = format!("vaultmesh signature {n}");
        let k = challenge(&r.bytes, &a.bytes, &message);
        if residue == (r.torsion + k * a.torsion).is_identity() && !reencoded {
            return None;
        }
        let mut flags: BTreeSet<&str> = a.flags('A').into_iter().chain(r.flags('R')).collect();
        let signed = if reencoded {
            flags.insert("reencoded_k");
            challenge(&r_canonical, &a_canonical, &message)
        } else {
            if residue {
                flags.insert("low_order_residue");
            }
            k
        };
        let s = (r.scalar + signed * a.scalar).to_bytes();
        // A re-encoded challenge shows only where the key has a secret part.
        let valid = !reencoded || a.scalar == Scalar::ZERO;
        Some(Case { key: PublicKey(a.bytes), sig: signature(&r.bytes, &s), message, flags, valid })
    })
}

/// Signatures that no rule accepts.
fn wrong() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |flag, key: [u8; 32], sig: Signature| {
        let (flags, message) = (BTreeSet::from([flag]), "vaultmesh signature".to_owned());
        cases.push(Case { key: PublicKey(key), sig, message, flags, valid: false });
    };
    let no_point =
        (0..=255_u8).map(|y| [y; 32]).find(|bytes| CompressedEdwardsY(*bytes).decompress().is_none());
    let no_point = no_point.unwrap();
    let (keys, commitments) = (low_order(), low_order());
    let sound = large_order("A");
    let own = large_order("R");
    for (a, r) in keys.iter().chain(&sound).zip(commitments.iter().chain(&own)) {
        let s = r.scalar + challenge(&r.bytes, &a.bytes, "vaultmesh signature") * a.scalar;
        add("s_not_reduced", a.bytes, signature(&r.bytes, &plus_order(&s)));
        let mut high = s.to_bytes();
        high[31] |= 0xe0;
        add("s_not_reduced", a.bytes, signature(&r.bytes, &high));
        add("wrong_s", a.bytes, signature(&r.bytes, &(s + Scalar::ONE).to_bytes()));
        add("R_not_a_point", a.bytes, signature(&no_point, &s.to_bytes()));
        add("A_not_a_point", no_point, signature(&r.bytes, &s.to_bytes()));
    }
    let a = &sound[0];
    let s = own[0].scalar + challenge(&own[0].bytes, &a.bytes, "another message") * a.scalar;
    add("other_message", a.bytes, signature(&own[0].bytes, &s.to_bytes()));
    let s = own[0].scalar + challenge(&own[0].bytes, &a.bytes, "vaultmesh signature") * a.scalar;
    add("other_key", large_order("B")[0].bytes, signature(&own[0].bytes, &s.to_bytes()));
    add("other_R", a.bytes, signature(&own[1].bytes, &s.to_bytes()));
    cases
}

#[test]
fn the_rule_is_zip215() {
    let cases = edge_cases();
    let mut seen = BTreeSet::new();
    for (n, case) in cases.iter().enumerate() {
        assert_eq!(zip215(&case.key, &case.sig, &case.message), case.valid, "{n} {:?}", case.flags);
        assert_eq!(verify(&case.key, case.message.as_bytes(), &case.sig), case.valid, "{n} {:?}", case.flags);
        seen.extend(case.flags.iter().map(|flag| (*flag, case.valid)));
    }
    // Every feature of a point is accepted somewhere; alone it never decides.
    for flag in [
        "low_order_A",
        "low_order_R",
        "low_order_component_A",
        "low_order_component_R",
        "non_canonical_A",
        "non_canonical_R",
        "low_order_residue",
    ] {
        assert!(seen.contains(&(flag, true)), "{flag}");
    }
    assert!(cases.iter().filter(|case| case.valid).count() > 500);
    assert!(cases.iter().filter(|case| !case.valid).count() > 100);
}

#[test]
fn every_pair_of_small_order_points_is_a_signature() {
    let points = low_order();
    assert_eq!(points.iter().map(|point| point.bytes).collect::<BTreeSet<_>>().len(), 14);
    for a in &points {
        for r in &points {
            let sig = signature(&r.bytes, &[0; 32]);
            assert!(verify(&PublicKey(a.bytes), b"anything at all", &sig));
        }
    }
}

/// Single and batch agree: over everything at once, and each case among ordinary companions.
#[test]
fn batches_agree_with_single_checks() {
    let cases = edge_cases();
    let ordinary = SigningKey::from_seed(&[3; 32]);
    let messages: Vec<Vec<u8>> = (0..7_u8).map(|i| vec![i; usize::from(i)]).collect();
    let signed: Vec<(PublicKey, Signature)> =
        messages.iter().map(|message| (ordinary.public(), ordinary.sign(message))).collect();
    let companions: Vec<Item<'_>> =
        signed.iter().zip(&messages).map(|((key, sig), message)| Item { key, sig, message }).collect();

    let expected = |items: &[Item<'_>]| -> Vec<bool> {
        items.iter().map(|item| verify(item.key, item.message, item.sig)).collect()
    };
    let all: Vec<Item<'_>> = cases.iter().map(Case::item).collect();
    assert_eq!(verify_all(&all), expected(&all));
    let good: Vec<Item<'_>> = cases.iter().filter(|case| case.valid).map(Case::item).collect();
    assert!(verify_all(&good).into_iter().all(|valid| valid));
    for (n, case) in cases.iter().enumerate() {
        let mut items = companions.clone();
        items.insert(n % 8, case.item());
        let mut want = vec![true; 8];
        want[n % 8] = case.valid;
        assert_eq!(verify_all(&items), want, "{n} {:?}", case.flags);
    }
    let mut random = Chance(11);
    for size in (0..12).chain([40, 257]) {
        let items: Vec<Item<'_>> =
            (0..size).map(|_| all[usize::try_from(random.below(all.len() as u64)).unwrap()]).collect();
        assert_eq!(verify_all(&items), expected(&items), "{size}");
        // The same signature twice cancels nothing.
        let doubled = [&items[..], &items[..]].concat();
        assert_eq!(verify_all(&doubled), expected(&doubled));
    }
}

/// Two errors that would cancel if a batch weighed its signatures alike.
#[test]
fn errors_do_not_cancel() {
    let key = SigningKey::from_seed(&[4; 32]);
    let shifted = |message: &[u8], by: Scalar| {
        let sig = key.sign(message);
        let s = Scalar::from_canonical_bytes(sig.0[32..].try_into().unwrap()).unwrap();
        signature(&sig.0[..32].try_into().unwrap(), &(s + by).to_bytes())
    };
    let public = key.public();
    let sigs = [
        (b"a", shifted(b"a", Scalar::ONE)),
        (b"b", shifted(b"b", -Scalar::ONE)),
        (b"c", key.sign(b"c")),
        (b"d", key.sign(b"d")),
    ];
    let items: Vec<Item<'_>> =
        sigs.iter().map(|(message, sig)| Item { key: &public, sig, message: &message[..] }).collect();
    assert_eq!(verify_all(&items), [false, false, true, true]);
}

fn vectors(file: &str) -> serde_json::Value {
    serde_json::from_str(&crate::vectors::read(file)).unwrap()
}

#[test]
fn the_wycheproof_verdicts_stand() {
    let file = vectors("wycheproof-ed25519.json");
    let mut kept = Vec::new();
    let tests = file["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 151);
    for test in tests {
        let text = |name: &str| test[name].as_str().unwrap();
        let valid = text("result") == "valid";
        let key: PublicKey = text("key").parse().unwrap();
        // A signature of another length is no signature of ours.
        let Ok(sig) = <[u8; 64]>::try_from(crate::vectors::unhex(text("sig"))) else {
            assert!(!valid);
            continue;
        };
        let message = crate::vectors::unhex(text("msg"));
        // The one difference: a strict decoder refuses R for its sign bit, ZIP-215 reads it as the identity.
        let valid = valid || test["id"] == 151;
        assert_eq!(verify(&key, &message, &Signature(sig)), valid, "{test}");
        assert_eq!(check_key(&key), Ok(()), "{test}");
        kept.push((key, Signature(sig), message, valid));
    }
    assert_eq!(kept.len(), 139);
    let items: Vec<Item<'_>> = kept.iter().map(|(key, sig, message, _)| Item { key, sig, message }).collect();
    assert_eq!(verify_all(&items), kept.iter().map(|case| case.3).collect::<Vec<_>>());
    for batch in items.chunks(5) {
        let single: Vec<bool> = batch.iter().map(|item| verify(item.key, item.message, item.sig)).collect();
        assert_eq!(verify_all(batch), single);
    }
}

/// Community Cryptography Test Vectors: the rule accepts every one of them, but for those whose challenge is over
/// other bytes than were given.
#[test]
fn the_verdicts_on_cctv_stand() {
    let file = vectors("cctv-ed25519.json");
    let rows = file["vectors"].as_array().unwrap();
    assert_eq!(rows.len(), 39);
    let mut flags = BTreeSet::new();
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let key: PublicKey = text("key").parse().unwrap();
        let sig = Signature(crate::vectors::unhex(text("sig")).try_into().unwrap());
        let own: BTreeSet<&str> =
            row["flags"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        let holds = verify(&key, text("msg").as_bytes(), &sig);
        assert_eq!(holds, zip215(&key, &sig, text("msg")), "{row}");
        assert!(holds || own.contains("reencoded_k"), "{row}");
        flags.extend(own);
    }
    assert_eq!(flags.len(), 8, "{flags:?}");
}

#[test]
fn the_committed_edge_cases_stand() {
    let file = vectors("signature.json");
    let rows = file["signatures"].as_array().unwrap();
    assert_eq!(rows.len(), edge_cases().len());
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let key: PublicKey = text("key").parse().unwrap();
        let sig = Signature(crate::vectors::unhex(text("sig")).try_into().unwrap());
        let valid = row["valid"].as_bool().unwrap();
        assert_eq!(verify(&key, text("message").as_bytes(), &sig), valid, "{row}");
    }
    for row in file["keys"].as_array().unwrap() {
        let key: PublicKey = row["key"].as_str().unwrap().parse().unwrap();
        assert_eq!(key_word(check_key(&key)), row["verdict"].as_str().unwrap(), "{row}");
    }
}

pub(crate) fn key_word(verdict: Result<(), KeyError>) -> &'static str {
    match verdict {
        Ok(()) => "accepted",
        Err(KeyError::NotAPoint) => "not a point",
        Err(KeyError::NonCanonical) => "not canonical",
        Err(KeyError::Weak) => "weak",
        Err(KeyError::Torsion) => "small-order component",
    }
}

/// Keys of every kind, with the verdict [`check_key`] must give.
pub(crate) fn keys() -> Vec<([u8; 32], Result<(), KeyError>)> {
    let mut out = Vec::new();
    for (i, point) in low_order().iter().enumerate() {
        out.push((point.bytes, Err(if i < 8 { KeyError::Weak } else { KeyError::NonCanonical })));
    }
    for (i, point) in large_order("A").iter().enumerate() {
        out.push((point.bytes, if i == 0 { Ok(()) } else { Err(KeyError::Torsion) }));
    }
    // The other encodings beyond the field: points of large order with a shorter form, or no points.
    for y in 2..19 {
        for sign in [0, 0x80] {
            let bytes = beyond_the_field(y, sign);
            let point = CompressedEdwardsY(bytes).decompress();
            out.push((
                bytes,
                Err(if point.is_some() { KeyError::NonCanonical } else { KeyError::NotAPoint }),
            ));
        }
    }
    let encoded = |n: u8| {
        let mut bytes = [0; 32];
        bytes[0] = n;
        bytes
    };
    // y = 2 is no point; y = 3 is one of large order with a small-order component or without.
    out.push((encoded(2), Err(KeyError::NotAPoint)));
    out.push((SigningKey::from_seed(&[1; 32]).public().0, Ok(())));
    out
}

#[test]
fn keys_are_held_to_a_stricter_rule() {
    let keys = keys();
    for (bytes, verdict) in &keys {
        assert_eq!(check_key(&PublicKey(*bytes)), *verdict, "{}", PublicKey(*bytes));
    }
    for kind in [KeyError::NotAPoint, KeyError::NonCanonical, KeyError::Weak, KeyError::Torsion] {
        assert!(keys.iter().filter(|(_, verdict)| *verdict == Err(kind)).count() > 1, "{kind}");
    }
    let mut random = Chance(5);
    for _ in 0..20 {
        let seed: Vec<u8> = (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
        assert_eq!(check_key(&SigningKey::from_seed(&seed.try_into().unwrap()).public()), Ok(()));
    }
}

/// RFC 8032, 7.1, tests 1 to 3: what is signed here is what everyone signs.
#[test]
fn signing_is_rfc8032() {
    for (seed, key, message, sig) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let signer = SigningKey::from_seed(&crate::vectors::unhex(seed).try_into().unwrap());
        let message = crate::vectors::unhex(message);
        assert_eq!(signer.public().to_string(), key);
        assert_eq!(&signer.sign(&message).0[..], crate::vectors::unhex(sig));
        assert!(verify(&signer.public(), &message, &signer.sign(&message)));
        assert!(!format!("{signer:?}").contains(&seed[..8]));
    }
}
