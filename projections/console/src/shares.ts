// Shares of a selection of nodes (spec/event.md, kind rollout): `1`, `10%`, `100%`.

import type { Row } from "./api/client";

export type Share = Row<"Share">;

/** Reads a list of shares; undefined if one of them is none. */
export function shares(text: string): Share[] | undefined {
  const found = text.split(",").map((part) => share(part.trim()));
  return found.every((one) => one !== undefined) ? found : undefined;
}

export function share(text: string): Share | undefined {
  const [, digits, percent] = /^(\d{1,4})(%?)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const n = Number(digits);
  if (percent === "%") return n >= 1 && n <= 100 ? { percent: n } : undefined;
  return n <= 4_096 ? { count: n } : undefined;
}

export const written = (one: Share): string => (one.percent === undefined ? String(one.count ?? 0) : `${one.percent}%`);
