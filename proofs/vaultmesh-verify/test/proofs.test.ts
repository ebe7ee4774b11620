import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "../src/bytes.js";
import type { Json } from "../src/canonical.js";
import { CHECKPOINT, COSIGNATURE, openCheckpoint } from "../src/checkpoint.js";
import { DOMAIN, hash } from "../src/hash.js";
import { isAbsent, isPresent, readSteps, rootOf, type Member } from "../src/map.js";
import { readVkey } from "../src/note.js";
import { introduce, verify } from "../src/signature.js";
import { isExtended, isIncluded, leafHash, NATIVE, STANDARD, Tree, type Hash } from "../src/tree.js";
import { hex, vectors } from "./vectors.js";

test("trees of both faces, and their proofs", () => {
  type Face = {
    leaves: { bytes: string; hash: string }[];
    roots: string[];
    inclusion: { index: number; size: number; proof: string[]; valid: boolean }[];
    consistency: { old: number; new: number; proof: string[]; valid: boolean }[];
  };
  const file = vectors<{ blake3: Face; sha256: Face; large: { size: number; blake3: string; sha256: string }[] }>("tree.json");
  for (const [face, of] of [[NATIVE, file.blake3], [STANDARD, file.sha256]] as [Hash, Face][]) {
    const tree = new Tree(face);
    assert.equal(toHex(tree.root()), of.roots[0]);
    for (const [n, leaf] of of.leaves.entries()) {
      assert.equal(toHex(leafHash(face, hex(leaf.bytes))), leaf.hash);
      tree.push(hex(leaf.hash));
      assert.equal(toHex(tree.root()), of.roots[n + 1]);
    }
    const root = (size: number): Uint8Array => hex(of.roots[size] ?? "0".repeat(64));
    const leaf = (index: number): Uint8Array => hex(of.leaves[index]?.hash ?? "0".repeat(64));
    for (const { index, size, proof, valid } of of.inclusion) {
      assert.equal(isIncluded(face, leaf(index), index, size, root(size), proof.map(hex)), valid, `${index} of ${size}`);
    }
    for (const proved of of.consistency) {
      const said = isExtended(face, proved.old, root(proved.old), proved.new, root(proved.new), proved.proof.map(hex));
      assert.equal(said, proved.valid, `${proved.old} to ${proved.new}`);
    }
  }
  const large = [new Tree(NATIVE), new Tree(STANDARD)] as const;
  for (const { size, blake3, sha256 } of file.large) {
    for (let n = large[0].size; n < size; n++) {
      large[0].push(leafHash(NATIVE, utf8(String(n))));
      large[1].push(leafHash(STANDARD, utf8(String(n))));
    }
    assert.deepEqual(large.map((tree) => toHex(tree.root())), [blake3, sha256]);
  }
});

test("maps, and what is and is not in them", () => {
  type Proof = { path: string; present: boolean; steps: Json[]; found?: { path: string; value: Json } };
  type Map_ = { members: { key?: string; path: string; root: string; value: Json; leaf?: string }[]; proofs: Proof[]; empty?: Proof };
  const file = vectors<{ keys: Map_; lanes: Map_; deep: Map_ }>("map.json");
  for (const [name, domain] of [["keys", DOMAIN.keyPath], ["lanes", DOMAIN.lanePath], ["deep", undefined]] as const) {
    const of = file[name];
    const members: Member[] = [];
    for (const { key, path, root, value } of of.members) {
      if (key !== undefined && domain !== undefined) assert.equal(toHex(hash(domain, hex(key))), path);
      members.push({ path: hex(path), value });
      assert.equal(toHex(rootOf(members)), root);
    }
    const root = rootOf(members);
    for (const proof of of.proofs) {
      const [path, steps] = [hex(proof.path), readSteps(proof.steps, "/steps")];
      if (proof.present) {
        const member = members.find((one) => toHex(one.path) === proof.path) as Member;
        assert(isPresent(root, member, steps));
        assert(!isPresent(root, { ...member, value: "another" }, steps));
        assert(!isAbsent(root, path, member, steps));
      } else {
        const found = proof.found as { path: string; value: Json };
        assert(isAbsent(root, path, { path: hex(found.path), value: found.value }, steps));
        assert(!isAbsent(root, path, undefined, steps));
      }
    }
    if (of.empty !== undefined) assert(isAbsent(rootOf([]), hex(of.empty.path), undefined, []));
  }
});

test("signatures by ZIP-215, keys as they are introduced", () => {
  type Signature = { key: string; message: string; sig: string; valid: boolean };
  const file = vectors<{ keys: { key: string; verdict: string }[]; signatures: Signature[] }>("signature.json");
  for (const { key, verdict } of file.keys) assert.equal(introduce(hex(key)), verdict, key);
  for (const { key, message, sig, valid } of file.signatures) {
    assert.equal(verify(hex(key), utf8(message), hex(sig)), valid, `${key} ${sig}`);
  }
  const cctv = vectors<{ vectors: { number: number; key: string; sig: string; msg: string; flags: string[] | null }[] }>("cctv-ed25519.json");
  for (const { number, key, sig, msg, flags } of cctv.vectors) {
    // With a key of small order the challenge does not matter.
    const refused = flags?.includes("reencoded_k") && !flags.includes("low_order_A");
    assert.equal(verify(hex(key), utf8(msg), hex(sig)), !refused, `CCTV ${number}`);
  }
  const wycheproof = vectors<{ tests: { id: number; key: string; msg: string; result: string; sig: string }[] }>("wycheproof-ed25519.json");
  for (const { id, key, msg, result, sig } of wycheproof.tests) {
    assert.equal(verify(hex(key), hex(msg), hex(sig)), result === "valid" || id === 151, `Wycheproof ${id}`);
  }
});

test("checkpoints and cosignatures", () => {
  type File = {
    ledger: { vkey: string };
    witness: { vkey: string };
    checkpoint: { origin: string; size: number; root: string };
    notes: { note: string; time: number; witnesses: { name: string; time: number }[] }[];
    refused: { note: string; why: string }[];
  };
  const file = vectors<File>("note.json");
  const [ledger, witness] = [readVkey(file.ledger.vkey, CHECKPOINT), readVkey(file.witness.vkey, COSIGNATURE)];
  for (const { note, time, witnesses } of file.notes) {
    const opened = openCheckpoint(note, ledger, [witness]);
    assert.equal(opened.time, time);
    assert.equal(opened.witnesses.length, witnesses.length);
    assert.equal(opened.checkpoint.size, file.checkpoint.size);
    assert.equal(toHex(opened.checkpoint.root), file.checkpoint.root);
  }
  for (const { note, why } of file.refused) {
    assert.throws(() => openCheckpoint(note, ledger, [witness]), { name: "BadNote" }, `taken: ${why}`);
  }
});
