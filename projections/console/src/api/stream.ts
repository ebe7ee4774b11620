// One stream of entries, taken up again where it broke off and told on four times a second. It knows no page: it runs in
// a worker that all tabs share, or in a tab where there is no such worker.

import type { Row } from "./client";

export type StreamState = "connecting" | "live" | "reconnecting" | "stale" | "ended";
export type LiveEntry = Pick<Row<"EventEntry">, "seq" | "recorded_at" | "event" | "payload">;

export interface Told {
  state: StreamState;
  /** What came since the last time, the oldest first. */
  entries: LiveEntry[];
  /** Whether entries were left out in front of these: whoever keeps answers has to ask again. */
  gap: boolean;
}

/** At most so often somebody is told of entries. */
export const TELL_EVERY_MS = 250;
/** The service says something at least every 15 s; after twice that the stream is taken for dead. */
const SILENCE_MS = 35_000;
/** Whoever slept longer than this begins anew: a day of heartbeats is not worth reading. */
const TOO_LONG_MS = 5 * 60_000;
/** How many failures in a row make what is shown stale. */
const STALE_AFTER = 3;
const MAX_PAUSE_MS = 30_000;
/** More entries than this at once are a gap: nobody reads them. */
const MAX_TOLD = 2_000;

export class Stream {
  state: StreamState = "connecting";
  private lastId: string | undefined;
  private lastWord = Date.now();
  private gap = false;
  private waiting: LiveEntry[] = [];
  private halted = false;
  private current: AbortController | undefined;
  private hurry: (() => void) | undefined;

  constructor(private readonly url: string, private readonly token: string | null, private readonly tell: (told: Told) => void) {
    void this.run();
  }

  stop(): void {
    this.halted = true;
    this.current?.abort();
    this.hurry?.();
  }

  /** Somebody looks again, perhaps after a sleep in which no timer ran. */
  wake(): void {
    if (Date.now() - this.lastWord > SILENCE_MS) this.current?.abort();
    this.hurry?.();
  }

  private become(state: StreamState): void {
    if (this.state === state) return;
    this.state = state;
    this.pass();
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.halted; failures++) {
      if (Date.now() - this.lastWord > TOO_LONG_MS && this.lastId !== undefined) {
        this.lastId = undefined;
        this.gap = true;
      }
      const began = Date.now();
      try {
        await this.follow();
      } catch (error) {
        if (error instanceof Ended) return this.become("ended");
        // Told by the state; what was missed comes with the next stream.
      }
      if (this.halted) return;
      if (Date.now() - began > SILENCE_MS) failures = 0;
      this.become(failures < STALE_AFTER ? "reconnecting" : "stale");
      const pause = Math.min(MAX_PAUSE_MS, 500 * 2 ** failures) * (0.5 + Math.random());
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        this.hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.hurry = undefined;
    }
  }

  /** Reads one stream to its end. */
  private async follow(): Promise<void> {
    const headers: Record<string, string> = this.token === null ? {} : { Authorization: `Bearer ${this.token}` };
    if (this.lastId !== undefined) headers["Last-Event-ID"] = this.lastId;
    const current = (this.current = new AbortController());
    let clock = setTimeout(() => current.abort(), SILENCE_MS);
    const response = await fetch(this.url, { headers, signal: current.signal });
    if (response.status === 401) throw new Ended();
    if (!response.ok || response.body === null) throw new Error(`the stream answers ${response.status}`);
    this.lastWord = Date.now();
    this.become("live");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(clock);
        clock = setTimeout(() => current.abort(), SILENCE_MS);
        this.lastWord = Date.now();
        const messages = (rest + value).split("\n\n");
        rest = messages.pop() ?? "";
        messages.forEach((message) => this.take(message));
      }
    } finally {
      clearTimeout(clock);
      reader.cancel().catch(() => undefined);
    }
  }

  private take(message: string): void {
    const { id, event, data } = fields(message);
    if (event === "error") {
      // The ledger has not come so far as this browser has seen: the checkpoint's check says what that means.
      this.lastId = undefined;
      this.gap = true;
      throw new Error("the stream cannot go on from here");
    }
    if (id !== undefined) this.lastId = id;
    if (data === undefined) return;
    if (this.waiting.length === 0) setTimeout(() => this.pass(), TELL_EVERY_MS);
    this.waiting.push(JSON.parse(data) as LiveEntry);
  }

  private pass(): void {
    const gap = this.gap || this.waiting.length > MAX_TOLD;
    const entries = this.waiting.slice(-MAX_TOLD);
    this.waiting = [];
    this.gap = false;
    this.tell({ state: this.state, entries, gap });
  }
}

/** The token counts no longer. */
class Ended extends Error {}

/** The fields of one server-sent event; of each the last. */
export function fields(message: string): { id?: string; event?: string; data?: string } {
  const found: Record<string, string> = {};
  for (const line of message.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) found[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  return found;
}
