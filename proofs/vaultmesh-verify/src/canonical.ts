// Canonical JSON (spec/event.md, section 1): RFC 8785 within limits. A reader refuses what is not canonical and names
// the first byte at fault; it repairs nothing.

import { utf8 } from "./bytes.js";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export type Rule =
  | "end" | "byte" | "trailing" | "utf-8" | "escape" | "surrogate" | "duplicate" | "order" | "number" | "range" | "depth";

/** Why bytes are not canonical. */
export class NotCanonical extends Error {
  override readonly name = "NotCanonical";
  constructor(readonly at: number, readonly rule: Rule) {
    super(`byte ${at}: ${rule}`);
  }
}

export const MAX_DEPTH = 64;
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

/** The canonical text of a value. */
export function write(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return value === 0 ? "0" : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  // Strings compare by UTF-16 code units, which is the order of RFC 8785.
  const members = Object.keys(value).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map((key) => `${JSON.stringify(key)}:${write(value[key] as Json)}`).join(",")}}`;
}

/** J(x). */
export const bytesOf = (value: Json): Uint8Array => utf8(write(value));

/** The value of canonical bytes. */
export function parse(bytes: Uint8Array): Json {
  const fault = invalidUtf8(bytes);
  if (fault !== undefined) throw new NotCanonical(fault, "utf-8");
  return new Scanner(bytes).document();
}

/** The first byte at which bytes are no UTF-8 (RFC 3629), as the Unicode Standard counts maximal subparts. */
export function invalidUtf8(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return undefined;
}

function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  const within = (n: number, low: number, high: number): boolean => {
    const byte = bytes[at + n];
    return byte !== undefined && byte >= low && byte <= high;
  };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return within(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return within(1, low, high) && within(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return within(1, low, high) && within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

const code = (c: string): number => c.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON, MINUS, POINT] = [code('"'), code("\\"), code(","), code(":"), code("-"), code(".")];
const SHORT_ESCAPES = new Map([
  [code('"'), '"'], [code("\\"), "\\"], [code("b"), "\b"], [code("t"), "\t"], [code("n"), "\n"], [code("f"), "\f"], [code("r"), "\r"],
]);
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

class Scanner {
  private at = 0;
  private depth = 0;

  constructor(private readonly bytes: Uint8Array) {}

  document(): Json {
    const value = this.value();
    if (this.at < this.bytes.length) throw new NotCanonical(this.at, "trailing");
    return value;
  }

  /** The byte that cannot stand here, or the end. */
  private unexpected(at = this.at): NotCanonical {
    return at < this.bytes.length ? new NotCanonical(at, "byte") : new NotCanonical(this.bytes.length, "end");
  }

  private expect(byte: number): void {
    if (this.bytes[this.at] !== byte) throw this.unexpected();
    this.at++;
  }

  private value(): Json {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw this.unexpected();
    switch (String.fromCharCode(byte)) {
      case "{": return this.nested(() => this.object());
      case "[": return this.nested(() => this.array());
      case '"': return this.string();
      case "t": return this.literal("true", true);
      case "f": return this.literal("false", false);
      case "n": return this.literal("null", null);
      default: return this.number();
    }
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new NotCanonical(this.at, "depth");
    this.at++;
    const value = read();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const object = Object.create(null) as JsonObject;
    if (this.bytes[this.at] === code("}")) {
      this.at++;
      return object;
    }
    for (let last: string | undefined; ; ) {
      const from = this.at;
      if (this.bytes[this.at] !== QUOTE) throw this.unexpected();
      const key = this.string();
      if (last === key) throw new NotCanonical(from, "duplicate");
      if (last !== undefined && key < last) throw new NotCanonical(from, "order");
      last = key;
      this.expect(COLON);
      object[key] = this.value();
      if (this.bytes[this.at] === COMMA) this.at++;
      else break;
    }
    this.expect(code("}"));
    return object;
  }

  private array(): Json[] {
    const items: Json[] = [];
    if (this.bytes[this.at] === code("]")) {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.value());
      if (this.bytes[this.at] !== COMMA) break;
      this.at++;
    }
    this.expect(code("]"));
    return items;
  }

  private literal<T extends Json>(word: string, value: T): T {
    for (const c of word) this.expect(code(c));
    return value;
  }

  private string(): string {
    this.at++;
    let text = "";
    for (let from = this.at; ; ) {
      const byte = this.bytes[this.at];
      if (byte === undefined || byte < 0x20) throw this.unexpected();
      if (byte !== QUOTE && byte !== BACKSLASH) {
        this.at++;
        continue;
      }
      text += DECODER.decode(this.bytes.subarray(from, this.at));
      if (byte === QUOTE) {
        this.at++;
        return text;
      }
      text += this.escape();
      from = this.at;
    }
  }

  private escape(): string {
    const from = this.at;
    const byte = this.bytes[from + 1];
    if (byte === undefined) throw this.unexpected(this.bytes.length);
    const short = SHORT_ESCAPES.get(byte);
    if (short !== undefined) {
      this.at += 2;
      return short;
    }
    if (byte !== code("u")) throw new NotCanonical(from, "escape");
    if (from + 6 > this.bytes.length) throw this.unexpected(this.bytes.length);
    const digits = DECODER.decode(this.bytes.subarray(from + 2, from + 6));
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new NotCanonical(from, "escape");
    const unit = parseInt(digits, 16);
    if (unit >= 0xd800 && unit <= 0xdfff) throw new NotCanonical(from, "surrogate");
    const text = String.fromCharCode(unit);
    // Only what the writer writes so.
    if (JSON.stringify(text) !== `"\\u${digits}"`) throw new NotCanonical(from, "escape");
    this.at += 6;
    return text;
  }

  private number(): number {
    const from = this.at;
    let at = from;
    const digits = (): void => {
      if (!isDigit(this.bytes[at])) throw this.unexpected(at);
      while (isDigit(this.bytes[at])) at++;
    };
    if (this.bytes[at] === MINUS) at++;
    digits();
    if (this.bytes[at] === POINT) {
      at++;
      digits();
    }
    if (this.bytes[at] === code("e") || this.bytes[at] === code("E")) {
      at++;
      if (this.bytes[at] === MINUS || this.bytes[at] === code("+")) at++;
      digits();
    }
    const text = DECODER.decode(this.bytes.subarray(from, at));
    const value = Number(text);
    if (!(Math.abs(value) <= MAX_INTEGER)) throw new NotCanonical(from, "range");
    if (write(value) !== text) throw new NotCanonical(from, "number");
    this.at = at;
    return value;
  }
}
