// `PROOFCHAIN.json` (spec/proof.md, section 11): seals, each with the proof that it extends the one before.

import { toHex } from "./bytes.js";
import { parse, type Json } from "./canonical.js";
import { ledgerVerifier, readAuthority, type Authority } from "./authority.js";
import { claimedSize, openCheckpoint, type Witnessed } from "./checkpoint.js";
import { isHash, Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";
import { readNote } from "./note.js";
import { isExtended, isIncluded, NATIVE } from "./tree.js";

export const FORMAT = "vaultmesh-proofchain-v1";
export const MAX_ROWS = 256;

/** Why a proof chain is refused. */
export class BadProofChain extends Error {
  override readonly name = "BadProofChain";
}

export interface Row {
  index: number;
  seq: number;
  leaf: Uint8Array;
  checkpoint: Witnessed;
}

export interface ProofChain {
  authority: Authority;
  rows: Row[];
}

/** Bytes of one line and its LF. */
export function document(bytes: Uint8Array): Json {
  if (bytes.at(-1) !== 0x0a) throw new BadProofChain("no LF at the end");
  return parse(bytes.subarray(0, -1));
}

/** Lines that each end in LF, without it. */
export function lines(bytes: Uint8Array): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(0x0a, from);
    if (to < 0) throw new BadProofChain("no LF at the end");
    all.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return all;
}

/** Checks a proof chain of a ledger; `part` gives the bytes of a part by its name. */
export function readProofChain(bytes: Uint8Array, ledger: string | undefined, part: (name: string) => Uint8Array): ProofChain {
  const members = new Members(document(bytes));
  members.text("format", (text) => text === FORMAT);
  const id = members.text("ledger", isHash);
  if (ledger !== undefined && id !== ledger) throw new BadProofChain(`of another ledger, ${id}`);
  const authority = readAuthority(members.list("authority", 1), id);
  if (members.text("origin") !== authority.origin) throw new BadProofChain("another origin");
  const chain: ProofChain = { authority, rows: [] };
  for (const item of members.list("parts")) {
    const described = new Members(item, "/parts");
    const [name, first, last] = [described.text("file"), described.integer("first"), described.integer("last")];
    const digest = described.text("hash", isHash);
    described.done();
    if (name !== `proofchain/${first}.jsonl` || first !== chain.rows.length) throw new BadProofChain(`part ${name} is not the next one`);
    const content = part(name);
    if (toHex(hash(DOMAIN.part, content)) !== digest) throw new BadProofChain(`${name} is not the part that was named`);
    for (const line of lines(content)) addRow(chain, parse(line));
    if (chain.rows.length !== last + 1) throw new BadProofChain(`${name} has other rows than it says`);
  }
  for (const item of members.list("seals", 0, MAX_ROWS)) addRow(chain, item);
  members.done();
  return chain;
}

function addRow(chain: ProofChain, item: Json): void {
  const index = chain.rows.length;
  const members = new Members(item, `/seals/${index}`);
  const named = members.integer("index");
  const [seq, leaf] = [members.integer("seq"), members.bytes("leaf")];
  const [inclusion, consistency] = [members.hashes("inclusion"), members.hashes("consistency")];
  const note = readNote(members.text("checkpoint"));
  members.done();
  if (named !== index) throw new BadProofChain(`row ${named} where row ${index} belongs`);
  if (note.lines.length !== 1) throw new BadProofChain(`row ${index}: a checkpoint with more than the ledger's line`);
  const checkpoint = openCheckpoint(note, ledgerVerifier(chain.authority, claimedSize(note)));
  const { size, root } = checkpoint.checkpoint;
  if (size !== seq + 1) throw new BadProofChain(`row ${index}: a checkpoint of another size`);
  if (!isIncluded(NATIVE, leaf, seq, size, root, inclusion)) throw new BadProofChain(`row ${index}: the seal is not proved`);
  const before = chain.rows.at(-1)?.checkpoint.checkpoint;
  if (before === undefined) {
    if (consistency.length > 0) throw new BadProofChain("row 0 extends nothing");
  } else if (size <= before.size || !isExtended(NATIVE, before.size, before.root, size, root, consistency)) {
    throw new BadProofChain(`row ${index} does not extend the one before`);
  }
  chain.rows.push({ index, seq, leaf, checkpoint });
}
