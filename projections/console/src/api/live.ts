// What a page knows of the live stream. One stream serves a whole browser; a tab can look away from it.

import { SERVICE } from "../base";
import { addressed, expire, onChange, person, token } from "./session";
import { Stream, type LiveEntry, type StreamState, type Told } from "./stream";
import type { Asked } from "./stream.worker";

export type { LiveEntry } from "./stream";
export type LiveState = "off" | "paused" | Exclude<StreamState, "ended">;

const MAX_KEPT = 500;

interface Source {
  wake(): void;
  stop(): void;
}

class Live {
  state: LiveState = "off";
  /** The newest entries, the newest first. */
  entries: LiveEntry[] = [];
  private source: Source | undefined;
  private version = 0;
  private readonly listeners = new Set<() => void>();
  private readonly takers = new Set<(entries: LiveEntry[], gap: boolean) => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  /** Hands over what came since the last time, at most four times a second; returns how to stop. */
  onEntries(take: (entries: LiveEntry[], gap: boolean) => void): () => void {
    this.takers.add(take);
    return () => this.takers.delete(take);
  }

  /** Begins, or goes on after a pause: what was missed meanwhile is a gap. */
  start(): void {
    const paused = this.state === "paused";
    this.halt();
    const [bearer, who] = [token(), person()];
    if (bearer === null && who === undefined) return this.become("off");
    this.become("connecting");
    const url = new URL(`${SERVICE}/events`, location.href);
    const org = addressed();
    if (bearer === null && org !== undefined) url.searchParams.set("org", org);
    this.source = follow(url.href, bearer, fingerprint(bearer === null ? `${who} ${org ?? ""}` : tokenId(bearer)), (told) => this.take(told));
    if (paused) this.takers.forEach((take) => take([], true));
  }

  pause(): void {
    this.halt();
    this.become("paused");
  }

  wake(): void {
    this.source?.wake();
  }

  halt(): void {
    this.source?.stop();
    this.source = undefined;
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

  private take({ state, entries, gap }: Told): void {
    if (state === "ended") {
      this.halt();
      return expire();
    }
    this.state = state;
    const newest = this.entries[0]?.seq ?? -1;
    const fresh = entries.filter(({ seq }) => seq > newest);
    if (fresh.length > 0) this.entries = [...fresh.toReversed(), ...this.entries].slice(0, MAX_KEPT);
    if (fresh.length > 0 || gap) this.takers.forEach((take) => take(fresh, gap));
    this.changed();
  }
}

/** Follows the stream by the worker that all tabs share, or alone where there is none. */
function follow(url: string, bearer: string | null, name: string, take: (told: Told) => void): Source {
  let own: Stream | undefined;
  const alone = (): void => {
    own ??= new Stream(url, bearer, take);
  };
  let port: MessagePort | undefined;
  const post = (asked: Asked): void => port?.postMessage(asked);
  if (typeof SharedWorker === "undefined") alone();
  else {
    const worker = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: `vaultmesh-${name}` });
    worker.onerror = alone;
    port = worker.port;
    port.onmessage = ({ data }: MessageEvent<Told>) => take(data);
    post({ ask: "hello", url, token: bearer });
  }
  const bye = (): void => post({ ask: "bye" });
  addEventListener("pagehide", bye);
  return {
    wake: () => (own === undefined ? post({ ask: "wake" }) : own.wake()),
    stop: () => {
      removeEventListener("pagehide", bye);
      bye();
      port?.close();
      own?.stop();
    },
  };
}

/** What of a token is no secret. */
const tokenId = (bearer: string): string => bearer.split(".").slice(0, 2).join(".");

/** A short name of whoever a worker is for: FNV-1a, 32 bits. */
function fingerprint(id: string): string {
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return hash.toString(16);
}

export const live = new Live();
onChange(() => live.start());
addEventListener("pageshow", ({ persisted }) => persisted && live.start());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.wake());
