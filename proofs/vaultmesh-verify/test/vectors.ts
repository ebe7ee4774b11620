// The vectors of the specification.

import { readFileSync } from "node:fs";
import { fromHex } from "../src/bytes.js";

/** A file of `spec/vectors/`. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../../spec/vectors/${name}`, import.meta.url), "utf8")) as T;
}

export function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`no hexadecimal: ${text}`);
  return bytes;
}
