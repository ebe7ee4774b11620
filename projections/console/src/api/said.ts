// What the ledger recorded of an act whose answer names no entry.

import { answer, client } from "./client";

/** The newest entry of a kind in an organisation: that of the act that was just answered. */
export async function recorded(org: string, kind: string): Promise<number | undefined> {
  const found = answer(client.GET("/api/events", { params: { query: { kind, org, limit: 1, order: "desc" } } }));
  // The act itself was answered: where its entry cannot be read, it is done all the same.
  return found.then(({ items }) => items[0]?.seq, () => undefined);
}
