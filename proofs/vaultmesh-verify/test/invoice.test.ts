import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { toHex, utf8 } from "../src/bytes.js";
import { baseLine, cents, readInvoice, sumTree, usageLine, type Line, type PriceBook, type Rate } from "../src/invoice.js";
import { hex, vectors } from "./vectors.js";

type Entry = { leaf: string; quantity: number; seq: number };

const summands = (entries: Entry[]) => entries.map((one) => ({ ...one, leaf: hex(one.leaf) }));

test("amounts, trees and lines to the cent", () => {
  const file = vectors<{
    rounding: { cents: number; denominator: number; numerator: number }[];
    sums: { entries: Entry[]; metric: string; quantity: number; root: string }[];
    lines: { base: Line | null; book: PriceBook; entries: Entry[]; event: string; from: string; line: Line; month: string; to: string }[];
  }>("billing.json");
  for (const one of file.rounding) assert.equal(Number(cents(BigInt(one.numerator), BigInt(one.denominator))), one.cents);
  for (const one of file.sums) {
    const { root, quantity } = sumTree(one.metric, summands(one.entries));
    assert.deepEqual([toHex(root), quantity], [one.root, one.quantity]);
  }
  for (const { base, book, entries, event, from, line, month, to } of file.lines) {
    assert.deepEqual(baseLine(event, book, from, to, month) ?? null, base);
    assert.deepEqual(usageLine(event, book.rates[0] as Rate, from, to, month, summands(entries)), line);
  }
});

test("a file proves its invoice, and no other", () => {
  const text = readFileSync(new URL("../../../../spec/vectors/invoice.jsonl", import.meta.url), "utf8");
  const proved = readInvoice(utf8(text));
  assert.equal(readInvoice(utf8(text), proved.ledger).total, proved.total);
  assert.ok(proved.total > 0 && proved.due < proved.total && proved.entries > 2);
  assert.throws(() => readInvoice(utf8(text), "0".repeat(64)));
  const lines = text.trimEnd().split("\n");
  for (const n of lines.keys()) {
    const without = lines.filter((_, other) => other !== n).map((line) => `${line}\n`).join("");
    // A correction may be left out: then it is not known, and more is due.
    const isCredit = (lines[n] as string).includes('"corrects"');
    if (isCredit) assert.equal(readInvoice(utf8(without)).due, proved.total);
    else assert.throws(() => readInvoice(utf8(without)), `without line ${n}`);
    if (n > 0) assert.throws(() => readInvoice(utf8(`${text}${lines[n] as string}\n`)), `line ${n} twice`);
  }
  assert.throws(() => readInvoice(utf8(text.replace(/"quantity":\d+/, '"quantity":1'))));
});
