import { expect, test } from "vitest";
import { leafHash, NATIVE, toHex, Tree } from "vaultmesh-verify";
import { bytes, duration, relative } from "../src/time";
import { steps } from "../src/ui/path";

test("times in words", () => {
  const now = Date.parse("2026-11-30T20:00:00.000Z");
  expect(relative("2026-11-30T20:00:00.400Z", now)).toBe("now");
  expect(relative("2026-11-30T19:59:48.000Z", now)).toBe("12 s ago");
  expect(relative("2026-11-30T23:10:00.000Z", now)).toBe("in 3 h");
  expect(duration(999)).toBeUndefined();
  expect(duration(86_400_000)).toBe("1 d");
});

test("amounts in words", () => {
  expect([0, 1023, 1024, 25_276_502_016].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "23.5 GiB"]);
});

test("the picture of a proof ends at the root", () => {
  const leaves = Array.from({ length: 7 }, (_, n) => leafHash(NATIVE, Uint8Array.of(n)));
  const tree = new Tree();
  leaves.forEach((leaf) => tree.push(leaf));
  const node = (left: Uint8Array, right: Uint8Array): Uint8Array => NATIVE(Uint8Array.of(1, ...left, ...right));
  const [a, b, c, d, e, f, g] = leaves as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  // The last of seven leaves: its first sibling is the pair on its left, its second the four before.
  const path = steps(6, 7, toHex(g), [node(e, f), node(node(a, b), node(c, d))].map(toHex));
  expect(path.map(({ side }) => side)).toEqual(["left", "left"]);
  expect(path.at(-1)?.hash).toBe(toHex(tree.root()));
});
