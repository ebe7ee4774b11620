// An entry in one line, and the check of it: the page asks for its bundle and verifies that itself.

import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { verify, type Bundle } from "vaultmesh-verify";
import { fetchBytes } from "../api/client";
import type { LiveEntry } from "../api/live";
import { seen } from "../api/trust";
import { Ago } from "./atoms";

const MAX_SAID = 120;

/** What an entry says, in a few words. */
export function said({ event, payload }: LiveEntry): string {
  if (payload === undefined) return "erased";
  const text = ["text", "title", "reason", "command", "action", "status"].map((name) => (payload as Record<string, unknown>)[name]).find((value) => typeof value === "string");
  if (typeof text === "string") return text.slice(0, MAX_SAID);
  if (event.kind === "heartbeat") return String((payload as { hostname?: string }).hostname ?? "");
  return "";
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

/** Checks one entry in this browser, against the ledger it knows. */
export function Check({ seq }: { seq: number }) {
  const [checked, setChecked] = useState<Checked>({ state: "no" });
  const look = async (): Promise<void> => {
    setChecked({ state: "busy" });
    try {
      const { bundle } = verify(await fetchBytes(`/api/ledger/bundle/${seq}`), seen()?.ledger) as { bundle: Bundle };
      setChecked(bundle.entry.seq === seq ? { state: "holds", bundle } : { state: "fails", problem: `the bundle is of entry ${bundle.entry.seq}` });
    } catch (error) {
      setChecked({ state: "fails", problem: (error as Error).message });
    }
  };
  switch (checked.state) {
    case "no": return <button type="button" onClick={() => void look()} className="text-xs text-accent hover:underline">check</button>;
    case "busy": return <span className="text-xs text-faint">checking…</span>;
    case "holds": return <span className="text-xs text-ok" title={`signature, key, inclusion and checkpoint of ${checked.bundle.checkpoint.checkpoint.size} entries verified in this browser`}>● proved{checked.bundle.isSuspect && ", but its key is suspect"}</span>;
    case "fails": return <span role="alert" className="text-xs font-semibold text-crit">◆ does not verify: {checked.problem}</span>;
  }
}
