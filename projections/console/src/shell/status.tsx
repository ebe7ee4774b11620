// How live the page is, and whether its clock can be trusted.

import { useSyncExternalStore } from "react";
import { ahead, onSkew } from "../api/clock";
import { live } from "../api/live";
import { duration } from "../time";
import { useAt } from "./place";

const STREAMS = {
  off: ["○", "text-faint", "no stream"], connecting: ["◌", "text-soft", "connecting"], live: ["●", "text-ok", "live"],
  reconnecting: ["◌", "text-attn", "reconnecting"], stale: ["▲", "text-crit", "stale"], paused: ["❚❚", "text-attn", "paused"],
} as const;

export function Stream() {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const at = useAt();
  if (at !== undefined) return <span className="text-attn"><span aria-hidden="true">▲</span> as of</span>;
  const [shape, colour, word] = STREAMS[live.state];
  const paused = live.state === "paused";
  return (
    <button type="button" onClick={() => (paused ? live.start() : live.pause())} className={`rounded px-1 whitespace-nowrap ${colour}`} title={paused ? "go on" : "pause the stream"} aria-live="polite">
      <span aria-hidden="true">{shape}</span> {word}
    </button>
  );
}

export function Skew() {
  const millis = useSyncExternalStore(onSkew, ahead);
  if (millis === 0) return null;
  return (
    <span className="whitespace-nowrap text-attn" title="Times here go by the service's clock.">
      <span aria-hidden="true">▲</span> this clock is {duration(Math.abs(millis))} {millis > 0 ? "ahead" : "behind"}
    </span>
  );
}

/** What is to be said above the page while it does not move. */
export function StreamBanner() {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const at = useAt();
  if (at !== undefined || (live.state !== "stale" && live.state !== "paused")) return null;
  const words = live.state === "stale" ? "The service has not been reached for a while: what is shown may be old." : "Paused: what is recorded meanwhile is not shown.";
  return (
    <div role="status" className="flex items-center gap-3 border-b border-attn bg-attn/10 px-4 py-1 text-sm">
      {words}
      <button type="button" onClick={() => (live.state === "paused" ? live.start() : live.wake())} className="text-accent underline">{live.state === "paused" ? "go on" : "try now"}</button>
    </div>
  );
}
