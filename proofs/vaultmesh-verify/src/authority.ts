// The authority (spec/proof.md, section 11; spec/event.md, kinds genesis, authority and witness-set): the records from
// which follows, for whoever knows the ledger id, which key had to sign which checkpoint, and who witnesses.

import { concat, equal, fromBase64, toHex, utf8 } from "./bytes.js";
import { bytesOf, type Json, type JsonObject } from "./canonical.js";
import { CHECKPOINT, COSIGNATURE } from "./checkpoint.js";
import { isCommitted, leafOf, readRecord, type Record } from "./entry.js";
import { isSigned } from "./event.js";
import { BadForm, isName, isSignature, Members } from "./form.js";
import { NONE } from "./hash.js";
import type { Verifier } from "./note.js";
import { introduce, verify } from "./signature.js";

/** Why an authority is refused. */
export class BadAuthority extends Error {
  override readonly name = "BadAuthority";
}

export type Use = "checkpoint" | "checkpoint-sha256" | "service" | "command";
const USES: readonly Use[] = ["checkpoint", "checkpoint-sha256", "service", "command"];

interface Reign {
  /** Number of the entry from which on the key is there. */
  from: number;
  key: Uint8Array;
}

export interface Witness {
  name: string;
  key: Uint8Array;
  outside: boolean;
}

export interface WitnessSet {
  /** Number of the entry that names it. */
  at: number;
  quorum: number;
  witnesses: Witness[];
}

export interface Authority {
  ledger: string;
  origin: string;
  admission: number;
  keys: { [use in Use]: Reign[] };
  recovery: { keys: Uint8Array[]; threshold: number };
  sets: WitnessSet[];
  /** Keys of the ledger itself by hexadecimal text, with the use each is for. */
  introduced: Map<string, Use | "recovery">;
}

const LINE = {
  clock: "vaultmesh/clock/v1\n",
  possession: "vaultmesh/key-possession/v1\n",
  recovery: "vaultmesh/recovery/v1\n",
  set: "vaultmesh/witness-set/v1\n",
};

const over = (line: string, document: Json): Uint8Array => concat(utf8(line), bytesOf(document));

/** Whether a key signed `J(document)` under a line that names the purpose. */
export const holds = (key: Uint8Array, line: string, document: Json, sig: Uint8Array): boolean => verify(key, over(line, document), sig);

/** The key of a use that is current after the entries before `size`. */
export function keyAt(authority: Authority, use: Use, size: number): Uint8Array {
  const reign = authority.keys[use].filter((one) => one.from < size || one.from === 0).at(-1);
  return (reign as Reign).key;
}

/** The ledger's verifier for checkpoints of a size. */
export const ledgerVerifier = (authority: Authority, size: number): Verifier => ({
  name: authority.origin,
  type: CHECKPOINT,
  key: keyAt(authority, "checkpoint", size),
});

/** The witness set in force for checkpoints of a size. */
export const setAt = (authority: Authority, size: number): WitnessSet | undefined =>
  authority.sets.filter((set) => set.at < size).at(-1);

export const witnessVerifiers = (set: WitnessSet | undefined): Verifier[] =>
  (set?.witnesses ?? []).map(({ name, key }) => ({ name, type: COSIGNATURE, key }));

/** Checks the records of an authority in their order, and that the first is the ledger's. */
export function readAuthority(records: Json[], ledger: string): Authority {
  const [first, ...rest] = records;
  if (first === undefined) throw new BadAuthority("no records");
  const genesis = readRecord(first, "/authority/0");
  const authority = begin(genesis, ledger);
  let last = genesis;
  for (const [n, document] of rest.entries()) {
    const record = readRecord(document, `/authority/${n + 1}`);
    follow(authority, last, record);
    last = record;
  }
  return authority;
}

function payloadOf(record: Record): JsonObject {
  if (record.payload === undefined) throw new BadAuthority("a record without its payload");
  if (!isCommitted(record)) throw new BadAuthority("a record whose payload is another than was signed");
  return record.payload;
}

/** The authority that entry 0 begins. */
export function begin(genesis: Record, ledger: string): Authority {
  const { header } = genesis.entry;
  const payload = payloadOf(genesis);
  const isGenesis = header.kind === "genesis" && header.author === "service:ledger" && header.org === "ledger" &&
    header.via?.method === "self" && header.ledger === NONE && genesis.entry.seq === 0;
  if (!isGenesis) throw new BadAuthority("the first record is no genesis");
  if (toHex(leafOf(genesis.entry)) !== ledger) throw new BadAuthority("the genesis of another ledger");
  const members = new Members(payload, "/payload");
  const inner = members.inner("keys");
  const key = (use: Use): Uint8Array => inner.bytes(use);
  const keys = { checkpoint: key("checkpoint"), "checkpoint-sha256": key("checkpoint-sha256"), service: key("service"), command: key("command") };
  const recovery = inner.inner("recovery");
  const recoveryKeys = recovery.hashes("keys");
  const threshold = recovery.integer("threshold", 1, recoveryKeys.length);
  if (recoveryKeys.length > 16) throw new BadAuthority("more than 16 recovery keys");
  recovery.done();
  inner.done();
  const introduced = new Map<string, Use | "recovery">();
  for (const use of USES) introduced.set(toHex(keys[use]), use);
  for (const one of recoveryKeys) introduced.set(toHex(one), "recovery");
  if (introduced.size !== USES.length + recoveryKeys.length) throw new BadAuthority("one key for two uses");
  const { pop: _pop, ...shown } = payload;
  const shownBy = readSignatures(members.list("pop"), "/payload/pop");
  const isShown = shownBy.length === introduced.size &&
    shownBy.every(({ key: one, sig }) => introduced.has(toHex(one)) && holds(one, LINE.possession, shown, sig));
  if (!isShown) throw new BadAuthority("a key of genesis without its proof of possession");
  if (!equal(header.key, keys.service) || !isSigned(header)) throw new BadAuthority("genesis is not signed by its service key");
  const reigns = Object.fromEntries(USES.map((use) => [use, [{ from: 0, key: keys[use] }]])) as Authority["keys"];
  return {
    ledger,
    origin: `${members.text("name", isName)}/${ledger}/blake3`,
    admission: members.integer("admission"),
    keys: reigns,
    recovery: { keys: recoveryKeys, threshold },
    sets: [],
    introduced,
  };
}

interface Signed {
  key: Uint8Array;
  sig: Uint8Array;
}

/** `[{"key":…,"sig":…}]`, sorted by key, each key once. */
function readSignatures(list: Json[], at: string): Signed[] {
  let before = "";
  return list.map((item, n) => {
    const members = new Members(item, `${at}/${n}`);
    const text = members.text("key");
    if (text <= before) throw new BadForm(`${at}/${n}/key`, "keys are sorted, each once");
    before = text;
    const signed = { key: members.bytes("key"), sig: fromBase64(members.text("sig", isSignature)) as Uint8Array };
    members.done();
    return signed;
  });
}

/** Takes in the next record after `last`. */
export function follow(authority: Authority, last: Record, record: Record): void {
  const { entry } = record;
  if (entry.seq <= last.entry.seq) throw new BadAuthority("records out of order");
  if (entry.header.ledger !== authority.ledger) throw new BadAuthority("a record of another ledger");
  if (!equal(entry.header.key, keyAt(authority, "service", entry.seq)) || !isSigned(entry.header)) {
    throw new BadAuthority(`record ${entry.seq} is not signed by the service key`);
  }
  const payload = payloadOf(record);
  if (payload["prev_change"] !== toHex(leafOf(last.entry))) {
    throw new BadAuthority(`record ${entry.seq} does not follow the one before`);
  }
  switch (entry.header.kind) {
    case "authority": return change(authority, entry.seq, payload);
    case "witness-set": return nameWitnesses(authority, entry.seq, payload);
    default: throw new BadAuthority(`a record of the kind ${entry.header.kind}`);
  }
}

/** How many of these keys signed; every signature that is there must be of one of them and hold. */
function signers(list: Signed[], keys: Uint8Array[], line: string, document: Json): number {
  const isOf = (key: Uint8Array): boolean => keys.some((one) => equal(one, key));
  if (!list.every(({ key, sig }) => isOf(key) && holds(key, line, document, sig))) return 0;
  return list.length;
}

function change(authority: Authority, seq: number, payload: JsonObject): void {
  const { ledger } = authority;
  const members = new Members(payload, "/payload");
  const said = members.inner("change");
  const use = said.text("use", (text) => (USES as readonly string[]).includes(text)) as Use;
  const [fresh, old, pop] = [said.bytes("new"), said.bytes("old"), said.signature("pop")];
  said.done();
  const document = { change: payload["change"] as Json, ledger, prev_change: payload["prev_change"] as Json };
  const count = signers(readSignatures(members.list("signatures"), "/payload/signatures"), authority.recovery.keys, LINE.recovery, document);
  if (count < authority.recovery.threshold) throw new BadAuthority(`record ${seq} lacks signatures of recovery keys`);
  if (!equal(old, keyAt(authority, use, seq + 1))) throw new BadAuthority(`record ${seq} replaces a key that is not current`);
  if (authority.introduced.has(toHex(fresh)) || introduce(fresh) !== "accepted") throw new BadAuthority(`record ${seq} brings a key that cannot be taken`);
  if (!holds(fresh, LINE.possession, { key: toHex(fresh), ledger, use }, pop)) {
    throw new BadAuthority(`record ${seq} brings a key without its proof of possession`);
  }
  authority.introduced.set(toHex(fresh), use);
  authority.keys[use].push({ from: seq, key: fresh });
}

/** Whether as many recovery keys as it takes set the clock back as a payload says; other signatures do not matter. */
export function setsClock({ ledger, recovery }: Authority, payload: JsonObject): boolean {
  const { signatures, ...said } = payload;
  const ours = readSignatures(signatures as Json[], "/payload/signatures").filter(({ key }) => recovery.keys.some((one) => equal(one, key)));
  const held = ours.filter(({ key, sig }) => holds(key, LINE.clock, { ...said, ledger }, sig));
  return held.length >= recovery.threshold;
}

function nameWitnesses(authority: Authority, seq: number, payload: JsonObject): void {
  const { ledger, recovery } = authority;
  const members = new Members(payload, "/payload");
  const said = members.inner("set");
  const witnesses = said.list("witnesses", 1, 15).map((item, n): Witness => {
    const one = new Members(item, `/payload/set/witnesses/${n}`);
    const witness = { name: one.text("name", isName), key: one.bytes("key"), outside: one.boolean("outside") };
    const shown = { key: toHex(witness.key), ledger, name: witness.name, use: "witness" };
    if (!holds(witness.key, LINE.possession, shown, one.signature("pop"))) {
      throw new BadAuthority(`record ${seq} names a witness without proof of possession`);
    }
    one.done();
    return witness;
  });
  const quorum = said.integer("quorum", Math.floor((2 * witnesses.length) / 3) + 1, witnesses.length);
  said.done();
  const names = witnesses.map((one) => one.name);
  const isSorted = names.every((name, n) => n === 0 || (names[n - 1] as string) < name);
  const keys = new Set(witnesses.map((one) => toHex(one.key)));
  if (!isSorted || keys.size !== witnesses.length || !witnesses.some((one) => one.outside)) {
    throw new BadAuthority(`record ${seq} names witnesses in another form`);
  }
  const document = { ledger, prev_change: payload["prev_change"] as Json, set: payload["set"] as Json };
  const signed = readSignatures(members.list("signatures", 1, 16), "/payload/signatures");
  const before = authority.sets.at(-1);
  const byRecovery = signers(signed, recovery.keys, LINE.set, document) >= recovery.threshold;
  const byQuorum = before !== undefined &&
    signers(signed, before.witnesses.map((one) => one.key), LINE.set, document) >= before.quorum;
  if (!byRecovery && !byQuorum) throw new BadAuthority(`record ${seq} names witnesses without the signatures it needs`);
  authority.sets.push({ at: seq, quorum, witnesses });
}
