import { expect, test } from "vitest";
import type { Row } from "../src/api/client";
import { about, member, patched } from "../src/api/fleet";
import { ahead, heard } from "../src/api/clock";
import { difference, moved } from "../src/shell/past";

const node = (id: string, band: Row<"Band">, more: Partial<Row<"Node">> = {}): Row<"Node"> => ({ node_id: id, org: "acme", band, score: 0, silence: "live", reasons: [], ...more }) as Row<"Node">;

test("of a node only what lists show is kept", () => {
  const reasons = Array.from({ length: 6 }, (_, n) => ({ reason: `r${n}`, phase: "firing", since: "", weight: 1 })) as unknown as Row<"AttentionReason">[];
  const row = member(node("550e8400-e29b-41d4-a716-446655440000", "ATTN", { reasons, more_reasons: 2, labels: { env: "prod" } }));
  expect([row.name, row.reasons.length, row.more, row.enrolled]).toEqual(["550e8400", 4, 4, false]);
  expect(row.text).toContain("env=prod");
});

test("a list takes up what changed, and who is new in its organisation", () => {
  const fleet = { rows: [member(node("a", "OK")), member(node("b", "OK"))], partial: false };
  const fresh = new Map([["b", member(node("b", "CRIT"))], ["c", member(node("c", "OK"))], ["d", member(node("d", "OK", { org: "other" }))]]);
  expect(patched(fleet, fresh, "acme").rows.map(({ id, band }) => `${id} ${band}`)).toEqual(["a OK", "b CRIT", "c OK"]);
  expect(patched(fleet, fresh, undefined).rows).toHaveLength(4);
});

test("what an entry is about", () => {
  const entry = (event: object, payload: object = {}) => ({ seq: 1, recorded_at: "", event, payload }) as never;
  expect(about(entry({ kind: "heartbeat", author: "node:x" }))).toBe("x");
  expect(about(entry({ kind: "attention", author: "service:attention", node_id: "y" }))).toBe("y");
  expect(about(entry({ kind: "key", author: "service:ingest" }, { author: "node:z" }))).toBe("z");
  expect(about(entry({ kind: "token", author: "service:admin" }))).toBeUndefined();
});

test("what changed since", () => {
  const [then, now] = [[node("a", "OK"), node("b", "OK")], [node("b", "CRIT"), node("c", "OK")]].map((rows) => rows.map(member));
  expect(difference(then ?? [], now ?? [])).toEqual({ came: 1, went: 1, changed: 1 });
  expect([moved("7", -1), moved("0", -1), moved("2026-11-30T20:00:00.000Z", 1)]).toEqual(["6", "0", "2026-11-30T20:10:00.000Z"]);
});

test("a clock that is off is noticed, latency is not", () => {
  heard(new Date(Date.now() - 1_500).toUTCString());
  expect(ahead()).toBe(0);
  heard(new Date(Date.now() - 180_000).toUTCString());
  expect(Math.round(ahead() / 60_000)).toBe(3);
  heard(null);
  heard("yesterday");
  heard(new Date().toUTCString());
  expect(ahead()).toBe(0);
});
