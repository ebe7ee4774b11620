// Bundles (spec/proof.md, section 12): one entry with all that proves it.

import { equal, toHex } from "./bytes.js";
import type { Json, JsonObject } from "./canonical.js";
import { holds, keyAt, ledgerVerifier, readAuthority, setAt, witnessVerifiers, type Authority } from "./authority.js";
import { claimedSize, openCheckpoint, type Witnessed } from "./checkpoint.js";
import { isCommitted, leafOf, readRecord, type Entry, type Record } from "./entry.js";
import { isSigned } from "./event.js";
import { isAuthor, isHash, isName, Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";
import { isPresent, readSteps } from "./map.js";
import { readNote, type Verifier } from "./note.js";
import { document } from "./proofchain.js";
import { isIncluded, NATIVE } from "./tree.js";

export const FORMAT = "vaultmesh-bundle-v1";
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024;

/** Why a bundle does not prove its entry. */
export class BadBundle extends Error {
  override readonly name = "BadBundle";
}

export interface KeyRecord {
  author?: string;
  introduced: number;
  org: string;
  suspect_from?: number;
  tenant?: string;
  until?: number;
  use: string;
}

export interface Bundle {
  ledger: string;
  entry: Entry;
  payload?: JsonObject;
  key: KeyRecord;
  checkpoint: Witnessed;
  /** Whether the checkpoint has the quorum of the ledger's own witness set, if one is in force. */
  hasQuorum: boolean | undefined;
  /** Whether what the key signed here is in doubt. */
  isSuspect: boolean;
}

/** Checks a bundle; without a ledger id it only agrees with itself. `witnesses` are those a reader knows beside the set. */
export function readBundle(bytes: Uint8Array, ledger?: string, witnesses: Verifier[] = []): Bundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new BadBundle("longer than 16 MiB");
  const members = new Members(document(bytes));
  members.text("format", (text) => text === FORMAT);
  const id = members.text("ledger", isHash);
  if (ledger !== undefined && id !== ledger) throw new BadBundle(`of another ledger, ${id}`);
  const authority = readAuthority(members.list("authority", 1), id);
  const note = readNote(members.text("checkpoint"));
  const set = setAt(authority, claimedSize(note));
  const checkpoint = openCheckpoint(note, ledgerVerifier(authority, claimedSize(note)), [...witnessVerifiers(set), ...witnesses]);
  const record = readEntryOf(members);
  const { entry } = record;
  const { size, root, keys } = checkpoint.checkpoint;
  if (!isIncluded(NATIVE, leafOf(entry), entry.seq, size, root, members.hashes("inclusion"))) {
    throw new BadBundle("the entry is not proved to be in the ledger");
  }
  const introduction = members.inner("introduction");
  const introduced = readRecord(introduction.take("record"), "/introduction/record");
  const isThere = isIncluded(NATIVE, leafOf(introduced.entry), introduced.entry.seq, size, root, introduction.hashes("inclusion"));
  introduction.done();
  const of = members.inner("key");
  const value = of.take("record");
  const key = readKeyRecord(value, "/key/record");
  const steps = readSteps(of.list("path"), "/key/path");
  of.done();
  members.done();
  if (!isThere) throw new BadBundle("the introduction of the key is not proved to be in the ledger");
  const path = hash(DOMAIN.keyPath, entry.header.key);
  if (!isPresent(keys, { path, value }, steps)) throw new BadBundle("the key's record is not proved");
  checkIntroduction(authority, introduced, entry.header.key, key);
  checkKey(entry, key, id);
  const isOfSet = (name: string): boolean => set?.witnesses.some((one) => one.name === name) ?? false;
  const bundle: Bundle = {
    ledger: id,
    entry,
    key,
    checkpoint,
    hasQuorum: set === undefined ? undefined : checkpoint.witnesses.filter(isOfSet).length >= set.quorum,
    isSuspect: key.suspect_from !== undefined && entry.seq >= key.suspect_from,
  };
  return record.payload === undefined ? bundle : { ...bundle, payload: record.payload };
}

function readEntryOf(members: Members): Record {
  const document_: JsonObject = { entry: members.take("entry") };
  for (const name of ["payload", "salt"]) if (members.has(name)) document_[name] = members.take(name);
  const record = readRecord(document_);
  if (!isCommitted(record)) throw new BadBundle("the payload is not the one that was signed");
  return record;
}

export function readKeyRecord(value: Json, at: string): KeyRecord {
  const members = new Members(value, at);
  const record: KeyRecord = { introduced: members.integer("introduced"), org: members.text("org", isName), use: members.text("use", isName) };
  const author = members.optional("author", isAuthor);
  const tenant = members.optional("tenant", isName);
  if (author !== undefined) record.author = author;
  if (tenant !== undefined) record.tenant = tenant;
  if (members.has("until")) record.until = members.integer("until");
  if (members.has("suspect_from")) record.suspect_from = members.integer("suspect_from");
  members.done();
  return record;
}

const POSSESSION = "vaultmesh/key-possession/v1\n";

/** Whether a record is what introduced a key. */
function checkIntroduction(authority: Authority, record: Record, key: Uint8Array, of: KeyRecord): void {
  const { header, seq } = record.entry;
  const payload = record.payload;
  if (payload === undefined || !isCommitted(record)) throw new BadBundle("an introduction without its payload");
  if (of.introduced !== seq) throw new BadBundle("the key was introduced by another entry");
  const isOwn = ["authority", "genesis", "witness-set"].includes(header.kind);
  if (isOwn) {
    // The authority has been checked; it says which keys are the ledger's own.
    const use = authority.introduced.get(toHex(key));
    if (use !== of.use) throw new BadBundle("the key is not one of the ledger's own");
    return;
  }
  if (payload["key"] !== toHex(key)) throw new BadBundle("the introduction is that of another key");
  const members = new Members(payload, "/introduction/record/payload");
  const pop = members.signature("pop");
  if (header.kind === "key") {
    const shown = { author: payload["author"] as Json, key: toHex(key), ledger: authority.ledger, token: payload["token"] as Json };
    const byService = header.via !== undefined && equal(header.key, keyAt(authority, "service", seq));
    if (!byService || !isSigned(header)) throw new BadBundle("the introduction is not signed by the service");
    if (!holds(key, POSSESSION, shown, pop)) throw new BadBundle("the key has not shown that its holder asked for it");
    if (payload["author"] !== of.author || payload["use"] !== of.use) throw new BadBundle("the key was introduced for another author or use");
  } else if (header.kind === "key-rotation") {
    const shown = { author: header.author, key: toHex(key), ledger: authority.ledger, replaces: toHex(header.key) };
    if (payload["replaces"] !== toHex(header.key) || !isSigned(header)) throw new BadBundle("the rotation is not signed by the key it replaces");
    if (!holds(key, POSSESSION, shown, pop)) throw new BadBundle("the key has not shown that its holder asked for it");
    if (header.author !== of.author) throw new BadBundle("the rotation is that of another author");
  } else {
    throw new BadBundle(`an entry of the kind ${header.kind} introduces no key`);
  }
  if (header.org !== of.org || header.tenant !== of.tenant) throw new BadBundle("the key was introduced elsewhere");
}

/** Whether the key was there to sign the entry's event, and did. */
function checkKey(entry: Entry, key: KeyRecord, ledger: string): void {
  const { header, seq } = entry;
  const isGenesis = seq === 0 && key.introduced === 0;
  if (!isGenesis && seq <= key.introduced) throw new BadBundle("the key was introduced later");
  // The event with which a key goes is the last that it signs, at the very entry at which it ends.
  const isLast = seq === key.until && (header.kind === "key-rotation" || header.kind === "authority");
  if (key.until !== undefined && seq >= key.until && !isLast) throw new BadBundle("the key was no longer valid");
  if (header.ledger !== ledger && !(isGenesis && header.kind === "genesis")) throw new BadBundle("the event is for another ledger");
  const isService = key.use === "service";
  if (isService !== (header.via !== undefined)) throw new BadBundle("the key is not for such events");
  if (!isService && !["node", "device"].includes(key.use)) throw new BadBundle("the key is not for events");
  if (!isService && (key.author !== header.author || key.org !== header.org)) throw new BadBundle("the key does not speak for this author");
  if (!isSigned(header)) throw new BadBundle("the event's signature does not hold");
}
