// The event (spec/event.md, sections 4 to 6): its form, its hashes and what its signature is over.

import { concat, equal, fromHex, toHex, utf8 } from "./bytes.js";
import { bytesOf, NotCanonical, parse, type Json, type JsonObject } from "./canonical.js";
import { BadForm, isAuthor, isEpoch, isHash, isName, isTime, isUuid, Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";
import { verify } from "./signature.js";

export const MAX_HEADER_BYTES = 16 * 1024;
export const MAX_PAYLOAD_BYTES = 1024 * 1024;
export const MAX_EVENT_BYTES = MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES + 256;

/** The kinds of spec/event.md, section 9. */
export const KINDS: ReadonlySet<string> = new Set(
  `acceptance ack admission assign attention authority baseline chain-fork chain-gap chain-open clock command contradiction enrolment
   genesis goodbye heartbeat identity-provider incident invoice key key-rotation key-status labels member note notice org policy price-book
   receipt recovery refusal reopen resolve rollout rollout-wave ruleset scan schedule schedule-run seal service
   sign-in-rule silence slo tag token usage user webhook witness-key witness-set`.split(/\s+/),
);

const SEVERITIES: ReadonlySet<string> = new Set(["info", "low", "medium", "high", "critical"]);
const OWN_KIND = /^x-[a-z0-9._:-]{1,126}$/;

export type EventCode = "too-large" | "not-canonical" | "bad-event" | "payload-hash";

/** Why bytes are no event. */
export class BadEvent extends Error {
  override readonly name = "BadEvent";
  constructor(readonly code: EventCode, message: string, readonly pointer?: string) {
    super(`${code}: ${message}`);
  }
}

export interface Chain {
  epoch: string;
  prev: string;
  seq: number;
}

/** What an author signed: the event without payload, salt and signature, and the signature. */
export interface Header {
  author: string;
  chain?: Chain;
  id: string;
  key: Uint8Array;
  kind: string;
  ledger: string;
  node_id?: string;
  org: string;
  payload_hash: Uint8Array;
  payload_version: number;
  tenant?: string;
  ts: string;
  via?: { method: string; subject?: string };
  sig: Uint8Array;
  /** J(header). */
  bytes: Uint8Array;
}

export interface Event {
  header: Header;
  payload: JsonObject;
}

/** Whether a kind is one that events may have. */
export const isKind = (text: string): boolean => KINDS.has(text) || OWN_KIND.test(text);

/** Reads a header with its signature from the members of an event, or of an entry's `event`. */
export function readHeader(members: Members, document: JsonObject): Header {
  const author = members.text("author", isAuthor);
  const isThere = (name: string): boolean => members.has(name) && document[name] !== null;
  if (isThere("chain") === isThere("via")) {
    throw new BadForm(members.pointer("via"), "exactly one of chain and via is expected");
  }
  const header: Omit<Header, "bytes"> = {
    author,
    id: (members.text("format", (text) => text === "vm-event-envelope-v1"), members.text("id", isUuid7)),
    key: members.bytes("key"),
    kind: members.text("kind", isKind),
    ledger: members.text("ledger", isHash),
    org: members.text("org", isName),
    payload_hash: members.bytes("payload_hash"),
    payload_version: readSchema(members),
    ts: members.text("ts", isTime),
    sig: members.signature("sig"),
  };
  if (members.has("chain")) header.chain = readChain(members.inner("chain"));
  if (members.has("via")) header.via = readVia(members.inner("via"));
  const node = members.optional("node_id", isUuid);
  if (node !== undefined) header.node_id = node;
  const tenant = members.optional("tenant", isName);
  if (tenant !== undefined) header.tenant = tenant;
  members.optional("severity", (text) => SEVERITIES.has(text));
  const { payload: _payload, salt: _salt, sig: _sig, ...signed } = document;
  return { ...header, bytes: bytesOf(signed as JsonObject) };
}

const isUuid7 = (text: string): boolean => isUuid(text) && text[14] === "7";

function readSchema(members: Members): number {
  const schema = members.inner("schema");
  schema.integer("envelope", 1, 1);
  const version = schema.integer("payload", 1);
  schema.done();
  return version;
}

function readChain(members: Members): Chain {
  const chain = { epoch: members.text("epoch", isEpoch), prev: members.text("prev", isHash), seq: members.integer("seq") };
  members.done();
  return chain;
}

function readVia(members: Members): { method: string; subject?: string } {
  const method = members.text("method", isName);
  const subject = members.optional("subject", isName);
  members.done();
  return subject === undefined ? { method } : { method, subject };
}

/** Reads an event from the bytes in which it arrived. */
export function readEvent(bytes: Uint8Array): Event {
  if (bytes.length > MAX_EVENT_BYTES) throw new BadEvent("too-large", "the event");
  const document = canonical(bytes);
  let header: Header;
  let payload: Json;
  let salt: Uint8Array;
  try {
    const members = new Members(document);
    // The first member that every event has says whether this is meant to be one.
    if (!members.has("format")) throw new BadForm("/format", "missing");
    payload = members.take("payload");
    salt = members.bytes("salt");
    header = readHeader(members, document as JsonObject);
    if (Array.isArray(payload) || typeof payload !== "object") throw new BadForm("/payload", "an object is expected");
    members.done();
  } catch (error) {
    if (error instanceof BadForm) throw new BadEvent("bad-event", error.message, error.pointer);
    throw error;
  }
  const said = bytesOf(payload);
  if (said.length > MAX_PAYLOAD_BYTES) throw new BadEvent("too-large", "the payload", "/payload");
  if (header.bytes.length > MAX_HEADER_BYTES) throw new BadEvent("too-large", "the header");
  if (!equal(payloadHash(salt, said), header.payload_hash)) {
    throw new BadEvent("payload-hash", "another payload was signed", "/payload_hash");
  }
  return { header, payload: payload as JsonObject };
}

function canonical(bytes: Uint8Array): Json {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof NotCanonical) throw new BadEvent("not-canonical", error.message);
    throw error;
  }
}

/** `BLAKE3(02 ‖ salt ‖ J(payload))`. */
export const payloadHash = (salt: Uint8Array, payload: Uint8Array): Uint8Array => hash(DOMAIN.payload, salt, payload);

/** What the signature is over. */
export const signingBytes = (header: Header): Uint8Array => concat(utf8("vaultmesh/event/v1\n"), header.bytes);

/** `BLAKE3(03 ‖ J(header) ‖ signature)`. */
export const eventHash = (header: Header): Uint8Array => hash(DOMAIN.event, header.bytes, header.sig);

/** Organisation, author and id as one hash. */
export function identity(header: Header): string {
  const zero = Uint8Array.of(0);
  const id = fromHex(header.id.replaceAll("-", "")) as Uint8Array;
  return toHex(hash(DOMAIN.identity, utf8(header.org), zero, utf8(header.author), zero, id));
}

/** Whether the signature holds. */
export const isSigned = (header: Header): boolean => verify(header.key, signingBytes(header), header.sig);
