// A whole log (spec/log.md): every line, hash, link, signature and checkpoint of a data directory or an export.
//
// What is not checked here, and is said in the report: the rules of admission beyond keys (roles, tokens, kinds, author
// chains), the schemas of payloads, and the digests of projections in seals.

import { equal, fromHex, toHex, utf8 } from "./bytes.js";
import { NotCanonical, type Json, type JsonObject } from "./canonical.js";
import { begin, follow, ledgerVerifier, setAt, setsClock, witnessVerifiers, type Authority } from "./authority.js";
import { openCheckpoint, readCheckpoint, type Witnessed } from "./checkpoint.js";
import { groupHash, isCommitted, leafOf, readLine, type Commit, type Entry, type Record } from "./entry.js";
import { identity, isSigned } from "./event.js";
import { BadForm } from "./form.js";
import { Damaged } from "./guard.js";
import { DOMAIN, hash, NONE } from "./hash.js";
import { rootOf } from "./map.js";
import { readNote } from "./note.js";
import { unpack } from "./packed.js";
import { readProofChain, type ProofChain } from "./proofchain.js";
import { leafHash, NATIVE, STANDARD, Tree } from "./tree.js";

/** The files of a log by their names within it, with `/` between folders. */
export interface Files {
  names(): string[];
  read(name: string): Uint8Array | undefined;
}

/** The first fault of a log, with the code of spec/verify-codes.md. */
export class LogFault extends Error {
  override readonly name = "LogFault";
  constructor(readonly code: string, readonly place: string, problem: string) {
    super(`${place}: ${problem}`);
  }
}

export interface LogReport {
  ledger: string;
  origin: string;
  size: number;
  /** Entries under the largest checkpoint at hand. */
  covered: number;
  first: string;
  last: string;
  payloads: number;
  erased: number;
  seals: number;
  checkpoints: { file: string; size: number; time: number; witnesses: string[] }[];
  /** Whether a checkpoint at hand has the quorum of the witness set in force; undefined where there is no set. */
  hasQuorum: boolean | undefined;
}

interface Key {
  author?: string;
  introduced: number;
  org: string;
  suspect_from?: number;
  tenant?: string;
  until?: number;
  use: string;
}

/** What a checkpoint says of a log at its size. */
interface Roots {
  root: Uint8Array;
  keys: Uint8Array;
  lanes: Uint8Array;
  sha256: Uint8Array;
}

const SEGMENT = /^log\/(\d{20})\.(?:jsonl|parquet)$/;

/** Checks a log; `ledger` is the id that is pinned, `progress` is told how many entries are done. */
export function readLog(files: Files, ledger?: string, progress: (entries: number) => void = () => undefined): LogReport {
  const names = files.names();
  // Where both lie there the lines count.
  const segments = names.filter((name) => SEGMENT.test(name) && !(name.endsWith(".parquet") && names.includes(name.replace(".parquet", ".jsonl")))).sort();
  if (segments.length === 0) throw new LogFault("segment-name", "log/", "there is no segment");
  const wanted = wantedSizes(files);
  const fold = new Fold(ledger, wanted);
  for (const name of segments) {
    const first = Number((SEGMENT.exec(name) as RegExpExecArray)[1]);
    if (first !== fold.size) throw new LogFault("segment-name", name, `a segment that begins at ${first} where ${fold.size} comes next`);
    readSegment(fold, name, linesOf(name, need(files, name)));
    progress(fold.size);
  }
  return new Documents(files, fold).report();
}

/** The lines of a segment, as they lie there or out of a packed file. */
function linesOf(name: string, bytes: Uint8Array): Uint8Array {
  if (!name.endsWith(".parquet")) return bytes;
  try {
    return unpack(bytes);
  } catch (error) {
    if (error instanceof Damaged || error instanceof BadForm || error instanceof NotCanonical) throw new LogFault("packed", name, error.message);
    throw error;
  }
}

function need(files: Files, name: string): Uint8Array {
  const bytes = files.read(name);
  if (bytes === undefined) throw new LogFault("unreadable", name, "it is not there");
  return bytes;
}

/** Sizes at which the state of the log is wanted, as documents claim them; whether they may is checked later. */
function wantedSizes(files: Files): Set<number> {
  const sizes = new Set<number>();
  const claim = (note: () => string): void => {
    try {
      sizes.add(readCheckpoint(readNote(note()).text).size);
    } catch {
      // Refused when it is opened.
    }
  };
  for (const name of ["ROOT.txt", "COSIGNED.txt"]) {
    const bytes = files.read(name);
    if (bytes !== undefined) claim(() => new TextDecoder().decode(bytes));
  }
  for (const name of files.names().filter((one) => one === "PROOFCHAIN.json" || one.startsWith("proofchain/"))) {
    const text = new TextDecoder().decode(files.read(name));
    for (const [, note] of text.matchAll(/"checkpoint":("(?:[^"\\]|\\.)*")/g)) {
      claim(() => JSON.parse(note as string) as string);
    }
  }
  return sizes;
}

function readSegment(fold: Fold, name: string, bytes: Uint8Array): void {
  let group = 0;
  let records: Record[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw new LogFault("torn-tail", `${name} byte ${at}`, "a line without its end");
    const line = lineOf(bytes.subarray(at, end), `${name} byte ${at}`);
    if (line.record !== undefined) {
      records.push(line.record);
    } else {
      checkCommit(line.commit, bytes.subarray(group, at), records, `${name} byte ${at}`);
      for (const record of records) fold.take(record);
      fold.commit(line.commit, `${name} byte ${at}`);
      [group, records] = [end + 1, []];
    }
    at = end + 1;
  }
  if (records.length > 0) throw new LogFault("torn-tail", `${name} byte ${group}`, "entries without a commit line");
}

function lineOf(bytes: Uint8Array, place: string): ReturnType<typeof readLine> {
  try {
    return readLine(bytes);
  } catch (error) {
    if (error instanceof NotCanonical) throw new LogFault("line-canonical", place, error.message);
    if (error instanceof BadForm) throw new LogFault("line-format", place, error.message);
    throw error;
  }
}

function checkCommit(commit: Commit, lines: Uint8Array, records: Record[], place: string): void {
  if (records.length === 0) throw new LogFault("commit-empty", place, "a commit line without entries");
  if (commit.bytes !== lines.length) throw new LogFault("commit-bytes", place, "the commit line counts other bytes");
  if (!equal(groupHash(lines), commit.hash)) throw new LogFault("commit-hash", place, "the group has another hash");
}

/** The state of a log after so many entries. */
class Fold {
  private readonly tree = new Tree(NATIVE);
  private readonly standard = new Tree(STANDARD);
  private readonly identities = new Set<string>();
  private readonly lanes = new Map<string, { last: Uint8Array; n: number }>();
  private readonly keys = new Map<string, Key>();
  private last: { entry: Entry; leaf: Uint8Array } | undefined;
  /** When entries were recorded, where that changes. */
  private readonly times: { seq: number; at: string }[] = [];
  private lastChange: Record | undefined;
  readonly at = new Map<number, Roots>();
  readonly seals: { seq: number; leaf: Uint8Array }[] = [];
  authority: Authority | undefined;
  first = "";
  payloads = 0;
  erased = 0;

  constructor(private readonly pinned: string | undefined, private readonly wanted: ReadonlySet<number>) {}

  get size(): number {
    return this.tree.size;
  }

  get lastTime(): string {
    return this.last?.entry.recorded_at ?? "";
  }

  take(record: Record): void {
    const { entry } = record;
    const place = `entry ${entry.seq}`;
    this.checkPlace(entry, place);
    this.checkTime(record, place);
    if (!isCommitted(record)) throw new LogFault("payload-hash", place, "another payload was signed");
    if (record.payload === undefined) this.erased++;
    else this.payloads++;
    const leaf = leafOf(entry);
    if (this.size === 0) this.begin(record, leaf);
    this.checkAuthor(entry, place);
    if (entry.header.kind === "clock") this.checkClock(record, place);
    this.put(entry, leaf, place);
    if (entry.header.kind === "seal") this.seals.push({ seq: entry.seq, leaf });
    this.effect(record, place);
    if (this.wanted.has(this.size)) this.at.set(this.size, this.roots());
  }

  commit(commit: Commit, place: string): void {
    if (commit.size !== this.size) throw new LogFault("commit-size", place, "the commit line names another size");
    if (!equal(commit.root, this.tree.root())) throw new LogFault("commit-root", place, "the commit line names another root");
  }

  private checkPlace(entry: Entry, place: string): void {
    if (entry.seq !== this.size) throw new LogFault("seq", place, `numbered ${entry.seq} where ${this.size} comes next`);
    const before = this.last === undefined ? NONE : toHex(this.last.leaf);
    if (toHex(entry.prev) !== before) throw new LogFault("chain", place, "it does not follow the entry before");
    const lane = this.lanes.get(entry.header.org);
    const isNext = entry.lane.n === (lane?.n ?? 0) && toHex(entry.lane.prev) === (lane === undefined ? NONE : toHex(lane.last));
    if (!isNext) throw new LogFault("lane", place, "it does not follow the organisation's entry before");
  }

  /** Times go forward, but for the entry that sets the clock back to its own. */
  private checkTime({ entry, payload }: Record, place: string): void {
    const at = entry.recorded_at;
    if (entry.header.kind !== "clock") {
      if (at < this.lastTime) throw new LogFault("clock", place, "recorded before the entry before");
    } else {
      const { time, last, since, signatures } = (payload ?? {}) as { [name: string]: Json };
      const isForm = typeof time === "string" && typeof last === "string" && time < last && Array.isArray(signatures);
      if (!isForm) throw new LogFault("payload-schema", place, "no setting back of the clock");
      const isThere = time === at && last === this.lastTime && since === this.laterThan(time);
      if (!isThere) throw new LogFault("clock", place, "the clock is set back from or to another time than the log's");
    }
    if (this.times.at(-1)?.at !== at) this.times.push({ seq: entry.seq, at });
  }

  /** The entry from which on all so far were recorded after a time. */
  private laterThan(time: string): number {
    let later = this.times.length;
    while (later > 0 && (this.times[later - 1] as { at: string }).at > time) later--;
    return this.times[later]?.seq ?? this.size;
  }

  private begin(record: Record, leaf: Uint8Array): void {
    const id = toHex(leaf);
    if (this.pinned !== undefined && id !== this.pinned) throw new LogFault("ledger-id", "entry 0", `this is the ledger ${id}`);
    try {
      this.authority = begin(record, id);
    } catch (error) {
      throw new LogFault("genesis", "entry 0", (error as Error).message);
    }
    for (const [key, use] of this.authority.introduced) this.keys.set(key, { introduced: 0, org: "ledger", use });
    this.lastChange = record;
    this.first = record.entry.recorded_at;
  }

  private checkAuthor({ header, seq }: Entry, place: string): void {
    const key = this.keys.get(toHex(header.key));
    const refuse = (problem: string): never => {
      throw new LogFault("admission", place, problem);
    };
    if (key === undefined) return refuse("signed by a key that was never introduced");
    if (key.until !== undefined) return refuse("signed by a key that is no longer valid");
    if (seq > 0 && header.ledger !== this.authority?.ledger) return refuse("an event for another ledger");
    if ((key.use === "service") !== (header.via !== undefined)) return refuse("signed by a key for something else");
    if (key.use !== "service") {
      if (key.use !== "node" && key.use !== "device") return refuse("signed by a key that is not for events");
      if (key.author !== header.author) return refuse("signed by a key that does not speak for its author");
      if (key.org !== header.org) return refuse("in an organisation that is not its author's");
    }
    if (!isSigned(header)) throw new LogFault("signature", place, "the event's signature does not hold");
  }

  /** The clock is set back by the ledger itself, right behind the entry that is named, under its recovery keys. */
  private checkClock({ entry, payload }: Record, place: string): void {
    const { header } = entry;
    const isItself = header.author.startsWith("service:") && header.via?.method === "self" && header.org === "ledger";
    const isNext = payload?.["after"] === toHex((this.last as { leaf: Uint8Array }).leaf);
    if (!isItself || !isNext || !setsClock(this.authority as Authority, payload as JsonObject)) {
      throw new LogFault("admission", place, "the clock is set back by somebody who may not");
    }
  }

  private put(entry: Entry, leaf: Uint8Array, place: string): void {
    const id = identity(entry.header);
    if (this.identities.has(id)) throw new LogFault("duplicate", place, "the event is in the log already");
    this.identities.add(id);
    this.tree.push(leaf);
    this.standard.push(leafHash(STANDARD, entry.bytes));
    this.lanes.set(entry.header.org, { last: leaf, n: entry.lane.n + 1 });
    this.last = { entry, leaf };
  }

  /** What entries do to the keys. */
  private effect(record: Record, place: string): void {
    const { header, seq } = record.entry;
    const { payload } = record;
    if (payload === undefined) return;
    switch (header.kind) {
      case "key":
        this.introduce(payload["key"] as string, seq, header, payload["author"] as string, payload["use"] as string);
        break;
      case "key-rotation": {
        const old = this.keys.get(toHex(header.key)) as Key;
        this.introduce(payload["key"] as string, seq, header, header.author, old.use, old.tenant);
        old.until = seq;
        break;
      }
      case "key-status": {
        const key = this.keys.get(payload["key"] as string);
        if (key === undefined) throw new LogFault("admission", place, "it ends a key that was never introduced");
        key.until ??= seq;
        if (payload["status"] === "compromised") {
          key.suspect_from = Math.min(key.suspect_from ?? Infinity, payload["suspect_from"] as number);
        }
        break;
      }
      case "authority":
      case "witness-set":
        this.change(record, payload["change"] as Json | undefined, place);
        this.lastChange = record;
        break;
    }
  }

  private introduce(
    key: string, seq: number, header: { org: string; tenant?: string }, author: string, use: string, tenant = header.tenant,
  ): void {
    const record: Key = { author, introduced: seq, org: header.org, use };
    if (tenant !== undefined) record.tenant = tenant;
    this.keys.set(key, record);
  }

  private change(record: Record, change: Json | undefined, place: string): void {
    const authority = this.authority as Authority;
    const before = authority.sets.at(-1);
    try {
      follow(authority, this.lastChange as Record, record);
    } catch (error) {
      throw new LogFault("admission", place, (error as Error).message);
    }
    const { seq } = record.entry;
    if (record.entry.header.kind === "authority") {
      const { new: fresh, old, use } = change as { new: string; old: string; use: string };
      (this.keys.get(old) as Key).until = seq;
      this.keys.set(fresh, { introduced: seq, org: "ledger", use });
      return;
    }
    const now = authority.sets.at(-1);
    const names = new Set(now?.witnesses.map((one) => toHex(one.key)));
    for (const { key } of before?.witnesses ?? []) {
      if (!names.has(toHex(key))) (this.keys.get(toHex(key)) as Key).until = seq;
    }
    for (const name of names) {
      if (!this.keys.has(name)) this.keys.set(name, { introduced: seq, org: "ledger", use: "witness" });
    }
  }

  private roots(): Roots {
    const keys = [...this.keys].map(([key, value]) => ({
      path: hash(DOMAIN.keyPath, fromHex(key) as Uint8Array),
      value: { ...value } as unknown as Json,
    }));
    const lanes = [...this.lanes].map(([org, { last, n }]) => ({ path: hash(DOMAIN.lanePath, utf8(org)), value: { last: toHex(last), n } }));
    return { root: this.tree.root(), keys: rootOf(keys), lanes: rootOf(lanes), sha256: this.standard.root() };
  }
}

/** What lies beside the segments, checked against them. */
class Documents {
  private readonly authority: Authority;
  private readonly checkpoints: LogReport["checkpoints"] = [];

  constructor(private readonly files: Files, private readonly fold: Fold) {
    this.authority = fold.authority as Authority;
  }

  report(): LogReport {
    const root = this.checkpoint("ROOT.txt");
    if (root === undefined) throw new LogFault("root-txt", "ROOT.txt", "it is not there");
    const cosigned = this.checkpoint("COSIGNED.txt");
    const chain = this.proofChain();
    const sealed = chain?.rows.at(-1)?.checkpoint.checkpoint.size ?? 0;
    const set = setAt(this.authority, this.fold.size);
    const hasQuorum = (one: Witnessed | undefined): boolean => {
      const of = one === undefined ? undefined : setAt(this.authority, one.checkpoint.size);
      return of !== undefined && (one as Witnessed).witnesses.length >= of.quorum;
    };
    return {
      ledger: this.authority.ledger,
      origin: this.authority.origin,
      size: this.fold.size,
      covered: Math.max(root.checkpoint.size, cosigned?.checkpoint.size ?? 0, sealed),
      first: this.fold.first,
      last: this.fold.lastTime,
      payloads: this.fold.payloads,
      erased: this.fold.erased,
      seals: this.fold.seals.length,
      checkpoints: this.checkpoints,
      hasQuorum: set === undefined ? undefined : hasQuorum(root) || hasQuorum(cosigned),
    };
  }

  private checkpoint(file: string): Witnessed | undefined {
    const bytes = this.files.read(file);
    if (bytes === undefined) return undefined;
    let opened: Witnessed;
    try {
      const note = readNote(bytes);
      const { size } = readCheckpoint(note.text);
      opened = openCheckpoint(note, ledgerVerifier(this.authority, size), witnessVerifiers(setAt(this.authority, size)));
    } catch (error) {
      throw new LogFault("checkpoint", file, (error as Error).message);
    }
    this.compare(file, opened);
    const { time, witnesses } = opened;
    this.checkpoints.push({ file, size: opened.checkpoint.size, time, witnesses });
    return opened;
  }

  private compare(place: string, { checkpoint }: Witnessed): void {
    if (checkpoint.size > this.fold.size) throw new LogFault("shorter", place, `signed at ${checkpoint.size} entries, and here are ${this.fold.size}`);
    const here = this.fold.at.get(checkpoint.size);
    if (here === undefined && checkpoint.size > 0) throw new LogFault("checkpoint", place, "its size is not as it was claimed");
    for (const name of ["root", "keys", "lanes", "sha256"] as const) {
      if (here !== undefined && !equal(here[name], checkpoint[name])) {
        throw new LogFault("checkpoint", place, `it names another ${name === "root" ? "root" : `root of ${name}`} than the log has at ${checkpoint.size}`);
      }
    }
  }

  private proofChain(): ProofChain | undefined {
    const bytes = this.files.read("PROOFCHAIN.json");
    const { seals } = this.fold;
    if (bytes === undefined) {
      if (seals.length > 0) throw new LogFault("proofchain", "PROOFCHAIN.json", "it is not there, and the log has seals");
      return undefined;
    }
    let chain: ProofChain;
    try {
      chain = readProofChain(bytes, this.authority.ledger, (name) => need(this.files, name));
    } catch (error) {
      throw new LogFault("proofchain", "PROOFCHAIN.json", (error as Error).message);
    }
    for (const [n, row] of chain.rows.entries()) {
      const seal = seals[n];
      if (seal?.seq !== row.seq || !equal(seal.leaf, row.leaf)) {
        throw new LogFault("proofchain", "PROOFCHAIN.json", `row ${n} is not seal ${n} of the log`);
      }
      this.compare(`PROOFCHAIN.json row ${n}`, row.checkpoint);
    }
    // A crash between a seal and its row leaves exactly the last one missing.
    if (seals.length > chain.rows.length + 1) throw new LogFault("proofchain", "PROOFCHAIN.json", "rows at the end are missing");
    return chain;
  }
}
