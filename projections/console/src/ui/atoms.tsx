// The smallest parts: bands, times, hashes, panels, and what stands where there is nothing to show.

import { useEffect, useId, useState, useSyncExternalStore, type ReactNode } from "react";
import { Refused, type Row } from "../api/client";
import { now as serviceNow } from "../api/clock";
import { usePreferences } from "../preferences";
import { absolute, relative } from "../time";
import { copy } from "./clipboard";

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

// One clock for every relative time on the page, and it is the service's.
let now = serviceNow();
const clock = new Set<() => void>();
setInterval(() => {
  now = serviceNow();
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
  const take = (): void => void copy(value).then(() => setCopied(true));
  return (
    <button type="button" onClick={take} title={`${value} (click copies)`} className="max-w-full cursor-copy truncate rounded bg-raised px-1 font-mono text-xs text-soft hover:text-ink">
      {copied ? "copied" : value.length > chars ? `${value.slice(0, chars)}…` : value}
    </button>
  );
}

/** A command that does the same from a terminal, with a click that copies it. */
export function AsCommand({ children, label = "as a command" }: { children: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <span className="flex min-w-0 items-baseline gap-2 text-xs text-faint">
      <span className="shrink-0">{label}</span>
      <button type="button" title="click copies" onClick={() => void copy(children).then(() => setCopied(true))} onBlur={() => setCopied(false)} className="min-w-0 cursor-copy rounded bg-raised px-1.5 py-0.5 text-left font-mono break-all text-soft hover:text-ink">
        {copied ? "copied" : children}
      </button>
    </span>
  );
}

export function Panel({ title, aside, children, className = "", bare = false }: { title: ReactNode; aside?: ReactNode; children: ReactNode; className?: string; bare?: boolean }) {
  const name = useId();
  return (
    <section aria-labelledby={name} className={`flex min-h-0 min-w-0 flex-col rounded-lg border border-line bg-panel ${className}`}>
      <header className="flex flex-wrap items-baseline justify-between gap-x-3 gap-y-1 border-b border-line px-3 py-2">
        <h2 id={name} className="min-w-0 text-xs font-semibold uppercase tracking-wider text-soft">{title}</h2>
        <div className="min-w-0 text-xs text-faint">{aside}</div>
      </header>
      <div className={`min-h-0 flex-1 overflow-auto ${bare ? "" : "p-3"}`}>{children}</div>
    </section>
  );
}

/** Nothing to show, and the command that would change that. */
export function Empty({ children, command }: { children: ReactNode; command?: string }) {
  return (
    <div className="flex flex-col items-center gap-2 px-3 py-6 text-center text-soft">
      <p>{children}</p>
      {command !== undefined && <AsCommand label="">{command}</AsCommand>}
    </div>
  );
}

/** What a query has to say while it has no answer. */
export function Waiting({ error, again }: { error: Error | null; again?: () => void }) {
  if (error === null) return <p role="status" className="animate-pulse py-6 text-center text-faint motion-reduce:animate-none">loading…</p>;
  const refused = error instanceof Refused ? error : undefined;
  const words = refused?.status === 403 ? "Your role does not show this." : refused?.status === 404 ? "There is nothing here, or nothing that you may see." : error.message;
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-3 py-6 text-center">
      <p className={refused?.status === 404 ? "text-soft" : "text-crit"}>{words}</p>
      {refused !== undefined && <p className="text-xs text-faint">{refused.status === 0 ? refused.code : `${refused.status} ${refused.code}`}{refused.field === undefined ? "" : ` at ${refused.field}`}</p>}
      {again !== undefined && refused?.status !== 403 && refused?.status !== 404 && <Button onClick={again}>try again</Button>}
    </div>
  );
}

type ButtonKind = "plain" | "main" | "grave";
const BUTTONS: Record<ButtonKind, string> = {
  plain: "border-line bg-raised text-ink hover:border-accent",
  main: "border-accent bg-accent font-semibold text-ground",
  grave: "border-crit bg-raised text-crit hover:bg-crit hover:text-ground",
};

export const Button = ({ onClick, children, kind = "plain", disabled = false, type = "button", title }: {
  onClick?: (() => void) | undefined; children: ReactNode; kind?: ButtonKind; disabled?: boolean; type?: "button" | "submit"; title?: string | undefined;
}) => (
  <button type={type} onClick={onClick} disabled={disabled} title={title} className={`shrink-0 rounded border px-2 py-1 text-xs disabled:cursor-not-allowed disabled:opacity-50 ${BUTTONS[kind]}`}>
    {children}
  </button>
);

/** A word about how something stands, with a shape beside its colour. */
export function Mark({ tone, children }: { tone: "ok" | "attn" | "crit" | "soft" | "accent"; children: ReactNode }) {
  const shape = { ok: "●", attn: "▲", crit: "◆", soft: "○", accent: "◌" }[tone];
  const colour = { ok: "text-ok", attn: "text-attn", crit: "text-crit", soft: "text-soft", accent: "text-accent" }[tone];
  return <span className={`inline-flex items-center gap-1 text-xs ${colour}`}><span aria-hidden="true">{shape}</span>{children}</span>;
}
