// Entries and the lines of the log (spec/log.md).

import { equal } from "./bytes.js";
import { bytesOf, parse, type Json, type JsonObject } from "./canonical.js";
import { payloadHash, readHeader, type Header } from "./event.js";
import { BadForm, isObject, isTime, Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";

export const MAX_ENTRY_BYTES = 65_535;

export interface Entry {
  header: Header;
  lane: { n: number; prev: Uint8Array };
  prev: Uint8Array;
  recorded_at: string;
  seq: number;
  /** J(entry): the bytes of the leaf. */
  bytes: Uint8Array;
}

export interface Record {
  entry: Entry;
  /** Absent after an erasure. */
  payload?: JsonObject;
  salt?: Uint8Array;
}

export interface Commit {
  bytes: number;
  hash: Uint8Array;
  root: Uint8Array;
  size: number;
}

/** `BLAKE3(00 ‖ J(entry))`. */
export const leafOf = (entry: Entry): Uint8Array => hash(DOMAIN.leaf, entry.bytes);

/** Reads an entry out of canonical JSON. */
export function readEntry(document: Json, at = ""): Entry {
  const members = new Members(document, at);
  const event = members.take("event");
  const inner = new Members(event, `${at}/event`);
  if (inner.has("payload") || inner.has("salt")) throw new BadForm(`${at}/event`, "a payload inside an entry");
  const header = readHeader(inner, event as JsonObject);
  inner.done();
  const lane = members.inner("lane");
  const entry = {
    header,
    lane: { n: lane.integer("n"), prev: lane.bytes("prev") },
    prev: members.bytes("prev"),
    recorded_at: members.text("recorded_at", isTime),
    seq: members.integer("seq"),
    bytes: bytesOf(document),
  };
  lane.done();
  members.done();
  if (entry.bytes.length > MAX_ENTRY_BYTES) throw new BadForm(at, `longer than ${MAX_ENTRY_BYTES} bytes`);
  return entry;
}

/** Reads a record out of canonical JSON; the payload must be the one that the header commits to. */
export function readRecord(document: Json, at = ""): Record {
  const members = new Members(document, at);
  const entry = readEntry(members.take("entry"), `${at}/entry`);
  if (members.has("payload") !== members.has("salt")) throw new BadForm(at, "payload and salt stand together");
  if (!members.has("payload")) {
    members.done();
    return { entry };
  }
  const [payload, salt] = [members.take("payload"), members.bytes("salt")];
  members.done();
  if (!isObject(payload)) throw new BadForm(members.pointer("payload"), "an object is expected");
  return { entry, payload, salt };
}

/** Whether payload and salt are those that the header commits to; true where they are erased. */
export function isCommitted(record: Record): boolean {
  const { entry, payload, salt } = record;
  if (payload === undefined || salt === undefined) return true;
  return equal(payloadHash(salt, bytesOf(payload)), entry.header.payload_hash);
}

export type Line = { record: Record; commit?: never } | { commit: Commit; record?: never };

/** Reads one line of a segment, without its LF. */
export function readLine(line: Uint8Array): Line {
  const document = parse(line);
  if (isObject(document) && document["commit"] !== undefined) return { commit: readCommit(document) };
  return { record: readRecord(document) };
}

function readCommit(document: Json): Commit {
  const members = new Members(document);
  const inner = members.inner("commit");
  const commit = {
    bytes: inner.integer("bytes"),
    hash: inner.bytes("hash"),
    root: inner.bytes("root"),
    size: inner.integer("size"),
  };
  inner.done();
  members.done();
  return commit;
}

/** `BLAKE3(04 ‖ record lines with their LFs)`. */
export const groupHash = (lines: Uint8Array): Uint8Array => hash(DOMAIN.group, lines);
