import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, utf8 } from "../src/bytes.js";
import { Cursor, Damaged, walkDeltas, walkRuns, walkStruct } from "../src/guard.js";
import { DOMAIN, hash } from "../src/hash.js";
import { refused } from "../src/verify.js";
import { unpack } from "../src/packed.js";
import { Budget, Column } from "../src/parquet.js";
import { hex, vectors } from "./vectors.js";

interface Segment {
  name: string;
  packed: string;
  plain: string;
}

const { segments } = vectors<{ segments: Segment[] }>("pack.json");

test("the lines of every packed segment come back", () => {
  for (const { name, packed, plain } of segments) assert.deepEqual(new TextDecoder().decode(unpack(hex(packed))), plain, name);
});

/** A fixed sequence of places: the multiplier is that of Knuth's MMIX generator. */
function places(): (below: number) => number {
  let state = 7n;
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % (1n << 64n);
    return Number(state >> 33n) % below;
  };
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The file with checksums that fit what is in it: made by somebody who knows the format. */
function summed(file: Uint8Array, starts: readonly number[]): Uint8Array {
  const footer = file.length - 8 - view(file).getUint32(file.length - 8, true);
  const sums = footer - 32 * (starts.length + 1);
  // A flip of the length of the footer leads outside of the file.
  if (sums < 4 || footer > file.length) return file;
  const parts = [...starts, sums];
  starts.forEach((start, n) => file.set(hash(DOMAIN.packedPart, file.subarray(n === 0 ? 0 : start, parts[n + 1])), sums + 32 * n));
  file.set(hash(DOMAIN.packedPart, file.subarray(footer)), footer - 32);
  return file;
}

test("a flipped bit is found, also under checksums that were made anew", () => {
  const next = places();
  for (const { name, packed } of segments) {
    for (let n = 0; n < 250; n++) {
      const file = hex(packed).slice();
      const [at, bit] = [next(file.length), next(8)];
      file[at] = (file[at] as number) ^ (1 << bit);
      const what = `${name}, byte ${at}, bit ${bit}`;
      assert.throws(() => unpack(file), (error: Error) => refused(error) !== undefined, what);
      // The lines are under a hash in the footer: what still reads gives the same.
      let lines: Uint8Array | undefined;
      try {
        lines = unpack(summed(file, [4]));
      } catch (error) {
        assert(refused(error) !== undefined, `${what}: ${(error as Error).stack}`);
      }
      const { plain } = segments.find((one) => one.name === name) as Segment;
      if (lines !== undefined) assert.equal(new TextDecoder().decode(lines), plain, what);
    }
  }
});

test("a file that is cut off is refused wherever that is", () => {
  const whole = hex((segments[0] as Segment).packed);
  for (let length = 0; length < whole.length; length += 97) assert.throws(() => unpack(whole.slice(0, length)), Damaged);
});

test("what a file says of its sizes sets nothing aside", () => {
  const long = (value: number): Uint8Array => {
    const bytes = [];
    for (let left = value; ; left = Math.floor(left / 128)) {
      bytes.push(left < 128 ? left : (left % 128) + 128);
      if (left < 128) return Uint8Array.from(bytes);
    }
  };
  const many = 2 ** 31 - 1;
  const structs: readonly (readonly [string, Uint8Array])[] = [
    ["a list of two billion", concat(Uint8Array.of(0x19, 0xf5), long(many), Uint8Array.of(0, 0))],
    ["a text of two billion", concat(Uint8Array.of(0x18), long(many), utf8("x"))],
    ["lists in lists", new Uint8Array(4096).fill(0x19)],
    ["structures in structures", new Uint8Array(4096).fill(0x1c)],
    ["a number without an end", new Uint8Array(4096).fill(0xff)],
    ["no end", Uint8Array.of(0x15, 2)],
  ];
  for (const [what, bytes] of structs) assert.throws(() => walkStruct(new Cursor(bytes)), Damaged, what);
  const runs: readonly (readonly [string, Uint8Array])[] = [
    ["a run of a billion", concat(long(2 * 2 ** 30), Uint8Array.of(1))],
    ["a billion bits of nothing", long(2 * 2 ** 27 + 1)],
    ["empty runs", new Uint8Array(64)],
  ];
  for (const [what, bytes] of runs) assert.throws(() => walkRuns(new Cursor(bytes), 1, 1000), Damaged, what);
  assert.throws(() => walkDeltas(new Cursor(concat(long(many), long(many), long(100), long(0))), 100), Damaged);
  // As a footer, under a checksum that fits.
  for (const [what, bytes] of structs) {
    const length = new Uint8Array(4);
    view(length).setUint32(0, bytes.length, true);
    const end = concat(bytes, length, utf8("PAR1"));
    const file = concat(utf8("PAR1"), hash(DOMAIN.packedPart, end), end);
    assert.throws(() => unpack(file), Damaged, what);
  }
});

test("a page that says it grows to gigabytes is refused before anything is set aside for it", () => {
  const element = { name: "seq", type: "INT64", repetition_type: "REQUIRED" } as const;
  const leaf = { children: [], count: 1, element, path: ["seq"] };
  const root = { children: [leaf], count: 2, element: { name: "entry", num_children: 1, repetition_type: "REQUIRED" as const }, path: [] };
  const column = (): Column => new Column(4, { codec: "ZSTD", path_in_schema: ["seq"] } as never, root as never, new Budget(1024));
  // A data page of the first version: its kind, sizes before and after, four values, and the encodings.
  const page = (size: readonly number[], values: number): Uint8Array => Uint8Array.of(0x15, 0, 0x15, ...size, 0x15, 2, 0x2c, 0x15, values, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0, 0);
  assert.throws(() => column().read(page([0xfe, 0xff, 0xff, 0xff, 0x0f], 8)), /more than a segment may/);
  assert.throws(() => column().read(page([64], 10)), Damaged, "more values than rows, or no frame");
  assert.throws(() => column().read(new Uint8Array()), Damaged);
});
