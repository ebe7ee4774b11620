import { expect, test } from "vitest";
import { BadSelector, selector } from "../src/selector";
import { share, shares, written } from "../src/shares";

const NODE = { env: "prod", zone: "a", canary: "" };

test.each([
  ["", true], ["  ", true], ["env=prod", true], ["env == prod", true], ["env=lab", false], ["env!=lab", true], ["tier!=db", true],
  ["zone in (a, b)", true], ["zone in (b)", false], ["zone notin (b)", true], ["tier notin (db)", true], ["tier in (db)", false],
  ["canary", true], ["!old", true], ["!env", false], ["env=prod,zone in (a,b),!old", true], ["env=prod, zone=b", false], ["canary=", true],
])("%s selects as the service would", (text, holds) => expect(selector(text)(NODE)).toBe(holds));

test.each(["env=prod,", "Env=prod", "env=a b", "zone in a", "=prod", "!", "env=(a)"])("%s is no selector", (text) => expect(() => selector(text)).toThrow(BadSelector));

test("shares are numbers of nodes or percent", () => {
  expect(shares("1, 10%,100%")).toEqual([{ count: 1 }, { percent: 10 }, { percent: 100 }]);
  expect(["", "x", "101%", "0%", "4097", "-1", "1.5"].map(share)).toEqual(Array.from({ length: 7 }, () => undefined));
  expect(shares("1,,2")).toBeUndefined();
  expect([{ count: 3 }, { percent: 5 }].map(written)).toEqual(["3", "5%"]);
});
