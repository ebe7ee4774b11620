// Hashes (spec/event.md, section 3): BLAKE3 with one byte in front that says what is hashed.

import { blake3 } from "@noble/hashes/blake3.js";
import { concat, toHex } from "./bytes.js";

export const DOMAIN = {
  leaf: 0x00,
  node: 0x01,
  payload: 0x02,
  event: 0x03,
  group: 0x04,
  keyPath: 0x10,
  lanePath: 0x11,
  mapLeaf: 0x12,
  mapNode: 0x13,
  tail: 0x15,
  part: 0x16,
  identity: 0x18,
  segment: 0x28,
  packedPart: 0x29,
  sumLeaf: 0x32,
  sumNode: 0x33,
} as const;

export type Domain = (typeof DOMAIN)[keyof typeof DOMAIN];

/** The hash of parts under a domain. */
export const hash = (domain: Domain, ...parts: Uint8Array[]): Uint8Array => blake3(concat(Uint8Array.of(domain), ...parts));

export const hashHex = (domain: Domain, ...parts: Uint8Array[]): string => toHex(hash(domain, ...parts));

/** "There is none". */
export const NONE = "0".repeat(64);
