// What time it is by the service's clock. A browser's clock may be off, and every "ago" would be with it.

/** The header `Date` has whole seconds, and an answer takes a while: what is less than this is no difference. */
const NOTABLE_MS = 5_000;

let offset = 0;
const listeners = new Set<() => void>();

/** Takes note of what an answer says of the time; `date` is its header. */
export function heard(date: string | null): void {
  const theirs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return;
  const found = Date.now() - theirs;
  const notable = Math.abs(found) > NOTABLE_MS ? found : 0;
  // Latency moves it by some hundreds of milliseconds each time.
  if (Math.abs(notable - offset) < NOTABLE_MS) return;
  offset = notable;
  listeners.forEach((listener) => listener());
}

/** How far this machine's clock is ahead of the service's, in milliseconds. */
export const ahead = (): number => offset;

/** The time by the service's clock. */
export const now = (): number => Date.now() - offset;

export function onSkew(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
