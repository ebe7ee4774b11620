// What the library that reads Parquet is not asked to believe: it sets aside what a file says, so lengths and counts are
// walked through here first, at no cost, and what does not fit into the bytes at hand is refused (spec/pack.md, File).

/** Bytes that are no packed segment, or a damaged one. */
export class Damaged extends Error {
  override readonly name = "Damaged";
}

/** Structures within structures: more than this is no Parquet. */
const MAX_NESTING = 8;
/** Bytes of a number of 64 bits. */
const MAX_VARINT = 10;
/** A run of packed bits is filled up to a multiple of eight, by some writers to that of their buffer. */
const MAX_FILLER = 504;

/** A place that moves through bytes and does not leave them. */
export class Cursor {
  constructor(readonly bytes: Uint8Array, public at = 0, readonly end = bytes.length) {}

  byte(): number {
    if (this.at >= this.end) throw new Damaged("it ends too early");
    return this.bytes[this.at++] as number;
  }

  skip(count: number): void {
    if (!(count >= 0 && count <= this.end - this.at)) throw new Damaged("it ends too early");
    this.at += count;
  }

  /** A number; only its size is of interest, so what is beyond 2^53 comes out inexact. */
  varint(): number {
    let value = 0;
    for (let n = 0, scale = 1; n < MAX_VARINT; n++, scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new Damaged("a number of more than 64 bits");
  }

  uint32(): number {
    const from = this.at;
    this.skip(4);
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + from, 4).getUint32(0, true);
  }
}

/** Walks through a structure of Thrift's compact protocol, to its end. */
export function walkStruct(cursor: Cursor, depth = 0): void {
  if (depth > MAX_NESTING) throw new Damaged("nested too deep");
  for (;;) {
    const head = cursor.byte();
    const type = head & 0x0f;
    if (type === 0) return;
    if (head >> 4 === 0) cursor.varint();
    walkElement(cursor, type, depth);
  }
}

function walkElement(cursor: Cursor, type: number, depth: number): void {
  switch (type) {
    case 1: case 2: return;
    case 3: return cursor.skip(1);
    case 4: case 5: case 6: return void cursor.varint();
    case 7: return cursor.skip(8);
    case 8: return cursor.skip(cursor.varint());
    case 9: return walkList(cursor, depth);
    case 12: return walkStruct(cursor, depth + 1);
    default: throw new Damaged(`a value of the unknown type ${type}`);
  }
}

function walkList(cursor: Cursor, depth: number): void {
  if (depth >= MAX_NESTING) throw new Damaged("nested too deep");
  const head = cursor.byte();
  const size = head >> 4 === 15 ? cursor.varint() : head >> 4;
  const type = head & 0x0f;
  // Each has a byte at least.
  if (size > cursor.end - cursor.at) throw new Damaged("a list that is longer than the file");
  for (let n = 0; n < size; n++) {
    if (type <= 2) cursor.skip(1);
    else walkElement(cursor, type, depth + 1);
  }
}

/** Walks through runs (RLE and packed bits) of `count` numbers of `width` bits. */
export function walkRuns(cursor: Cursor, width: number, count: number): void {
  if (width > 32) throw new Damaged("numbers of too many bits");
  for (let seen = 0; seen < count; ) {
    const head = cursor.varint();
    const run = Math.floor(head / 2);
    if (run === 0) throw new Damaged("an empty run");
    if (head % 2 === 1) {
      cursor.skip(run * width);
      seen += 8 * run;
      if (seen > count + MAX_FILLER) throw new Damaged("a run that is too long");
    } else {
      cursor.skip(Math.ceil(width / 8));
      seen += run;
      if (seen > count) throw new Damaged("a run that is too long");
    }
  }
}

/** Walks through `count` numbers in the encoding DELTA_BINARY_PACKED. */
export function walkDeltas(cursor: Cursor, count: number): void {
  const [block, minis, said] = [cursor.varint(), cursor.varint(), cursor.varint()];
  cursor.varint();
  const each = block / minis;
  if (said !== count || block > 65_536 || !Number.isInteger(each) || each === 0 || each % 32 !== 0) throw new Damaged("differences of no such form");
  for (let left = count - 1; left > 0; ) {
    cursor.varint();
    const widths = cursor.at;
    cursor.skip(minis);
    for (let n = 0; n < minis && left > 0; n++, left -= each) {
      const width = cursor.bytes[widths + n] as number;
      if (width > 64) throw new Damaged("numbers of too many bits");
      cursor.skip((each / 8) * width);
    }
  }
}
