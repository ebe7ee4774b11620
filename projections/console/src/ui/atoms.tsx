// The smallest parts: bands, times, hashes, panels, and what stands where there is nothing to show.

import { useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { Refused, type Row } from "../api/client";
import { usePreferences } from "../preferences";
import { absolute, relative } from "../time";

export type BandName = Row<"Band">;

const SHAPES: Record<BandName, string> = { OK: "●", ATTN: "▲", CRIT: "◆" };
const COLOURS: Record<BandName, string> = { OK: "text-ok", ATTN: "text-attn", CRIT: "text-crit" };
const WORDS: Record<BandName, string> = { OK: "healthy", ATTN: "attention", CRIT: "critical" };

/** How something stands: colour, shape and word. */
export function Band({ band, quiet = false }: { band: BandName; quiet?: boolean }) {
  return (
    <span className={`inline-flex items-center gap-1 font-medium ${COLOURS[band]}`} title={WORDS[band]}>
      <span aria-hidden="true">{SHAPES[band]}</span>
      {quiet ? <span className="sr-only">{WORDS[band]}</span> : band}
    </span>
  );
}

const SEVERITY: Record<Row<"Severity">, string> = {
  critical: "text-crit", high: "text-crit", medium: "text-attn", low: "text-soft", info: "text-faint",
};

export const Severity = ({ severity }: { severity: Row<"Severity"> }) => (
  <span className={`text-xs font-semibold uppercase tracking-wide ${SEVERITY[severity]}`}>{severity}</span>
);

// One clock for every relative time on the page.
let now = Date.now();
const clock = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  clock.forEach((tick) => tick());
}, 1_000);

export const useNow = (): number =>
  useSyncExternalStore((tick) => {
    clock.add(tick);
    return () => clock.delete(tick);
  }, () => now);

/** How long ago, and on demand exactly when. */
export function Ago({ time }: { time: string }) {
  const { utc } = usePreferences();
  return <time dateTime={time} title={absolute(time, utc)}>{relative(time, useNow())}</time>;
}

/** A hash or id: its beginning, with the whole of it one click away. */
export function Hash({ value, chars = 10 }: { value: string; chars?: number }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_200);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => void navigator.clipboard.writeText(value).then(() => setCopied(true));
  return (
    <button type="button" onClick={copy} title={`${value} (click copies)`} className="cursor-copy rounded bg-raised px-1 font-mono text-xs text-soft hover:text-ink">
      {copied ? "copied" : value.length > chars ? `${value.slice(0, chars)}…` : value}
    </button>
  );
}

export function Panel({ title, aside, children, className = "" }: { title: ReactNode; aside?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`flex min-h-0 min-w-0 flex-col rounded-lg border border-line bg-panel ${className}`}>
      <header className="flex items-baseline justify-between gap-2 border-b border-line px-3 py-2">
        <h2 className="text-xs font-semibold uppercase tracking-wider text-soft">{title}</h2>
        <div className="text-xs text-faint">{aside}</div>
      </header>
      <div className="min-h-0 flex-1 overflow-auto p-3">{children}</div>
    </section>
  );
}

/** Nothing to show, and the command that would change that. */
export function Empty({ children, command }: { children: ReactNode; command?: string }) {
  return (
    <div className="py-4 text-center text-soft">
      <p>{children}</p>
      {command !== undefined && <code className="mt-2 inline-block rounded bg-raised px-2 py-1 text-xs">{command}</code>}
    </div>
  );
}

/** What a query has to say while it has no answer. */
export function Waiting({ error }: { error: Error | null }) {
  if (error === null) return <p className="animate-pulse py-4 text-center text-faint motion-reduce:animate-none">loading…</p>;
  const forbidden = error instanceof Refused && error.status === 403;
  return (
    <div role="alert" className="py-4 text-center">
      <p className="text-crit">{forbidden ? "Your role does not show this." : error.message}</p>
      {error instanceof Refused && <p className="mt-1 text-xs text-faint">{error.status === 0 ? error.code : `${error.status} ${error.code}`}</p>}
    </div>
  );
}

export const Button = ({ onClick, children, kind = "plain", disabled = false, type = "button" }: {
  onClick?: () => void; children: ReactNode; kind?: "plain" | "main"; disabled?: boolean; type?: "button" | "submit";
}) => (
  <button
    type={type}
    onClick={onClick}
    disabled={disabled}
    className={`rounded border px-2 py-1 text-xs disabled:opacity-50 ${kind === "main" ? "border-accent bg-accent font-semibold text-ground" : "border-line bg-raised hover:border-accent"}`}
  >
    {children}
  </button>
);
