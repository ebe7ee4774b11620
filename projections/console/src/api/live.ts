// The live stream of entries: one per tab, taken up again where it broke off, told to the page four times a second.

import { SERVICE } from "../base";
import type { Row } from "./client";
import { onChange, token } from "./session";

export type LiveState = "off" | "connecting" | "live" | "reconnecting" | "stale" | "paused";
export type LiveEntry = Pick<Row<"EventEntry">, "seq" | "recorded_at" | "event" | "payload">;

/** At most so often the page hears of entries. */
const TELL_EVERY_MS = 250;
/** The service says something at least every 15 s; after twice that the stream is taken for dead. */
const SILENCE_MS = 35_000;
const MAX_KEPT = 500;

class Live {
  state: LiveState = "off";
  /** The newest entries, the newest first. */
  entries: LiveEntry[] = [];
  private lastId: string | undefined;
  private waiting: LiveEntry[] = [];
  private stop: AbortController | undefined;
  private version = 0;
  private readonly listeners = new Set<() => void>();
  private readonly takers = new Set<(entries: LiveEntry[]) => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  /** Hands over what came since the last time, at most four times a second; returns how to stop. */
  onEntries(take: (entries: LiveEntry[]) => void): () => void {
    this.takers.add(take);
    return () => this.takers.delete(take);
  }

  start(): void {
    this.halt();
    if (token() === null) return this.become("off");
    this.stop = new AbortController();
    void this.run(this.stop.signal);
  }

  pause(): void {
    this.halt();
    this.become("paused");
  }

  private halt(): void {
    this.stop?.abort();
    this.stop = undefined;
  }

  private become(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  private changed(): void {
    this.version++;
    this.listeners.forEach((listener) => listener());
  }

  private async run(signal: AbortSignal): Promise<void> {
    this.become("connecting");
    for (let failures = 0; !signal.aborted; failures++) {
      const began = Date.now();
      try {
        await this.follow(signal);
      } catch {
        // Told by the state; what was missed comes with the next stream.
      }
      if (signal.aborted) return;
      if (Date.now() - began > SILENCE_MS) failures = 0;
      this.become(failures < 3 ? "reconnecting" : "stale");
      await new Promise((resolve) => setTimeout(resolve, Math.min(30_000, 500 * 2 ** failures) * (0.5 + Math.random())));
    }
  }

  /** Reads one stream to its end. */
  private async follow(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { Authorization: `Bearer ${token() ?? ""}` };
    if (this.lastId !== undefined) headers["Last-Event-ID"] = this.lastId;
    const dead = new AbortController();
    let clock = setTimeout(() => dead.abort(), SILENCE_MS);
    const response = await fetch(`${SERVICE}/events`, { headers, signal: AbortSignal.any([signal, dead.signal]) });
    if (!response.ok || response.body === null) throw new Error(`the stream answers ${response.status}`);
    this.become("live");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(clock);
        clock = setTimeout(() => dead.abort(), SILENCE_MS);
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
    const field = (name: string): string | undefined =>
      message.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const [id, data, name] = [field("id"), field("data"), field("event")];
    if (name === "error") {
      // The ledger has not come so far as this page has seen: the checkpoint's check says what that means.
      this.lastId = undefined;
      throw new Error("the stream cannot go on from here");
    }
    if (id !== undefined) this.lastId = id;
    if (data === undefined) return;
    if (this.waiting.length === 0) setTimeout(() => this.tell(), TELL_EVERY_MS);
    this.waiting.push(JSON.parse(data) as LiveEntry);
  }

  private tell(): void {
    const came = this.waiting;
    this.waiting = [];
    this.entries = [...came.toReversed(), ...this.entries].slice(0, MAX_KEPT);
    this.takers.forEach((take) => take(came));
    this.changed();
  }
}

export const live = new Live();
onChange(() => live.start());
