import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "../src/bytes.js";
import { NotCanonical, parse, write, type Json } from "../src/canonical.js";
import { leafOf, readEntry, readLine, isCommitted, groupHash } from "../src/entry.js";
import { BadEvent, eventHash, identity, isSigned, readEvent, signingBytes } from "../src/event.js";
import { hex, vectors } from "./vectors.js";

test("canonical JSON is written and read in one form", () => {
  type File = { written: { input: string; canonical: string }[]; refused: { hex: string; at: number; problem: string; name: string }[] };
  const file = vectors<File>("canonical.json");
  for (const { input, canonical } of file.written) {
    assert.equal(write(JSON.parse(input) as Json), canonical);
    assert.equal(write(parse(utf8(canonical))), canonical);
  }
  for (const { hex: bytes, at, problem, name } of file.refused) {
    assert.throws(() => parse(hex(bytes)), (error: unknown) => {
      assert(error instanceof NotCanonical, `${name}: ${String(error)}`);
      assert.deepEqual([error.at, error.rule], [at, problem], name);
      return true;
    });
  }
});

test("events have the hashes and signatures that the vectors say", () => {
  type Vector = { event: string; event_hash: string; identity: string; kind: string; payload_hash: string; signing_bytes: string };
  type File = { events: Vector[]; refused: { event: string; code: string; name: string; pointer: string | null }[] };
  const file = vectors<File>("event.json");
  for (const vector of file.events) {
    const { header } = readEvent(utf8(vector.event));
    assert.equal(header.kind, vector.kind);
    assert.equal(toHex(signingBytes(header)), vector.signing_bytes);
    assert.equal(toHex(eventHash(header)), vector.event_hash);
    assert.equal(identity(header), vector.identity);
    assert(isSigned(header), vector.kind);
  }
  for (const { event, code, name, pointer } of file.refused) {
    assert.throws(() => readEvent(utf8(event)), (error: unknown) => {
      assert(error instanceof BadEvent, `${name}: ${String(error)}`);
      assert.equal(error.code, code, name);
      if (pointer !== null) assert.equal(error.pointer, pointer, name);
      return true;
    });
  }
});

test("entries, record lines and commit lines are read in their only form", () => {
  type Vector = { entry: string; leaf: string; record: string; erased: string };
  type File = { entries: Vector[]; commits: { line: string; records: number }[]; refused: { as: string; line: string; name: string }[] };
  const file = vectors<File>("entry.json");
  for (const { entry, leaf, record, erased } of file.entries) {
    assert.equal(toHex(leafOf(readEntry(parse(utf8(entry))))), leaf);
    const [whole, rest] = [readLine(utf8(record)).record, readLine(utf8(erased)).record];
    assert(whole !== undefined && rest !== undefined);
    assert(isCommitted(whole) && whole.payload !== undefined && rest.payload === undefined);
    assert.equal(toHex(leafOf(whole.entry)), leaf);
    assert.equal(toHex(leafOf(rest.entry)), leaf);
  }
  let from = 0;
  for (const { line, records } of file.commits) {
    const { commit } = readLine(utf8(line));
    const lines = utf8(file.entries.slice(from, from + records).map((one) => `${one.record}\n`).join(""));
    from += records;
    assert(commit !== undefined);
    assert.deepEqual([commit.bytes, toHex(commit.hash), commit.size], [lines.length, toHex(groupHash(lines)), from]);
  }
  for (const { as, line, name } of file.refused) {
    assert.throws(() => (as === "entry" ? readEntry(parse(utf8(line))) : readLine(utf8(line))), Error, `taken: ${name}`);
  }
});
