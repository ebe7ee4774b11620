// What stands around every page: where one can go, how live it is, what is proved, and from when it is looked at.

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Link, Outlet, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { live } from "./api/live";
import { me, type At } from "./api/queries";
import { onChange, signOut, token } from "./api/session";
import { check, type Trust } from "./api/trust";
import { SignIn } from "./pages/signin";
import { prefer, usePreferences } from "./preferences";
import { absolute, duration } from "./time";
import { Button, useNow } from "./ui/atoms";

const PAGES = [
  ["/", "Mission", "m"], ["/nodes", "Nodes", "n"], ["/incidents", "Incidents", "i"], ["/findings", "Findings", "f"],
  ["/ledger", "Ledger", "l"], ["/verify", "Verify", "v"],
] as const;

/** The point in time that the console is looked at from. */
export const useAt = (): At => useSearch({ strict: false }).at;

export function Shell() {
  const signedIn = useSyncExternalStore(onChange, token) !== null;
  useKeys();
  if (!signedIn) return <SignIn />;
  return (
    <div className="flex h-dvh flex-col">
      <TrustBanner />
      <header className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line bg-panel px-4 py-2">
        <Link to="/" className="font-semibold tracking-wide">VaultMesh</Link>
        <nav aria-label="pages" className="flex flex-wrap gap-1">
          {PAGES.map(([to, name, key]) => (
            <Link
              key={to}
              to={to}
              search={(before) => (before.at === undefined ? {} : { at: before.at })}
              activeOptions={{ exact: to === "/" , includeSearch: false }}
              activeProps={{ className: "bg-raised text-ink", "aria-current": "page" }}
              className="rounded px-2 py-1 text-soft hover:text-ink"
              title={`g ${key}`}
            >
              {name}
            </Link>
          ))}
        </nav>
        <div className="ml-auto flex flex-wrap items-center gap-3 text-xs">
          <Stream />
          <Past />
          <Person />
        </div>
      </header>
      <PastBanner />
      <main className="min-h-0 flex-1 overflow-auto p-3">
        <Outlet />
      </main>
    </div>
  );
}

const STREAMS = {
  off: ["○", "text-faint", "no stream"], connecting: ["◌", "text-soft", "connecting"], live: ["●", "text-ok", "live"],
  reconnecting: ["◌", "text-attn", "reconnecting"], stale: ["▲", "text-crit", "stale"], paused: ["❚❚", "text-attn", "paused"],
} as const;

function Stream() {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const [shape, colour, word] = STREAMS[live.state];
  const paused = live.state === "paused";
  return (
    <button type="button" onClick={() => (paused ? live.start() : live.pause())} className={`rounded px-1 ${colour}`} title={paused ? "go on" : "pause the stream"} aria-live="polite">
      <span aria-hidden="true">{shape}</span> {word}
    </button>
  );
}

function Past() {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const go = (text: string): void => {
    setOpen(false);
    const at = /^\d+$/.test(text) || text === "" ? text : new Date(text).toISOString();
    void navigate({ to: ".", search: (before: object) => ({ ...before, at: at === "" ? undefined : at }) as never });
  };
  if (!open) return <Button onClick={() => setOpen(true)}>back in time</Button>;
  return (
    <form className="flex gap-1" onSubmit={(event) => {
      event.preventDefault();
      go(String(new FormData(event.currentTarget).get("at") ?? ""));
    }}>
      <input name="at" type="datetime-local" step={1} autoFocus aria-label="a point in time" className="rounded border border-line bg-raised px-1" />
      <Button type="submit" kind="main">look</Button>
      <Button onClick={() => setOpen(false)}>cancel</Button>
    </form>
  );
}

function PastBanner() {
  const at = useAt();
  const { utc } = usePreferences();
  const navigate = useNavigate();
  if (at === undefined) return null;
  return (
    <div role="status" className="flex items-center justify-between border-b border-attn bg-attn/15 px-4 py-1 text-sm">
      <span>▲ As of {/^\d+$/.test(at) ? `entry ${at}` : absolute(at, utc)}: nothing here is how it is now.</span>
      <Button onClick={() => void navigate({ to: ".", search: ({ at: _at, ...rest }: { at?: string }) => rest as never })}>back to now</Button>
    </div>
  );
}

function Person() {
  const { data } = useQuery(me());
  const { theme, utc } = usePreferences();
  const queries = useQueryClient();
  const next = { system: "dark", dark: "light", light: "system" } as const;
  return (
    <>
      <button type="button" onClick={() => prefer({ utc: !utc })} title="times in UTC or by this machine's clock" className="text-soft hover:text-ink">{utc ? "UTC" : "local"}</button>
      <button type="button" onClick={() => prefer({ theme: next[theme] })} title="theme" className="text-soft hover:text-ink">{theme}</button>
      <span className="text-soft" title={data?.id}>{data === undefined ? "" : `${data.roles[0] ?? data.kind} of ${data.org ?? "nobody"}`}</span>
      <Button onClick={() => {
        signOut();
        queries.clear();
      }}>sign out</Button>
    </>
  );
}

/** How often the newest checkpoint is checked against what this browser has seen. */
const CHECK_EVERY_MS = 15_000;

function useTrust(): Trust {
  const [trust, setTrust] = useState<Trust>({ state: "checking" });
  useEffect(() => {
    let stopped = false;
    const look = (): void => {
      check().then(
        (found) => !stopped && setTrust((before) => (before.state === "contradicts" ? before : found)),
        // Not reached, or not readable: nothing is said against the ledger.
        () => undefined,
      );
    };
    look();
    const timer = setInterval(look, CHECK_EVERY_MS);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, []);
  return trust;
}

function TrustBanner() {
  const trust = useTrust();
  const now = useNow();
  if (trust.state === "contradicts") {
    return (
      <div role="alert" className="bg-crit px-4 py-2 font-semibold text-ground">
        ◆ The ledger's history is not the one this browser has seen. {trust.problem} Keep this tab, and ask your auditor.
      </div>
    );
  }
  const age = trust.state === "checking" ? undefined : duration(now - 1000 * trust.time);
  return (
    <div className="border-b border-line bg-ground px-4 py-0.5 text-right text-[11px] text-faint" aria-live="off">
      {trust.state === "checking" && "checking the newest checkpoint…"}
      {trust.state === "first" && `checkpoint of ${trust.size} entries, signed ${age ?? "now"}${age === undefined ? "" : " ago"}; the first that this browser sees`}
      {trust.state === "extends" && `checkpoint of ${trust.size} entries, signed ${age ?? "now"}${age === undefined ? "" : " ago"}; proved here to extend what this browser saw before`}
    </div>
  );
}

/** `g` and a letter goes to a page, `/` to the search. */
function useKeys(): void {
  const navigate = useNavigate();
  const afterG = useRef(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLSelectElement;
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      }
      const page = afterG.current ? PAGES.find(([, , key]) => key === event.key) : undefined;
      afterG.current = event.key === "g";
      if (page !== undefined) void navigate({ to: page[0] });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);
}
