import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { LogFault, readLog, type Files } from "../src/log.js";
import { verify } from "../src/verify.js";

const FIXTURE = new URL("../../../../ledger/tests/fixtures/0.1/", import.meta.url);
const expected = JSON.parse(readFileSync(new URL("expected.json", FIXTURE), "utf8")) as { ledger_id: string; size: number; seals: number };
const names = ["COSIGNED.txt", "PROOFCHAIN.json", "ROOT.txt", ...readdirSync(new URL("data/log/", FIXTURE)).map((name) => `log/${name}`)];
const data = new Map(names.map((name) => [name, new Uint8Array(readFileSync(new URL(`data/${name}`, FIXTURE)))]));

/** The fixture's files with some put in place of others; undefined: it is not there. */
function files(changed: Record<string, Uint8Array | undefined> = {}): Files {
  const now = new Map<string, Uint8Array>(data);
  for (const [name, bytes] of Object.entries(changed)) {
    if (bytes === undefined) now.delete(name);
    else now.set(name, bytes);
  }
  return { names: () => [...now.keys()], read: (name) => now.get(name) };
}

test("the ledger of the first release verifies as the first verifier says", () => {
  const report = readLog(files(), expected.ledger_id);
  assert.deepEqual([report.ledger, report.size, report.seals], [expected.ledger_id, expected.size, expected.seals]);
  assert.deepEqual([report.covered, report.hasQuorum], [expected.size, true]);
  const { kind } = verify(data.get("PROOFCHAIN.json") as Uint8Array, expected.ledger_id);
  assert.equal(kind, "proof chain");
});

test("a flipped bit is found wherever it is", () => {
  // A fixed sequence of places: the multiplier is that of Knuth's MMIX generator.
  let state = 1n;
  const next = (below: number): number => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % (1n << 64n);
    return Number(state >> 33n) % below;
  };
  const covered = names.filter((name) => !name.startsWith("log/cut-"));
  for (let n = 0; n < 48; n++) {
    const name = covered[n % covered.length] as string;
    const bytes = Uint8Array.from(data.get(name) as Uint8Array);
    const [at, bit] = [next(bytes.length), next(8)];
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    assert.throws(() => readLog(files({ [name]: bytes })), LogFault, `${name} byte ${at} bit ${bit}`);
  }
});

test("what is missing is named", () => {
  const code = (changed: Record<string, Uint8Array | undefined>, ledger?: string): string => {
    try {
      readLog(files(changed), ledger);
    } catch (error) {
      return (error as LogFault).code;
    }
    return "nothing";
  };
  const [first, second] = names.filter((name) => name.endsWith(".jsonl")) as [string, string];
  assert.equal(code({ "ROOT.txt": undefined }), "root-txt");
  assert.equal(code({ "PROOFCHAIN.json": undefined }), "proofchain");
  assert.equal(code({ [first]: undefined }), "segment-name");
  assert.equal(code({ [second]: undefined }), "shorter");
  assert.equal(code({ [first]: undefined, [second]: undefined }), "segment-name");
  assert.equal(code({}, "0".repeat(64)), "ledger-id");
});

test("the clock is set back by recovery keys alone, at the place that they signed for", () => {
  const file = new URL("../../../../spec/vectors/clock.json", import.meta.url);
  const vectors = JSON.parse(readFileSync(file, "utf8")) as {
    log: string; accepted: string; refused: { name: string; appended: string; failure: { code: string } }[];
  };
  // The log alone: what has no fault lacks its documents.
  const code = (log: string): string => {
    const segment = new TextEncoder().encode(log);
    try {
      readLog({ names: () => ["log/00000000000000000000.jsonl"], read: (name) => (name.startsWith("log/") ? segment : undefined) });
    } catch (error) {
      return (error as LogFault).code;
    }
    return "nothing";
  };
  assert.equal(code(vectors.log), "root-txt");
  assert.equal(code(vectors.log + vectors.accepted), "root-txt");
  assert.ok(vectors.refused.length > 15);
  for (const { name, appended, failure } of vectors.refused) assert.equal(code(vectors.log + appended), failure.code, name);
});
