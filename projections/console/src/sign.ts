// An event in the author chain of a device (spec/event.md, sections 4, 5 and 7), signed by whoever holds the key.

import { blake3 } from "@noble/hashes/blake3.js";
import { toHex, write, type Json } from "vaultmesh-verify";

export type Sign = (message: Uint8Array) => Promise<Uint8Array>;

export interface Place {
  epoch: string;
  prev: string;
  seq: number;
}

export interface Said {
  author: string;
  key: string;
  ledger: string;
  org: string;
  kind: string;
  payload: { [name: string]: Json };
  node_id?: string;
  severity?: string;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

export const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const unbase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** A name for a run of the chain. */
export const newEpoch = (): string => toHex(random(16));

/** A UUID of version 7 (RFC 9562) of a moment. */
export function uuid7(millis: number): string {
  const bytes = random(16);
  for (let n = 0; n < 6; n++) bytes[n] = Math.floor(millis / 2 ** (8 * (5 - n))) % 256;
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The hash by which an event is referred to: `BLAKE3(03 ‖ J(header) ‖ signature)`. */
export function eventHash(header: { [name: string]: Json }): string {
  const { sig, ...signed } = header;
  return toHex(blake3(joined(Uint8Array.of(3), utf8(write(signed)), unbase64(String(sig)))));
}

/** What proves that a key is held by whoever wants to introduce it, over an enrolment token's hash. */
export async function possession(sign: Sign, of: { author: string; key: string; ledger: string; token: string }): Promise<string> {
  return base64(await sign(utf8(`vaultmesh/key-possession/v1\n${write({ ...of })}`)));
}

/** The event as its canonical bytes, and its hash, which the next one of the chain names. */
export async function signed(sign: Sign, place: Place, said: Said, millis: number): Promise<{ bytes: string; hash: string }> {
  const { payload, ...rest } = said;
  const salt = random(32);
  const header: { [name: string]: Json } = {
    ...rest,
    chain: { ...place },
    format: "vm-event-envelope-v1",
    id: uuid7(millis),
    payload_hash: toHex(blake3(joined(Uint8Array.of(2), salt, utf8(write(payload))))),
    schema: { envelope: 1, payload: 1 },
    ts: new Date(millis).toISOString(),
  };
  const sig = base64(await sign(utf8(`vaultmesh/event/v1\n${write(header)}`)));
  return { bytes: write({ ...header, payload, salt: toHex(salt), sig }), hash: eventHash({ ...header, sig }) };
}
