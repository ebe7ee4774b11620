import { expect, test } from "vitest";
import { stacks, total } from "../src/series";
import { inTurn } from "../src/many";
import { pairs } from "../src/ui/form";
import { flags, quoted } from "../src/ui/order";
import { fields } from "../src/api/stream";
import { sorted } from "../src/ui/table";

const HOUR = 3_600_000;
const END = Date.parse("2026-11-30T20:30:00.000Z");

test("bars have no gaps, and what is older is left out", () => {
  const at = (hours: number): string => new Date(END - hours * HOUR).toISOString();
  const found = stacks([{ at: at(0), name: "deny", count: 2 }, { at: at(1), name: "allow", count: 5 }, { at: at(1), name: "allow", count: 1 }, { at: at(9), name: "allow", count: 100 }], HOUR, 3, END, ["allow", "deny"]);
  expect(found.times.map((time) => new Date(time).toISOString().slice(11, 16))).toEqual(["18:00", "19:00", "20:00"]);
  expect(found.series).toEqual([{ name: "allow", counts: [0, 6, 0] }, { name: "deny", counts: [0, 0, 2] }]);
  expect(total([1, 2, 3])).toBe(6);
});

test("many acts say exactly what became of each", async () => {
  const outcome = await inTurn([1, 2, 3, 4, 5, 6, 7, 8], (n) => (n % 4 === 0 ? Promise.reject(new Error("no")) : Promise.resolve()));
  expect(outcome.done.toSorted()).toEqual([1, 2, 3, 5, 6, 7]);
  expect(outcome.failed.map(({ one, problem }) => [one, problem]).toSorted()).toEqual([[4, "no"], [8, "no"]]);
});

test("a command as a terminal takes it", () => {
  expect(quoted("it's")).toBe("'it'\\''s'");
  expect(flags({ command: "tail-journal", parameters: pairs("unit=a.service\nlines = 50\n"), ttl_secs: 60, approvals: 1, text: "why not" })).toBe("tail-journal --param unit=a.service --param lines=50 --ttl 60 --approvals 1 --text 'why not'");
});

test("an event of the stream", () => {
  expect(fields("id: 7\nevent: scan\ndata: {\"a\": 1}")).toEqual({ id: "7", event: "scan", data: '{"a": 1}' });
  expect(fields(": nothing")).toEqual({});
});

test("a table is sorted by a column, either way", () => {
  const columns = [{ name: "N", width: "1fr", show: String, key: (n: number) => n }];
  expect(sorted([2, 1, 3], columns, "N")).toEqual([1, 2, 3]);
  expect(sorted([2, 1, 3], columns, "-N")).toEqual([3, 2, 1]);
  expect(sorted([2, 1, 3], columns, "other")).toEqual([2, 1, 3]);
});
