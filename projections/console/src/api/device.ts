// A key of this browser alone, with which a person signs what they do. It cannot be read out, not even by this page: the
// browser signs with it. It has an author chain like any other author (spec/event.md, section 7).

import type { Json } from "vaultmesh-verify";
import { toHex } from "vaultmesh-verify";
import { eventHash, newEpoch, possession, signed, type Place, type Sign } from "../sign";
import { answer, client, Refused, type Row } from "./client";
import { now } from "./clock";
import { SERVICE } from "../base";
import { credentials } from "./session";

export interface Device {
  ledger: string;
  org: string;
  author: string;
  key: string;
  pair: CryptoKey;
  place: Place;
  /** The event hash of the introduction, where each epoch of the chain starts. */
  introduction: string;
  /** Signed and not answered yet: sent again, byte for byte, before anything else is signed. */
  pending?: { bytes: string; hash: string } | undefined;
}

const [DATABASE, STORE] = ["vaultmesh", "devices"];
const listeners = new Set<() => void>();

export function onDevice(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: ["ledger", "org"] });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser keeps nothing"));
  });
}

async function inStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await opened();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error ?? new Error("the browser keeps nothing"));
    });
  } finally {
    database.close();
  }
}

/** The device key that this browser has for an organisation of a ledger. */
export const device = (ledger: string, org: string): Promise<Device | undefined> => inStore("readonly", (store) => store.get([ledger, org]) as IDBRequest<Device | undefined>);

async function keep(held: Device): Promise<void> {
  await inStore("readwrite", (store) => store.put(held));
  listeners.forEach((listener) => listener());
}

/** Forgets the key; what it signed stays signed. The ledger has it until it is revoked. */
export async function forget(ledger: string, org: string): Promise<void> {
  await inStore("readwrite", (store) => store.delete([ledger, org]));
  listeners.forEach((listener) => listener());
}

const signer = (pair: CryptoKey): Sign => async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", pair, message as BufferSource));

/** Why this browser can have no such key; undefined: it can. */
export const hindrance = (): string | undefined => (typeof crypto.subtle === "undefined" ? "A device key needs https, or this machine itself." : undefined);

/** How long the enrolment token of a device is good for, in seconds: it is used at once. */
const TOKEN_SECS = 60;

/** Makes a key and introduces it to the ledger. */
export async function introduce(ledger: string, org: string): Promise<{ device: Device; seq: number }> {
  const made = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]).catch(() => {
    throw new Error("This browser knows no Ed25519 keys.");
  }) as CryptoKeyPair;
  const key = toHex(new Uint8Array(await crypto.subtle.exportKey("raw", made.publicKey)));
  const author = `user:${crypto.randomUUID()}`;
  const { token: secret, token_id } = await answer(client.POST("/api/orgs/{org}/nodes/enrollment-tokens", { params: { path: { org } }, body: { uses: 1, use: "device", ttl_secs: TOKEN_SECS } }));
  const pop = await possession(signer(made.privateKey), { author, key, ledger, token: token_id });
  const said = await answer(client.POST("/api/nodes/register", { body: { author, key, pop, token: secret, use: "device" } }));
  const { event, seq } = said.introduction.record.entry;
  const introduction = eventHash(event as unknown as { [name: string]: Json });
  const held: Device = { ledger, org, author, key, pair: made.privateKey, introduction, place: { epoch: newEpoch(), prev: introduction, seq: 0 } };
  await keep(held);
  return { device: held, seq };
}

/** Kinds that a person's device may say (spec/event.md, section 9). */
const OWN: ReadonlySet<string> = new Set(["ack", "assign", "incident", "note", "reopen", "resolve", "tag"]);

/** Whether this browser signs a kind itself, where it has a key. */
export const isOwn = (kind: string): boolean => OWN.has(kind);

type Draft = { kind: string; org: string; payload: { [name: string]: Json }; node_id?: string; severity?: string };

/** Says something: signed by the device key of this browser if it has one and may, else by the service. */
export async function say(ledger: string, draft: Draft): Promise<Row<"Receipt">> {
  if (isOwn(draft.kind) && (await device(ledger, draft.org).catch(() => undefined)) !== undefined) return navigator.locks.request(`device ${ledger} ${draft.org}`, () => sayOwn(ledger, draft));
  return (await answer(client.POST("/api/events", { body: draft as unknown as Row<"Draft"> }))) as Row<"Receipt">;
}

async function sayOwn(ledger: string, draft: Draft): Promise<Row<"Receipt">> {
  let held = await device(ledger, draft.org);
  if (held === undefined) throw new Error("The device key is gone.");
  if (held.pending !== undefined) held = (await delivered(held, held.pending)).held;
  const { org, ...said } = draft;
  const event = await signed(signer(held.pair), held.place, { ...said, org, author: held.author, key: held.key, ledger }, now());
  held = { ...held, pending: event };
  await keep(held);
  const { receipt, refused } = await delivered(held, event);
  if (receipt === undefined) throw refused;
  return receipt;
}

/** Sends what is signed, and goes on in the chain by what the ledger says of it. */
async function delivered(held: Device, event: { bytes: string; hash: string }): Promise<{ held: Device; receipt?: Row<"Receipt">; refused?: Error }> {
  const response = await fetch(`${SERVICE}/api/events`, {
    method: "POST", body: event.bytes, headers: { "Content-Type": "application/json", ...credentials() },
  }).catch(() => {
    throw new Refused(0, "unreachable", "The service does not answer. What is signed is kept, and sent before the next act.");
  });
  const body = (await response.json()) as Row<"Receipt"> | Row<"Problem">;
  const next: Place = { ...held.place, prev: event.hash, seq: held.place.seq + 1 };
  if (response.ok) {
    const moved = { ...held, place: next, pending: undefined };
    await keep(moved);
    return { held: moved, receipt: body as Row<"Receipt"> };
  }
  const problem = body as Row<"Problem">;
  const refused = new Refused(response.status, problem.code, problem.detail);
  // Not now: the same bytes are sent again.
  if (response.status === 429 || response.status >= 500) throw refused;
  const place = problem.recorded === true ? next : (problem.expected ?? held.place);
  const moved = { ...held, place, pending: undefined };
  await keep(moved);
  return { held: moved, refused };
}
