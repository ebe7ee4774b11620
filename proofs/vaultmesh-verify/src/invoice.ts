// Invoices (spec/billing.md): a bill recomputed to the cent from a file alone, in integers.

import { toHex, u64, utf8 } from "./bytes.js";
import { parse, write, type Json, type JsonObject } from "./canonical.js";
import { readBundle } from "./bundle.js";
import { isCommitted, leafOf, readRecord, type Record } from "./entry.js";
import { eventHash } from "./event.js";
import { Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";
import type { Verifier } from "./note.js";
import { isIncluded, NATIVE } from "./tree.js";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Why a file does not prove its invoice. */
export class BadInvoice extends Error {
  override readonly name = "BadInvoice";
}

export interface Tier {
  millicents: number;
  up_to?: number;
}

export interface Rate {
  included: number;
  metric: string;
  product: string;
  tiers: Tier[];
  unit: number;
}

export interface PriceBook {
  base_cents: number;
  currency: string;
  plan: string;
  rates: Rate[];
}

export interface Line {
  book: string;
  cents: number;
  from: string;
  to: string;
  usage?: {
    count: number;
    first: number;
    included: number;
    last: number;
    metric: string;
    product: string;
    quantity: number;
    root: string;
  };
}

/** An entry that a line rests on. */
export interface Summand {
  seq: number;
  quantity: number;
  leaf: Uint8Array;
}

export interface Proved {
  ledger: string;
  month: string;
  currency: string;
  /** In cents. */
  total: number;
  /** The same with corrections. */
  due: number;
  entries: number;
}

/** `n / d` cents as whole ones: half a cent goes away from zero. */
export function cents(n: bigint, d: bigint): bigint {
  const away = (2n * (n < 0n ? -n : n) + d) / (2n * d);
  return n < 0n ? -away : away;
}

const ms = (time: string): bigint => BigInt(Date.parse(time));

/** First moment of a month and of the next, in milliseconds. */
export function monthOf(month: string): { begin: bigint; end: bigint } {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return { begin: BigInt(Date.UTC(year, number - 1)), end: BigInt(Date.UTC(year, number)) };
}

/** Hash and quantity at the top of the tree over entries. */
export function sumTree(metric: string, entries: Summand[]): { root: Uint8Array; quantity: number } {
  const [first] = entries;
  if (first === undefined) throw new BadInvoice("a line rests on no entries");
  if (entries.length === 1) {
    return { root: hash(DOMAIN.sumLeaf, u64(first.seq), u64(first.quantity), first.leaf), quantity: first.quantity };
  }
  let split = 1;
  while (2 * split < entries.length) split *= 2;
  const [left, right] = [sumTree(metric, entries.slice(0, split)), sumTree(metric, entries.slice(split))];
  const sum = BigInt(left.quantity) + BigInt(right.quantity);
  const quantity = metric === "storage_bytes" ? Math.max(left.quantity, right.quantity) : Number(sum < MAX_SAFE ? sum : MAX_SAFE);
  return { root: hash(DOMAIN.sumNode, left.root, u64(left.quantity), right.root, u64(right.quantity)), quantity };
}

/** The line of the base price; undefined where there is none to pay. */
export function baseLine(event: string, book: PriceBook, from: string, to: string, month: string): Line | undefined {
  const { begin, end } = monthOf(month);
  const part = ms(to) - ms(from);
  if (book.base_cents === 0 || part === 0n) return undefined;
  return { book: event, cents: Number(cents(BigInt(book.base_cents) * part, end - begin)), from, to };
}

/** The line of what was used. */
export function usageLine(event: string, rate: Rate, from: string, to: string, month: string, entries: Summand[]): Line {
  const { begin, end } = monthOf(month);
  const share = (amount: number): bigint => (BigInt(amount) * (ms(to) - ms(from))) / (end - begin);
  const { root, quantity } = sumTree(rate.metric, entries);
  const included = share(rate.included);
  const over = BigInt(quantity) > included ? BigInt(quantity) - included : 0n;
  let [below, millicents] = [0n, 0n];
  for (const tier of rate.tiers) {
    const top = tier.up_to === undefined ? over : share(tier.up_to);
    const part = (over < top ? over : top) - below;
    const unit = BigInt(rate.unit);
    if (part > 0n) millicents += ((part + unit - 1n) / unit) * BigInt(tier.millicents);
    if (top > below) below = top;
  }
  const { metric, product } = rate;
  const [first, last] = [entries[0] as Summand, entries[entries.length - 1] as Summand];
  const usage = {
    count: entries.length,
    first: first.seq,
    included: Number(included),
    last: last.seq,
    metric,
    product,
    quantity,
    root: toHex(root),
  };
  return { book: event, cents: Number(cents(millicents, 1000n)), from, to, usage };
}

interface Found {
  books: Map<string, { record: Record; book: PriceBook }>;
  usage: Map<number, { record: Record; said: { metric: string; product: string; quantity: number } }>;
  credits: { corrects: string; total_cents: number }[];
}

/** Recomputes the invoice that a file proves; without a ledger id the file only agrees with itself. */
export function readInvoice(bytes: Uint8Array, ledger?: string, witnesses: Verifier[] = []): Proved {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new BadInvoice("a line without an end");
  const bundle = readBundle(utf8(`${lines.shift() ?? ""}\n`), ledger, witnesses);
  const { header } = bundle.entry;
  const invoice = bundle.payload;
  if (header.kind !== "invoice" || invoice?.["action"] !== "issue") throw new BadInvoice("no invoice");
  const { size, root } = bundle.checkpoint.checkpoint;
  const seen = new Set<number>();
  const found: Found = { books: new Map(), usage: new Map(), credits: [] };
  for (const line of lines) {
    const members = new Members(parse(utf8(line)));
    const inclusion = members.hashes("inclusion");
    const record = readRecord(members.take("record"));
    members.done();
    if (record.payload === undefined || !isCommitted(record)) throw new BadInvoice("a record without the payload that was signed");
    if (!isIncluded(NATIVE, leafOf(record.entry), record.entry.seq, size, root, inclusion)) throw new BadInvoice("an entry that is not in the tree");
    if (seen.has(record.entry.seq)) throw new BadInvoice("an entry that is there twice");
    seen.add(record.entry.seq);
    sort(record, record.payload, { org: header.org, tenant: header.tenant }, found);
  }
  const said = invoice as unknown as { currency: string; lines: Line[]; month: string; total_cents: number };
  check(said, found);
  const own = toHex(eventHash(header));
  const back = found.credits.filter((credit) => credit.corrects === own).reduce((sum, credit) => sum + credit.total_cents, 0);
  const { month, currency, total_cents: total } = said;
  return { ledger: bundle.ledger, month, currency, total, due: total + back, entries: found.usage.size };
}

function sort(record: Record, payload: JsonObject, whose: { org: string; tenant: string | undefined }, found: Found): void {
  const { header, seq } = record.entry;
  const isOwn = header.tenant === whose.tenant;
  if (header.org !== whose.org) throw new BadInvoice("an entry of another organisation");
  const as = <T>(value: Json): T => value as unknown as T;
  if (header.kind === "price-book" && (isOwn || header.tenant === undefined)) {
    found.books.set(toHex(eventHash(header)), { record, book: as(payload) });
  } else if (header.kind === "usage" && isOwn) {
    found.usage.set(seq, { record, said: as(payload) });
  } else if (header.kind === "invoice" && isOwn && payload["action"] === "credit") {
    found.credits.push(as(payload));
  } else {
    throw new BadInvoice("an entry of another tenant, or no part of an invoice");
  }
}

function check(invoice: { currency: string; lines: Line[]; month: string; total_cents: number }, found: Found): void {
  const { begin, end } = monthOf(invoice.month);
  const [seen, counted] = [new Set<string>(), new Set<number>()];
  const spans = new Map<number, { from: string; to: string }>();
  for (const line of invoice.lines) {
    const known = found.books.get(line.book);
    if (known === undefined) throw new BadInvoice("a price book is missing");
    const { record, book } = known;
    const at = ms(record.entry.recorded_at);
    const isWithin = ms(line.from) === (at > begin ? at : begin) && ms(line.from) <= ms(line.to) && ms(line.to) <= end;
    if (!isWithin || book.currency !== invoice.currency) throw new BadInvoice("a line of another month or currency");
    const span = spans.get(record.entry.seq);
    if (span !== undefined && (span.from !== line.from || span.to !== line.to)) throw new BadInvoice("one price book for two spans");
    spans.set(record.entry.seq, { from: line.from, to: line.to });
    const what = `${line.book} ${line.usage?.product ?? ""} ${line.usage?.metric ?? ""}`;
    if (seen.has(what)) throw new BadInvoice("the same is billed twice");
    seen.add(what);
    const again = line.usage === undefined ? baseLine(line.book, book, line.from, line.to, invoice.month) : recount(line, record, book, invoice.month, found, counted);
    if (again === undefined || write(again as unknown as Json) !== write(line as unknown as Json)) {
      throw new BadInvoice(`a line of ${line.cents} cents that is ${again?.cents ?? 0}`);
    }
  }
  const sorted = [...spans.values()].sort((a, b) => Number(ms(a.from) - ms(b.from) || ms(a.to) - ms(b.to)));
  for (const [n, span] of sorted.entries()) {
    const next = sorted[n + 1];
    if (next !== undefined && ms(next.from) < ms(span.to)) throw new BadInvoice("two price books for one time");
  }
  if (counted.size !== found.usage.size) throw new BadInvoice("usage that no line counts");
  if (invoice.lines.reduce((sum, line) => sum + line.cents, 0) !== invoice.total_cents) throw new BadInvoice("another total");
}

function recount(line: Line, of: Record, book: PriceBook, month: string, found: Found, counted: Set<number>): Line {
  const usage = line.usage as NonNullable<Line["usage"]>;
  const { begin, end } = monthOf(month);
  const rate = book.rates.find((one) => one.product === usage.product && one.metric === usage.metric);
  if (rate === undefined) throw new BadInvoice("a line without a rate");
  const entries: Summand[] = [];
  for (const [seq, { record, said }] of [...found.usage].sort(([a], [b]) => a - b)) {
    if (seq < usage.first || seq > usage.last || said.product !== usage.product || said.metric !== usage.metric) continue;
    const at = ms(record.entry.recorded_at);
    if (at < begin || at >= end || seq < of.entry.seq) throw new BadInvoice(`entry ${seq} is of another month or price book`);
    if (counted.has(seq)) throw new BadInvoice(`entry ${seq} is counted twice`);
    counted.add(seq);
    entries.push({ seq, quantity: said.quantity, leaf: leafOf(record.entry) });
  }
  return usageLine(line.book, rate, line.from, line.to, month, entries);
}
