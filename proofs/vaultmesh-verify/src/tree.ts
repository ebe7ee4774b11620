// The tree and its proofs (spec/proof.md, sections 1 to 4), in both faces.

import { blake3 } from "@noble/hashes/blake3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.js";

export type Hash = (bytes: Uint8Array) => Uint8Array;

export const NATIVE: Hash = (bytes) => blake3(bytes);
export const STANDARD: Hash = (bytes) => sha256(bytes);

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const NOTHING = new Uint8Array();

export const leafHash = (face: Hash, leaf: Uint8Array): Uint8Array => face(concat(LEAF, leaf));
export const nodeHash = (face: Hash, left: Uint8Array, right: Uint8Array): Uint8Array => face(concat(NODE, left, right));

const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

/** A tree that only grows; it keeps the roots of its complete subtrees. */
export class Tree {
  private readonly peaks: { hash: Uint8Array; size: number }[] = [];
  size = 0;

  constructor(private readonly face: Hash = NATIVE) {}

  /** A tree of `size` leaves by the roots of its complete subtrees, the largest first; undefined if they are not as many. */
  static resumed(face: Hash, size: number, roots: readonly Uint8Array[]): Tree | undefined {
    const tree = new Tree(face);
    let [left, next] = [size, 0];
    for (let subtree = 2 ** 52; subtree >= 1; subtree /= 2) {
      if (left < subtree) continue;
      const hash = roots[next++];
      if (hash === undefined) return undefined;
      tree.peaks.push({ hash, size: subtree });
      left -= subtree;
    }
    tree.size = size;
    return next === roots.length ? tree : undefined;
  }

  /** Appends the hash of a leaf. */
  push(leaf: Uint8Array): void {
    let peak = { hash: leaf, size: 1 };
    for (let last = this.peaks.at(-1); last?.size === peak.size; last = this.peaks.at(-1)) {
      this.peaks.pop();
      peak = { hash: nodeHash(this.face, last.hash, peak.hash), size: 2 * peak.size };
    }
    this.peaks.push(peak);
    this.size++;
  }

  root(): Uint8Array {
    const hashes = this.peaks.map((peak) => peak.hash);
    return hashes.length === 0 ? this.face(NOTHING) : hashes.reduceRight((right, left) => nodeHash(this.face, left, right));
  }
}

/** Whether a leaf's hash is proved at an index; `size` and `root` are from one checkpoint. */
export function isIncluded(
  face: Hash, leaf: Uint8Array, index: number, size: number, root: Uint8Array, proof: Uint8Array[],
): boolean {
  if (index >= size) return false;
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of proof) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(face, p, r);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(face, r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(r, root);
}

const isPowerOfTwo = (n: number): boolean => {
  while (n > 1 && !isOdd(n)) n = half(n);
  return n === 1;
};

/** Whether the tree of one checkpoint is proved to begin with that of another. */
export function isExtended(
  face: Hash, oldSize: number, oldRoot: Uint8Array, newSize: number, newRoot: Uint8Array, proof: Uint8Array[],
): boolean {
  if (oldSize > newSize) return false;
  const empty = face(NOTHING);
  if (oldSize === newSize) {
    return proof.length === 0 && equal(oldRoot, newRoot) && (newSize > 0 || equal(newRoot, empty));
  }
  if (oldSize === 0) return proof.length === 0 && equal(oldRoot, empty);
  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (first === undefined || proof.length === 0) return false;
  let [fn, sn] = [oldSize - 1, newSize - 1];
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [first, first];
  for (const c of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(face, c, fr);
      sr = nodeHash(face, c, sr);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(face, sr, c);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(fr, oldRoot) && equal(sr, newRoot);
}
