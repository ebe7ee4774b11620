// An entry in one line, and the check of it: the page asks for its bundle and verifies that itself.

import { useCallback, useEffect, useState } from "react";
import { Link } from "@tanstack/react-router";
import { verify, type Bundle } from "vaultmesh-verify";
import { fetchBytes } from "../api/client";
import type { LiveEntry } from "../api/stream";
import { seen } from "../api/trust";
import { Ago } from "./atoms";

const MAX_SAID = 120;

type Words = Readonly<Record<string, unknown>>;
const words = (...parts: unknown[]): string => parts.filter((part) => typeof part === "string" || typeof part === "number").join(" ");

/** What kinds say whose words do not stand in a member of their own. */
const SAID: Record<string, (payload: Words) => string> = {
  attention: ({ band, change }) => {
    const { what, reason, state, from, to, site } = (change ?? {}) as Words;
    return what === "band" ? words(from, "→", to) : words(reason ?? site ?? what, state, band);
  },
  command: ({ action, order }) => words(action === "issue" ? undefined : action, (order as Words | undefined)?.["command"]),
  heartbeat: ({ hostname }) => words(hostname),
  receipt: ({ state, code }) => words(state, code),
  "schedule-run": ({ outcome, reason }) => words(outcome, reason),
  "rollout-wave": ({ step, wave }) => words(step, step === "begun" ? Number(wave) + 1 : undefined),
  scan: ({ counts }) => {
    const { critical, high, medium, low } = (counts ?? {}) as Words;
    return `${critical} critical, ${high} high, ${medium} medium, ${low} low`;
  },
  "key-status": ({ status, reason }) => words(status, reason),
  labels: ({ labels }) => Object.entries((labels ?? {}) as Words).map((pair) => pair.join("=")).join(" "),
  usage: ({ metric, quantity }) => words(metric, quantity),
  service: ({ action }) => words(action),
};

/** What an entry says, in a few words. */
export function said({ event, payload }: LiveEntry): string {
  if (payload === undefined) return "erased";
  const own = SAID[event.kind];
  if (own !== undefined) return own(payload as Words).slice(0, MAX_SAID);
  const text = ["text", "title", "name", "reason", "action", "status", "label"].map((name) => (payload as Words)[name]).find((value) => typeof value === "string");
  return typeof text === "string" ? text.slice(0, MAX_SAID) : "";
}

export function EntryRow({ entry }: { entry: LiveEntry }) {
  return (
    <div className="flex items-baseline gap-2 border-b border-line/60 py-1 text-xs">
      <Link to="/ledger" search={{ seq: String(entry.seq) }} className="w-12 shrink-0 text-right font-mono text-faint hover:text-accent">{entry.seq}</Link>
      <span className="w-24 shrink-0 truncate font-medium">{entry.event.kind}</span>
      <span className="min-w-0 flex-1 truncate text-soft" title={entry.event.author}>{said(entry) || entry.event.author}</span>
      <span className="shrink-0 text-faint"><Ago time={entry.recorded_at} /></span>
    </div>
  );
}

type Checked = { state: "no" } | { state: "busy" } | { state: "holds"; bundle: Bundle } | { state: "fails"; problem: string };

/** Checks one entry in this browser, against the ledger it knows: on demand, or by itself with `auto`. */
export function Check({ seq, auto = false }: { seq: number; auto?: boolean }) {
  const [checked, setChecked] = useState<Checked>({ state: auto ? "busy" : "no" });
  const look = useCallback(async (): Promise<void> => {
    setChecked({ state: "busy" });
    try {
      const { bundle } = verify(await fetchBytes(`/api/ledger/bundle/${seq}`), seen()?.ledger) as { bundle: Bundle };
      setChecked(bundle.entry.seq === seq ? { state: "holds", bundle } : { state: "fails", problem: `the bundle is of entry ${bundle.entry.seq}` });
    } catch (error) {
      setChecked({ state: "fails", problem: (error as Error).message });
    }
  }, [seq]);
  useEffect(() => {
    if (auto) void look();
  }, [auto, look]);
  switch (checked.state) {
    case "no": return <button type="button" onClick={() => void look()} className="text-xs text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">check</button>;
    case "busy": return <span className="text-xs text-faint">checking…</span>;
    case "holds": return <span className="text-xs text-ok" title={`signature, key, inclusion and checkpoint of ${checked.bundle.checkpoint.checkpoint.size} entries verified in this browser`}>● proved{checked.bundle.isSuspect && ", but its key is suspect"}</span>;
    case "fails": return <span role="alert" className="text-xs font-semibold text-crit">◆ does not verify: {checked.problem}</span>;
  }
}
