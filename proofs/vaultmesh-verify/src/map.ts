// Sparse maps (spec/proof.md, sections 5 and 6): roots, and proofs of presence and absence.

import { equal, toHex } from "./bytes.js";
import { bytesOf, type Json } from "./canonical.js";
import { BadForm, Members } from "./form.js";
import { DOMAIN, hash } from "./hash.js";
import { NATIVE } from "./tree.js";

export interface Step {
  bit: number;
  sibling: Uint8Array;
}

export interface Member {
  path: Uint8Array;
  value: Json;
}

const EMPTY = NATIVE(new Uint8Array());

const bitOf = (path: Uint8Array, bit: number): number => (((path[bit >> 3] as number) >> (7 - (bit & 7))) & 1);
const memberHash = (member: Member): Uint8Array => hash(DOMAIN.mapLeaf, member.path, bytesOf(member.value));
const branch = (bit: number, left: Uint8Array, right: Uint8Array): Uint8Array =>
  hash(DOMAIN.mapNode, Uint8Array.of(bit), left, right);

/** The root of a map of these members, no two of which have one path. */
export function rootOf(members: Member[]): Uint8Array {
  const sorted = [...members].sort((a, b) => (toHex(a.path) < toHex(b.path) ? -1 : 1));
  return rootOfSorted(sorted);
}

function rootOfSorted(members: Member[]): Uint8Array {
  const [first, last] = [members[0], members.at(-1)];
  if (first === undefined || last === undefined) return EMPTY;
  if (members.length === 1) return memberHash(first);
  // Of sorted members the first and the last differ in the first bit in which any two do.
  let bit = 0;
  while (bitOf(first.path, bit) === bitOf(last.path, bit)) bit++;
  const right = members.findIndex((member) => bitOf(member.path, bit) === 1);
  return branch(bit, rootOfSorted(members.slice(0, right)), rootOfSorted(members.slice(right)));
}

/** Whether a member is in the map with a root. */
export function isPresent(root: Uint8Array, member: Member, steps: Step[]): boolean {
  let h = memberHash(member);
  for (let n = steps.length - 1; n >= 0; n--) {
    const { bit, sibling } = steps[n] as Step;
    const next = steps[n + 1];
    if (bit < 0 || bit > 255 || (next !== undefined && next.bit <= bit)) return false;
    h = bitOf(member.path, bit) === 0 ? branch(bit, h, sibling) : branch(bit, sibling, h);
  }
  return equal(h, root);
}

/** Whether a path is in no member of the map with a root; `found` is where the search for it ends. */
export function isAbsent(root: Uint8Array, path: Uint8Array, found: Member | undefined, steps: Step[]): boolean {
  if (found === undefined) return steps.length === 0 && equal(root, EMPTY);
  if (equal(found.path, path)) return false;
  return steps.every(({ bit }) => bitOf(found.path, bit) === bitOf(path, bit)) && isPresent(root, found, steps);
}

/** Reads `[{"bit":3,"sibling":"…"}]`. */
export function readSteps(list: Json[], at: string): Step[] {
  if (list.length > 256) throw new BadForm(at, "more steps than a path has bits");
  return list.map((item, n) => {
    const members = new Members(item, `${at}/${n}`);
    const step = { bit: members.integer("bit", 0, 255), sibling: members.bytes("sibling") };
    members.done();
    return step;
  });
}
