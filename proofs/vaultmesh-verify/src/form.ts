// Text forms (spec/event.md, section 2) and closed sets of members. Every refusal names the member by JSON pointer.

import { fromBase64, fromHex } from "./bytes.js";
import { MAX_INTEGER, type Json, type JsonObject } from "./canonical.js";

/** A document that has not the form it should have. */
export class BadForm extends Error {
  override readonly name = "BadForm";
  constructor(readonly pointer: string, readonly problem: string) {
    super(pointer === "" ? problem : `${pointer}: ${problem}`);
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NAME = /^[a-z0-9._:-]{1,128}$/;
const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z$/;
const AUTHOR = /^(?:(?:node|user|token):(.*)|(?:service|import):(.*))$/s;

export const isUuid = (text: string): boolean => UUID.test(text);
export const isName = (text: string): boolean => NAME.test(text);
export const isHash = (text: string): boolean => fromHex(text)?.length === 32;
export const isEpoch = (text: string): boolean => fromHex(text)?.length === 16;
export const isSignature = (text: string): boolean => fromBase64(text)?.length === 64;

export function isTime(text: string): boolean {
  const parts = TIME.exec(text);
  if (parts === null || Number(parts[1]) < 1970) return false;
  // What Date makes of a day that does not exist, or of a leap second, is written differently.
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString() === text;
}

export function isAuthor(text: string): boolean {
  const parts = AUTHOR.exec(text);
  if (parts === null) return false;
  return parts[1] !== undefined ? isUuid(parts[1]) : isName(parts[2] as string);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads the members of one object, each once, and refuses those that nobody asked for. */
export class Members {
  private readonly left: Set<string>;
  private readonly object: JsonObject;

  constructor(value: Json | undefined, private readonly at = "") {
    if (!isObject(value)) throw new BadForm(at, "an object is expected");
    this.object = value;
    this.left = new Set(Object.keys(value));
  }

  pointer(name: string): string {
    return `${this.at}/${name}`;
  }

  has(name: string): boolean {
    return this.object[name] !== undefined;
  }

  take(name: string): Json {
    const value = this.object[name];
    if (value === undefined) throw new BadForm(this.pointer(name), "missing");
    if (value === null) throw new BadForm(this.pointer(name), "null");
    this.left.delete(name);
    return value;
  }

  text(name: string, is: (text: string) => boolean = () => true): string {
    const value = this.take(name);
    if (typeof value !== "string") throw new BadForm(this.pointer(name), "a text is expected");
    if (!is(value)) throw new BadForm(this.pointer(name), "not of its form");
    return value;
  }

  optional(name: string, is: (text: string) => boolean): string | undefined {
    return this.has(name) ? this.text(name, is) : undefined;
  }

  bytes(name: string): Uint8Array {
    return fromHex(this.text(name, isHash)) as Uint8Array;
  }

  signature(name: string): Uint8Array {
    return fromBase64(this.text(name, isSignature)) as Uint8Array;
  }

  integer(name: string, least = 0, most = MAX_INTEGER): number {
    const value = this.take(name);
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      throw new BadForm(this.pointer(name), `an integer from ${least} to ${most} is expected`);
    }
    return value as number;
  }

  boolean(name: string): boolean {
    const value = this.take(name);
    if (typeof value !== "boolean") throw new BadForm(this.pointer(name), "true or false is expected");
    return value;
  }

  list(name: string, least = 0, most = Infinity): Json[] {
    const value = this.take(name);
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      throw new BadForm(this.pointer(name), "a list of another length is expected");
    }
    return value;
  }

  hashes(name: string): Uint8Array[] {
    return this.list(name).map((item, n) => {
      const bytes = typeof item === "string" ? fromHex(item) : undefined;
      if (bytes?.length !== 32) throw new BadForm(`${this.pointer(name)}/${n}`, "a hash is expected");
      return bytes;
    });
  }

  inner(name: string): Members {
    return new Members(this.take(name), this.pointer(name));
  }

  done(): void {
    for (const name of this.left) throw new BadForm(this.pointer(name), "unknown member");
  }
}
