// Signed notes (spec/proof.md, section 8) in the form of C2SP signed-note, and verifier keys.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal, fromBase64, fromHex, toHex, utf8 } from "./bytes.js";
import { invalidUtf8 } from "./canonical.js";

export const MAX_NOTE_BYTES = 65_536;
export const MAX_NOTE_LINES = 16;

/** Why a note or a verifier key is refused. */
export class BadNote extends Error {
  override readonly name = "BadNote";
}

export interface Line {
  name: string;
  keyId: Uint8Array;
  body: Uint8Array;
}

export interface Note {
  /** With its final LF. */
  text: string;
  lines: Line[];
}

/** A key under a name, for signatures of one type. */
export interface Verifier {
  name: string;
  type: Uint8Array;
  key: Uint8Array;
}

// No plus sign, no white space of Unicode, no control character.
const isName = (text: string): boolean => text.length > 0 && !/[+\s\u0085\p{Cc}]/u.test(text);

/** First four bytes of SHA-256(name ‖ 0A ‖ type ‖ key). */
export const keyId = (of: Verifier): Uint8Array => sha256(concat(utf8(of.name), utf8("\n"), of.type, of.key)).slice(0, 4);

/** Reads a note; every other form than the one of the specification is refused. */
export function readNote(input: Uint8Array | string): Note {
  const bytes = typeof input === "string" ? utf8(input) : input;
  if (bytes.length > MAX_NOTE_BYTES) throw new BadNote(`longer than ${MAX_NOTE_BYTES} bytes`);
  if (invalidUtf8(bytes) !== undefined) throw new BadNote("not UTF-8");
  const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(whole)) throw new BadNote("a control character");
  const gap = whole.lastIndexOf("\n\n");
  if (gap < 0 || !whole.endsWith("\n")) throw new BadNote("no empty line between text and signatures");
  const lines = whole.slice(gap + 2, -1).split("\n");
  if (lines.length > MAX_NOTE_LINES) throw new BadNote(`more than ${MAX_NOTE_LINES} lines`);
  return { text: whole.slice(0, gap + 1), lines: lines.map(readLine) };
}

function readLine(line: string): Line {
  const parts = line.split(" ");
  const [dash, name, base64] = parts;
  if (parts.length !== 3 || dash !== "—" || name === undefined || !isName(name)) throw new BadNote("no signature line");
  const bytes = fromBase64(base64 as string);
  if (bytes === undefined || bytes.length < 5) throw new BadNote("a signature line without a signature");
  return { name, keyId: bytes.slice(0, 4), body: bytes.slice(4) };
}

/** The lines of a note that are by a verifier's name and key id. */
export const linesOf = (note: Note, by: Verifier): Line[] =>
  note.lines.filter((line) => line.name === by.name && equal(line.keyId, keyId(by)));

/** Reads `<name>+<key id>+<base64(type ‖ key)>`; `type` is what it must be. */
export function readVkey(text: string, type: Uint8Array): Verifier {
  const [name, id, base64, ...rest] = text.split("+");
  // Base64 has plus signs of its own.
  const bytes = base64 === undefined ? undefined : fromBase64([base64, ...rest].join("+"));
  const given = id === undefined ? undefined : fromHex(id);
  if (name === undefined || !isName(name) || given?.length !== 4 || bytes === undefined || bytes.length !== type.length + 32) {
    throw new BadNote("no verifier key");
  }
  const verifier = { name, type: bytes.slice(0, type.length), key: bytes.slice(type.length) };
  if (!equal(verifier.type, type)) throw new BadNote(`a verifier key of the type ${toHex(verifier.type)}`);
  if (!equal(keyId(verifier), given)) throw new BadNote("a verifier key with the id of another");
  return verifier;
}
