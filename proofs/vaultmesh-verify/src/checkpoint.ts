// Checkpoints and cosignatures (spec/proof.md, sections 9 and 10).

import { concat, fromBase64, utf8 } from "./bytes.js";
import { MAX_INTEGER } from "./canonical.js";
import { BadNote, linesOf, readNote, type Line, type Note, type Verifier } from "./note.js";
import { verify } from "./signature.js";

const type = (name: string): Uint8Array => concat(Uint8Array.of(0xff), utf8(name));
export const CHECKPOINT = type("vaultmesh/blake3-checkpoint@v1");
export const COSIGNATURE = type("vaultmesh/blake3-cosignature@v1");

export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
  keys: Uint8Array;
  lanes: Uint8Array;
  sha256: Uint8Array;
}

export interface Witnessed {
  checkpoint: Checkpoint;
  text: string;
  /** When the ledger signed it, in seconds since 1970. */
  time: number;
  /** Names of the witnesses whose lines hold. */
  witnesses: string[];
}

/** Reads the six lines of a checkpoint. */
export function readCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin, size, root, keys, lanes, standard, end] = lines;
  if (lines.length !== 7 || end !== "" || origin === undefined || size === undefined) {
    throw new BadNote("a checkpoint has six lines");
  }
  if (!/^(?:0|[1-9][0-9]*)$/.test(size) || Number(size) > MAX_INTEGER) throw new BadNote(`a size of ${size}`);
  return {
    origin,
    size: Number(size),
    root: hashOf(root, ""),
    keys: hashOf(keys, "keys "),
    lanes: hashOf(lanes, "lanes "),
    sha256: hashOf(standard, "sha256 "),
  };
}

function hashOf(line: string | undefined, before: string): Uint8Array {
  const bytes = line?.startsWith(before) ? fromBase64(line.slice(before.length)) : undefined;
  if (bytes?.length !== 32) throw new BadNote(`a line that is not ${before}and a hash`);
  return bytes;
}

/** The size that a checkpoint names, before anybody has checked it: it decides which key must have signed it. */
export const claimedSize = (note: Note): number => readCheckpoint(note.text).size;

/** Checks a checkpoint under the ledger's key and the keys of witnesses; every line must be of one of them and hold. */
export function openCheckpoint(input: Uint8Array | string | Note, ledger: Verifier, witnesses: Verifier[] = []): Witnessed {
  const note = typeof input === "string" || input instanceof Uint8Array ? readNote(input) : input;
  const checkpoint = readCheckpoint(note.text);
  if (checkpoint.origin !== ledger.name) throw new BadNote(`a checkpoint of ${checkpoint.origin}`);
  const names = note.lines.map((line) => line.name);
  if (new Set(names).size !== names.length) throw new BadNote("two lines of one name");
  const [line] = linesOf(note, ledger);
  if (line === undefined) throw new BadNote("no line of the ledger");
  const time = timeOf(line, ledger.key, "vaultmesh/checkpoint/v1\n", note.text);
  const held: string[] = [];
  for (const other of note.lines) {
    if (other === line) continue;
    const witness = witnesses.find((one) => linesOf(note, one).includes(other));
    if (witness === undefined) throw new BadNote(`a line of an unknown signer, ${other.name}`);
    timeOf(other, witness.key, `vaultmesh/cosignature/v1\nname ${witness.name}\n`, note.text);
    held.push(witness.name);
  }
  return { checkpoint, text: note.text, time, witnesses: held };
}

/** The time of a line, whose signature must hold. */
function timeOf(line: Line, key: Uint8Array, before: string, text: string): number {
  if (line.body.length !== 72) throw new BadNote(`the line of ${line.name} has another length`);
  const time = new DataView(line.body.buffer, line.body.byteOffset).getBigUint64(0);
  const message = utf8(`${before}time ${time}\n${text}`);
  if (time > BigInt(MAX_INTEGER) || !verify(key, message, line.body.slice(8))) {
    throw new BadNote(`the line of ${line.name} does not hold`);
  }
  return Number(time);
}
