// Looking back: a point in time for the whole console, and what has changed since.

import { useState } from "react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useFleet, type Member } from "../api/fleet";
import { ledger } from "../api/queries";
import { usePreferences } from "../preferences";
import { absolute } from "../time";
import { Button } from "../ui/atoms";
import { useAt, useOrgFilter } from "./place";

export function Past() {
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState(false);
  const navigate = useNavigate();
  const go = (text: string): void => {
    const date = new Date(text);
    if (!/^\d+$/.test(text) && Number.isNaN(date.getTime())) return setProblem(true);
    setOpen(false);
    setProblem(false);
    void navigate({ to: ".", search: (before: object) => ({ ...before, at: /^\d+$/.test(text) ? text : date.toISOString() }) as never });
  };
  if (!open) return <Button onClick={() => setOpen(true)}>back in time</Button>;
  return (
    <form className="flex flex-wrap items-center gap-1" onSubmit={(event) => {
      event.preventDefault();
      const form = new FormData(event.currentTarget);
      go(String(form.get("seq") ?? "").trim() || String(form.get("at") ?? ""));
    }}>
      <input name="at" type="datetime-local" step={1} autoFocus aria-label="a point in time" className="rounded border border-line bg-raised px-1 text-xs" />
      <input name="seq" inputMode="numeric" pattern="\d*" placeholder="or entry" aria-label="or the number of an entry" className="w-20 rounded border border-line bg-raised px-1 text-xs" />
      <Button type="submit" kind="main">look</Button>
      <Button onClick={() => setOpen(false)}>cancel</Button>
      {problem && <span role="alert" className="text-crit">name a time or an entry</span>}
    </form>
  );
}

export function PastBanner() {
  const at = useAt();
  return at === undefined ? null : <Banner at={at} />;
}

function Banner({ at }: { at: string }) {
  const { utc } = usePreferences();
  const navigate = useNavigate();
  const step = (by: number): void => void navigate({ to: ".", search: (before: object) => ({ ...before, at: moved(at, by) }) as never });
  return (
    <div role="status" className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-attn bg-attn/15 px-4 py-1 text-sm">
      <span>▲ As of {/^\d+$/.test(at) ? `entry ${at}` : absolute(at, utc)}: nothing here is how it is now.</span>
      <Since at={at} />
      <span className="ml-auto flex gap-1">
        <Button onClick={() => step(-1)} title={/^\d+$/.test(at) ? "one entry before" : "ten minutes before"}>◀ before</Button>
        <Button onClick={() => step(1)} title={/^\d+$/.test(at) ? "one entry after" : "ten minutes after"}>after ▶</Button>
        <Button kind="main" onClick={() => void navigate({ to: ".", search: (before: object) => ({ ...before, at: undefined }) as never })}>back to now</Button>
      </span>
    </div>
  );
}

const STEP_MS = 10 * 60_000;

/** A little before or after a point in time: an entry, or ten minutes. */
export function moved(at: string, by: number): string {
  return /^\d+$/.test(at) ? String(Math.max(0, Number(at) + by)) : new Date(Date.parse(at) + by * STEP_MS).toISOString();
}

/** What has changed since then, among the nodes and in the ledger. */
function Since({ at }: { at: string }) {
  const queries = useQueryClient();
  const org = useOrgFilter();
  const { data: then } = useFleet(queries, at, org);
  const { data: now } = useFleet(queries, undefined, org);
  const { data: about } = useQuery(ledger());
  if (then === undefined || now === undefined || then.partial || now.partial) return null;
  const { came, went, changed } = difference(then.rows, now.rows);
  const words = [
    changed > 0 && `${changed} ${changed === 1 ? "node stands" : "nodes stand"} otherwise`,
    came > 0 && `${came} ${came === 1 ? "has" : "have"} come`,
    went > 0 && `${went} ${went === 1 ? "is" : "are"} gone`,
    about !== undefined && /^\d+$/.test(at) && `${Math.max(0, about.size - 1 - Number(at))} entries were recorded`,
  ].filter((one) => one !== false);
  return (
    <span className="text-soft">
      Since then: {words.length === 0 ? "no node changed" : words.join(", ")}.{" "}
      <Link to="/ledger" search={{ at: undefined, since: /^\d+$/.test(at) ? `seq:${Number(at) + 1}` : at }} className="text-ink underline">what was recorded</Link>
    </span>
  );
}

/** How many nodes came, went, and changed their band. */
export function difference(then: readonly Member[], now: readonly Member[]): { came: number; went: number; changed: number } {
  const before = new Map(then.map((row) => [row.id, row.band]));
  const after = new Set(now.map(({ id }) => id));
  return {
    came: now.filter(({ id }) => !before.has(id)).length,
    went: then.filter(({ id }) => !after.has(id)).length,
    changed: now.filter(({ id, band }) => before.has(id) && before.get(id) !== band).length,
  };
}
