import { expect, test } from "vitest";
import { toHex } from "vaultmesh-verify";
import { eventHash as hashOf, isSigned, readEvent } from "../../../proofs/vaultmesh-verify/src/event";
import { eventHash, newEpoch, signed, uuid7 } from "../src/sign";

const MILLIS = Date.parse("2026-11-30T20:00:00.123Z");

test("what a device signs is an event, by the verifier's own reading", async () => {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const key = toHex(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  const sign = async (message: Uint8Array): Promise<Uint8Array> => new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message as BufferSource));
  const said = { author: "user:550e8400-e29b-41d4-a716-446655440000", key, ledger: "1".repeat(64), org: "acme", kind: "ack", payload: { target: "2".repeat(64), text: "Zürich 🏔" } };
  const { bytes, hash } = await signed(sign, { epoch: newEpoch(), prev: "3".repeat(64), seq: 7 }, said, MILLIS);
  const event = readEvent(new TextEncoder().encode(bytes));
  expect(isSigned(event.header)).toBe(true);
  expect(toHex(hashOf(event.header))).toBe(hash);
  expect(event.payload).toEqual(said.payload);
  expect(event.header.chain?.seq).toBe(7);
  const { payload: _payload, salt: _salt, ...header } = JSON.parse(bytes) as { [name: string]: never };
  expect(eventHash(header)).toBe(hash);
});

test("ids of version 7 begin with the time", () => {
  const id = uuid7(MILLIS);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(MILLIS);
});
