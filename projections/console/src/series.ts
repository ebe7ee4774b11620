// Counts over time, stacked: what charts of bars are drawn from.

export interface Point {
  at: string;
  name: string;
  count: number;
}

export interface Stacks {
  /** When each bar begins, in ms since 1970, without gaps. */
  times: number[];
  series: { name: string; counts: number[] }[];
}

/** The last `bars` steps up to `end`, each series in the order of `names`, those that are not named behind. */
export function stacks(points: readonly Point[], step_ms: number, bars: number, end: number, names: readonly string[]): Stacks {
  const last = Math.floor(end / step_ms) * step_ms;
  const times = Array.from({ length: bars }, (_, n) => last - (bars - 1 - n) * step_ms);
  const first = times[0] ?? last;
  const found = new Map<string, number[]>();
  for (const { at, name, count } of points) {
    const bar = Math.floor((Date.parse(at) - first) / step_ms);
    if (bar < 0 || bar >= bars) continue;
    const counts = found.get(name) ?? times.map(() => 0);
    counts[bar] = (counts[bar] ?? 0) + count;
    found.set(name, counts);
  }
  const rank = (name: string): number => (names.includes(name) ? names.indexOf(name) : names.length);
  const series = [...found].map(([name, counts]) => ({ name, counts })).sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
  return { times, series };
}

export const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
