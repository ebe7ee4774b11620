// What this browser has seen of the ledger: the largest checkpoint, kept from one visit to the next. Each new one must
// extend it, which the page checks itself. A ledger that cannot prove that has been rewritten, rolled back or forked.

import { fromHex, isExtended, NATIVE, openCheckpoint, readVkey, CHECKPOINT } from "vaultmesh-verify";
import { answer, client, fetchBytes } from "./client";

const KEY = "vaultmesh.seen";

export interface Seen {
  ledger: string;
  vkey: string;
  note: string;
  /** The first checkpoint that this browser saw of it. */
  first?: { size: number; time: number };
}

export type Trust =
  | { state: "checking" }
  | { state: "first"; size: number; time: number }
  | { state: "extends"; size: number; time: number; since: number }
  | { state: "contradicts"; problem: string };

export function seen(): Seen | undefined {
  const text = localStorage.getItem(KEY);
  return text === null ? undefined : (JSON.parse(text) as Seen);
}

/** How large the ledger was when this browser saw it first, and when that was, in seconds since 1970. */
export const firstSeen = (): { size: number; time: number } | undefined => seen()?.first;

/** Forgets what was seen: only for a person who knows why the ledger is another one now. */
export const forget = (): void => localStorage.removeItem(KEY);

/** Asks for the newest checkpoint, and whether it extends the one seen before. */
export async function check(): Promise<Trust> {
  const said = await answer(client.GET("/api/ledger"));
  const note = new TextDecoder().decode(await fetchBytes("/api/ledger/checkpoint"));
  const before = seen();
  // The key may be replaced, by records that follow from the ledger's id; the id itself never changes.
  const opened = openCheckpoint(note, readVkey(said.log_vkey, CHECKPOINT));
  const { size, root } = opened.checkpoint;
  const first = before?.first ?? { size, time: opened.time };
  const keep = (): void => localStorage.setItem(KEY, JSON.stringify({ ledger: said.ledger, vkey: said.log_vkey, note, first } satisfies Seen));
  if (before === undefined) {
    keep();
    return { state: "first", size, time: opened.time };
  }
  if (before.ledger !== said.ledger) return { state: "contradicts", problem: "This is another ledger than the one this browser knows." };
  const old = openCheckpoint(before.note, readVkey(before.vkey, CHECKPOINT)).checkpoint;
  if (size < old.size) {
    return { state: "contradicts", problem: `The ledger has ${size} entries, and this browser has seen a signed checkpoint of ${old.size}.` };
  }
  const proof = size === old.size ? [] : await consistency(old.size, size);
  if (!isExtended(NATIVE, old.size, old.root, size, root, proof)) {
    return { state: "contradicts", problem: `The ledger at ${size} entries does not extend what this browser saw at ${old.size}.` };
  }
  keep();
  return { state: "extends", size, time: opened.time, since: old.size };
}

async function consistency(from: number, to: number): Promise<Uint8Array[]> {
  const { proof } = await answer(client.GET("/api/ledger/proof/consistency", { params: { query: { old: from, new: to } } }));
  return proof.map((hash) => fromHex(hash) ?? new Uint8Array());
}
