// Packed segments (spec/pack.md): the plain lines of a log from a Parquet file, byte for byte.

import { equal, fromHex, toBase64, toHex, utf8 } from "./bytes.js";
import { parse, write, type Json, type JsonObject } from "./canonical.js";
import { isHash, Members } from "./form.js";
import { Damaged } from "./guard.js";
import { DOMAIN, hash } from "./hash.js";
import { Budget, Column, readFooter, within, type Cell } from "./parquet.js";
import { NATIVE, Tree } from "./tree.js";
import type { FileMetaData, SchemaElement, SchemaTree } from "hyparquet";

const FORMAT = "vaultmesh-packed-segment-v1";
const MAGIC = utf8("PAR1");
const MAX_PLAIN_BYTES = 150_994_944;
const MAX_ROWS = 215_714;
const MAX_FOOTER_BYTES = 4 * 1024 * 1024;
const SUM_BYTES = 32;
const TAIL_BYTES = 8;
/** The last millisecond of the year 9999, with which dates end. */
const MAX_TIME = 253_402_300_799_999n;

type Kind = "int" | "time" | "text" | "uuid" | "bool" | number;

/** Names and types, `bytes(n)` being n. */
const FIXED: readonly (readonly [string, Kind])[] = [
  ["seq", "int"], ["recorded_at", "time"], ["author", "text"], ["kind", "text"], ["org", "text"], ["tenant", "text"], ["node_id", "uuid"], ["severity", "text"],
  ["ts", "time"], ["id", "uuid"], ["key", 32], ["ledger", 32], ["payload_version", "int"], ["chain_epoch", 16], ["chain_seq", "int"], ["chain_prev", 32],
  ["via_method", "text"], ["via_subject", "text"], ["sig", 64], ["salt", 32], ["payload", "text"], ["payload_hash", 32], ["prev", 32], ["lane_n", "int"],
  ["lane_prev", 32], ["group_end", "bool"], ["commit_root", 32], ["line", "text"],
];

/** Kinds whose payloads are columns, with their members. */
const TYPED: Readonly<Record<string, readonly (readonly [string, Kind])[]>> = {
  heartbeat: [
    ["agent_rss_bytes", "int"], ["agent_version", "text"], ["boot_id", "text"], ["clock_offset_ms", "int"], ["cloudflare_ok", "bool"], ["disk_available_bytes", "int"],
    ["disk_total_bytes", "int"], ["hostname", "text"], ["interval_secs", "int"], ["kernel_version", "text"], ["load15_milli", "int"], ["load1_milli", "int"],
    ["load5_milli", "int"], ["memory_available_bytes", "int"], ["memory_total_bytes", "int"], ["node_id", "uuid"], ["os_profile", "text"], ["policy_hash", 32],
    ["pressure_cpu_milli", "int"], ["pressure_io_milli", "int"], ["pressure_memory_milli", "int"], ["services_ok", "bool"], ["spool_depth", "int"],
    ["spool_dropped", "int"], ["swap_used_bytes", "int"], ["timestamp", "text"], ["uptime_secs", "int"], ["vaultmesh_root", "text"],
  ],
  service: [["action", "text"], ["version", "text"]],
  usage: [["metric", "text"], ["product", "text"], ["quantity", "int"]],
};

/** A bit for each member that is the word `unknown`. */
const UNKNOWN = "heartbeat_unknown";

const COLUMNS = [
  ...FIXED,
  ...Object.entries(TYPED).flatMap(([kind, members]) => [...members.map(([name, type]) => [`${kind}_${name}`, type] as const), ...(kind === "heartbeat" ? [[UNKNOWN, "int"] as const] : [])]),
];

/** The plain lines of a packed segment. */
export const unpack = (file: Uint8Array): Uint8Array => within("a packed segment", () => linesOf(file));

function linesOf(file: Uint8Array): Uint8Array {
  const { meta, tree, parts } = openFile(file);
  const about = readAbout(meta);
  const lines = new Lines(about);
  const budget = new Budget(MAX_PLAIN_BYTES);
  const records = new Array<Held | undefined>(Number(meta.num_rows));
  meta.row_groups.forEach((group, n) => {
    const [from, to] = [parts[n] as number, parts[n + 1] as number];
    const rows = Number(group.num_rows);
    const read = group.columns.map(({ meta_data: column }) => {
      if (column === undefined) throw new Damaged("a column without a place");
      const start = Number(column.dictionary_page_offset ?? column.data_page_offset);
      const end = start + Number(column.total_compressed_size);
      if (!(start >= from && end >= start && end <= to)) throw new Damaged("a column outside of its row group");
      return new Column(rows, column, tree, budget).read(file.subarray(start, end));
    });
    const names = new Map(COLUMNS.map(([name], at) => [name, read[at] as Cell[]] as const));
    const chains = new Map<string, Link>();
    for (let at = 0; at < rows; at++) {
      const held = lines.read(new Row(names, at), chains);
      const place = held.seq - about.first;
      if (!(place >= 0 && place < records.length) || records[place] !== undefined) throw new Damaged("an entry twice, or out of its place");
      records[place] = held;
    }
  });
  for (const held of records) {
    if (held === undefined) throw new Damaged("an entry is missing");
    lines.write(held);
  }
  return lines.done();
}

/** Takes the file apart, and holds each part against its checksum. */
function openFile(file: Uint8Array): { meta: FileMetaData; tree: SchemaTree; parts: number[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = file.length < TAIL_BYTES + SUM_BYTES + MAGIC.length ? 0 : view.getUint32(file.length - TAIL_BYTES, true);
  const footer = file.length - TAIL_BYTES - length;
  if (length === 0 || length > MAX_FOOTER_BYTES || footer < SUM_BYTES + MAGIC.length) throw new Damaged("no Parquet file");
  if (!equal(file.subarray(0, 4), MAGIC) || !equal(file.subarray(-4), MAGIC)) throw new Damaged("no Parquet file");
  const check = (from: number, to: number, sum: number, what: string): void => {
    if (!equal(hash(DOMAIN.packedPart, file.subarray(from, to)), file.subarray(sum, sum + SUM_BYTES))) throw new Damaged(`byte ${from}: ${what} is not as it was written`);
  };
  check(footer, file.length, footer - SUM_BYTES, "its end");
  const { meta, tree } = readFooter(file.subarray(footer));
  const sums = footer - SUM_BYTES * (meta.row_groups.length + 1);
  const starts = meta.row_groups.map(({ columns: [column] }) => Number(column?.meta_data?.dictionary_page_offset ?? column?.meta_data?.data_page_offset));
  const parts = [...starts, sums];
  if (parts.some((part, n) => !(n === 0 ? part === MAGIC.length || starts.length === 0 : part > (parts[n - 1] as number)))) throw new Damaged("its row groups do not lie one behind the other");
  starts.forEach((start, n) => check(n === 0 ? 0 : start, parts[n + 1] as number, sums + SUM_BYTES * n, "a row group"));
  return { meta, tree, parts };
}

interface About {
  bytes: number;
  edge: Uint8Array[] | undefined;
  first: number;
  hash: Uint8Array;
}

/** What the footer says of the segment, and whether the columns are those of this version. */
function readAbout(meta: FileMetaData): About {
  const [root, ...columns] = meta.schema;
  const said = meta.key_value_metadata?.find(({ key }) => key === "vaultmesh")?.value;
  const members = new Members(said === undefined ? undefined : parse(utf8(said)));
  members.text("format", (text) => text === FORMAT);
  const about = { bytes: members.integer("bytes", 0, MAX_PLAIN_BYTES), edge: members.has("edge") ? members.hashes("edge") : undefined, first: members.integer("first"), hash: fromHex(members.text("hash", isHash)) as Uint8Array };
  members.done();
  if (root?.name !== "entry" || columns.length !== COLUMNS.length) throw new Damaged("other columns than this version has");
  COLUMNS.forEach(([name, type], n) => {
    if (!isColumn(columns[n] as SchemaElement, name, type)) throw new Damaged(`another column in the place of ${name}`);
  });
  const rows = meta.row_groups.reduce((sum, { num_rows, columns: own }) => {
    if (own.length !== COLUMNS.length || own.some(({ meta_data: column }, n) => column?.path_in_schema[0] !== COLUMNS[n]?.[0])) throw new Damaged("a row group of other columns");
    return sum + Number(num_rows);
  }, 0);
  if (meta.row_groups.some(({ num_rows }) => num_rows < 1n) || rows !== Number(meta.num_rows) || rows > MAX_ROWS) throw new Damaged("more rows than a segment may have, or fewer than it says");
  return about;
}

function isColumn({ name, type, type_length, logical_type, converted_type, repetition_type }: SchemaElement, wanted: string, kind: Kind): boolean {
  if (name !== wanted || repetition_type !== (wanted === "seq" || wanted === "group_end" ? "REQUIRED" : "OPTIONAL")) return false;
  switch (kind) {
    case "int": return type === "INT64" && logical_type === undefined && converted_type === undefined;
    case "time": return type === "INT64" && logical_type?.type === "TIMESTAMP" && logical_type.unit === "MILLIS" && logical_type.isAdjustedToUTC;
    case "text": return type === "BYTE_ARRAY" && logical_type?.type === "STRING";
    case "uuid": return type === "FIXED_LEN_BYTE_ARRAY" && type_length === 16 && logical_type?.type === "UUID";
    case "bool": return type === "BOOLEAN";
    default: return type === "FIXED_LEN_BYTE_ARRAY" && type_length === kind && logical_type === undefined;
  }
}

/** One row, by the names of its columns. */
class Row {
  constructor(private readonly columns: ReadonlyMap<string, readonly Cell[]>, private readonly at: number) {}

  cell(name: string): Cell {
    return this.columns.get(name)?.[this.at];
  }

  text(name: string): string | undefined {
    return this.cell(name) as string | undefined;
  }

  bytes(name: string): Uint8Array | undefined {
    return this.cell(name) as Uint8Array | undefined;
  }

  number(name: string): number | undefined {
    const value = this.cell(name) as bigint | undefined;
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Damaged(`${name} is beyond 2^53 - 1`);
    return number;
  }

  uuid(name: string): string | undefined {
    const bytes = this.bytes(name);
    return bytes === undefined ? undefined : toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  time(name: string): string | undefined {
    const millis = this.cell(name) as bigint | undefined;
    if (millis === undefined) return undefined;
    if (millis < 0n || millis > MAX_TIME) throw new Damaged(`${name} is beyond the year 9999`);
    return new Date(Number(millis)).toISOString();
  }
}

function there<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Damaged(`${what} is not there, and does not follow`);
  return value;
}

interface Link {
  seq: number;
  hash: Uint8Array;
}

/** What a row says by itself; where it stands in the log follows when all are there. */
interface Held {
  seq: number;
  endsGroup: boolean;
  root: Uint8Array | undefined;
  /** The line as it is. */
  line?: string;
  /** Otherwise: the event as it stands in the entry, the entry's own members, and what is behind the entry. */
  event?: JsonObject;
  rest?: string;
  org?: string;
  recorded_at?: string;
  prev?: Uint8Array | undefined;
  lane_n?: number | undefined;
  lane_prev?: Uint8Array | undefined;
}

/** The lines, one after the other, with what follows from those before. */
class Lines {
  private readonly out: Uint8Array;
  private readonly encoder = new TextEncoder();
  private at = 0;
  private group = 0;
  private seq: number;
  private prev: Uint8Array | undefined;
  private lanes = new Map<string, { n: number; leaf: Uint8Array }>();
  private tree: Tree | undefined;
  /** Texts that rows may share in the file and that lines do not. */
  private readonly texts: Budget;

  constructor(private readonly about: About) {
    this.out = new Uint8Array(about.bytes);
    this.texts = new Budget(about.bytes);
    this.seq = about.first;
    this.tree = about.edge === undefined ? undefined : Tree.resumed(NATIVE, about.first, about.edge);
    if (about.edge !== undefined && this.tree === undefined) throw new Damaged("the edge of another tree");
  }

  read(row: Row, chains: Map<string, Link>): Held {
    const held: Held = { seq: there(row.number("seq"), "seq"), endsGroup: row.cell("group_end") === true, root: row.bytes("commit_root") };
    const line = row.text("line");
    if (line !== undefined) {
      this.texts.take(line.length);
      return { ...held, line };
    }
    const { event, payload } = this.event(row, chains);
    const salt = row.bytes("salt");
    const rest = payload === undefined || salt === undefined ? "" : `,"payload":${payload},"salt":"${toHex(salt)}"`;
    return { ...held, event, rest, org: there(row.text("org"), "org"), recorded_at: there(row.time("recorded_at"), "recorded_at"), prev: row.bytes("prev"), lane_n: row.number("lane_n"), lane_prev: row.bytes("lane_prev") };
  }

  private event(row: Row, chains: Map<string, Link>): { event: JsonObject; payload: string | undefined } {
    const author = there(row.text("author"), "author");
    const key = toHex(there(row.bytes("key"), "key"));
    const said: JsonObject = {
      author, key, format: "vm-event-envelope-v1", id: there(row.uuid("id"), "id"), kind: there(row.text("kind"), "kind"), ledger: toHex(there(row.bytes("ledger"), "ledger")),
      org: there(row.text("org"), "org"), schema: { envelope: 1, payload: there(row.number("payload_version"), "payload_version") }, ts: there(row.time("ts"), "ts"),
    };
    const optional: readonly (readonly [string, string | undefined])[] = [["tenant", row.text("tenant")], ["severity", row.text("severity")], ["node_id", row.uuid("node_id")]];
    for (const [name, value] of optional) if (value !== undefined) said[name] = value;
    const [method, subject] = [row.text("via_method"), row.text("via_subject")];
    if (method !== undefined) said["via"] = subject === undefined ? { method } : { method, subject };
    const epoch = row.bytes("chain_epoch");
    const link = epoch === undefined ? undefined : `${key} ${toHex(epoch)}`;
    const seq = row.number("chain_seq");
    if (link !== undefined) {
      const before = chains.get(link);
      const prev = row.bytes("chain_prev") ?? (before !== undefined && before.seq + 1 === seq ? before.hash : undefined);
      said["chain"] = { epoch: toHex(epoch as Uint8Array), prev: toHex(there(prev, "chain_prev")), seq: there(seq, "chain_seq") };
    }
    const salt = row.bytes("salt");
    const payload = salt === undefined ? undefined : payloadOf(row, said);
    if (payload !== undefined) this.texts.take(payload.length);
    const hashed = row.bytes("payload_hash") ?? hash(DOMAIN.payload, there(salt, "payload_hash"), utf8(payload as string));
    said["payload_hash"] = toHex(hashed);
    const sig = there(row.bytes("sig"), "sig");
    if (link !== undefined) chains.set(link, { seq: seq as number, hash: hash(DOMAIN.event, utf8(write(said)), sig) });
    return { event: { ...said, sig: toBase64(sig) }, payload };
  }

  /** Writes the line of a row, and the commit line behind the last of its group. */
  write(held: Held): void {
    if (held.line !== undefined) {
      this.put(held.line);
      // Nothing follows from a line that is no record of its place.
      [this.prev, this.tree] = [undefined, undefined];
      this.lanes.clear();
    } else {
      const org = held.org as string;
      const lane = this.lanes.get(org);
      const n = there(held.lane_n ?? (lane === undefined ? undefined : lane.n + 1), "lane_n");
      const before = there(held.lane_prev ?? lane?.leaf, "lane_prev");
      const entry = write({ event: held.event as Json, lane: { n, prev: toHex(before) }, prev: toHex(there(held.prev ?? this.prev, "prev")), recorded_at: held.recorded_at as string, seq: held.seq });
      this.put(`{"entry":`);
      const from = this.at;
      this.put(entry);
      const leaf = hash(DOMAIN.leaf, this.out.subarray(from, this.at));
      this.put(`${held.rest ?? ""}}`);
      this.prev = leaf;
      this.lanes.set(org, { n, leaf });
      this.tree?.push(leaf);
    }
    this.put("\n");
    this.seq = held.seq + 1;
    if (held.endsGroup) this.commit(held.root);
  }

  private commit(root: Uint8Array | undefined): void {
    const records = this.out.subarray(this.group, this.at);
    const said = { bytes: records.length, hash: toHex(hash(DOMAIN.group, records)), root: toHex(there(root ?? this.tree?.root(), "commit_root")), size: this.seq };
    this.put(`${write({ commit: said })}\n`);
    this.group = this.at;
  }

  private put(text: string): void {
    const { read, written } = this.encoder.encodeInto(text, this.out.subarray(this.at));
    if (read < text.length) throw new Damaged("its lines are longer than it says");
    this.at += written;
  }

  done(): Uint8Array {
    const isWhole = this.at === this.out.length && equal(hash(DOMAIN.segment, this.out), this.about.hash);
    if (!isWhole) throw new Damaged("its lines are not those that it names");
    return this.out;
  }
}

/** The payload's canonical text: as it is, or out of the columns of its kind. */
function payloadOf(row: Row, { author, kind, node_id, ts }: JsonObject): string {
  const whole = row.text("payload");
  if (whole !== undefined) return whole;
  const members = there(Object.hasOwn(TYPED, kind as string) ? TYPED[kind as string] : undefined, "payload");
  const unknown = kind === "heartbeat" ? (row.number(UNKNOWN) ?? 0) : 0;
  const said: JsonObject = {};
  members.forEach(([name, type], bit) => {
    const value = Math.floor(unknown / 2 ** bit) % 2 === 1 ? "unknown" : memberOf(row, `${kind as string}_${name}`, type);
    const follows = name === "node_id" ? (node_id ?? nodeOf(author as string)) : name === "timestamp" ? ts : undefined;
    const known = value ?? (follows as string | undefined);
    if (known !== undefined) said[name] = known;
  });
  return write(said);
}

const nodeOf = (author: string): string | undefined => (author.startsWith("node:") ? author.slice(5) : undefined);

function memberOf(row: Row, name: string, type: Kind): string | number | boolean | undefined {
  switch (type) {
    case "int": return row.number(name);
    case "text": return row.text(name);
    case "uuid": return row.uuid(name);
    case "bool": return row.cell(name) as boolean | undefined;
    case "time": return row.time(name);
    default: {
      const bytes = row.bytes(name);
      return bytes === undefined ? undefined : toHex(bytes);
    }
  }
}
