// Ed25519 by the rule of ZIP-215, and what a key is held to when it is introduced (spec/proof.md, section 7).

import { ed25519 } from "@noble/curves/ed25519.js";
import { equal } from "./bytes.js";

/** Whether a signature holds. */
export function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, key, { zip215: true });
  } catch {
    // Points that do not decode, and s that is not below the order.
    return false;
  }
}

export type KeyVerdict = "accepted" | "not a point" | "not canonical" | "weak" | "small-order component";

/** The verdict on a key at its introduction. */
export function introduce(key: Uint8Array): KeyVerdict {
  const point = decode(key);
  if (point === undefined) return "not a point";
  if (!equal(point.toBytes(), key)) return "not canonical";
  if (point.isSmallOrder()) return "weak";
  return point.isTorsionFree() ? "accepted" : "small-order component";
}

function decode(key: Uint8Array): InstanceType<typeof ed25519.Point> | undefined {
  try {
    return ed25519.Point.fromBytes(key, true);
  } catch {
    return undefined;
  }
}
