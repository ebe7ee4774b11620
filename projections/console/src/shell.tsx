// What stands around every page: where one can go, how live it is, what is proved, and from when it is looked at.

import { Suspense, useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { onChange, session } from "./api/session";
import { SignIn } from "./pages/signin";
import { useKeys } from "./shell/keys";
import { Belonging, goTo } from "./shell/belonging";
import { Palette } from "./shell/palette";
import { Past, PastBanner } from "./shell/past";
import { Person } from "./shell/person";
import { useOrgFilter, useOrgs } from "./shell/place";
import { Rail } from "./shell/rail";
import { Shortcuts } from "./shell/shortcuts";
import { Skew, Stream, StreamBanner } from "./shell/status";
import { Contradiction, Proved, useTrust } from "./shell/trust";
import { ActHost, useEverywhere } from "./ui/act";
import { Waiting } from "./ui/atoms";

export function Shell() {
  const state = useSyncExternalStore(onChange, session);
  if (state === "asking") return <Waiting error={null} />;
  if (state === "nobody") return <SignIn />;
  return state === "person" ? <Belonging><SignedIn /></Belonging> : <SignedIn />;
}

function SignedIn() {
  const trust = useTrust();
  const [open, setOpen] = useState<"palette" | "shortcuts" | "rail">();
  const close = useCallback(() => setOpen(undefined), []);
  const palette = useCallback(() => setOpen("palette"), []);
  const shortcuts = useCallback(() => setOpen("shortcuts"), []);
  useKeys({ palette, shortcuts });
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(() => setOpen((before) => (before === "rail" ? undefined : before)), [path]);
  return (
    <div className="flex h-dvh flex-col print:h-auto">
      <a href="#page" className="sr-only focus:not-sr-only focus:absolute focus:z-30 focus:bg-panel focus:p-2">skip to the page</a>
      <Contradiction trust={trust} />
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-panel px-3 py-1.5 text-xs print:hidden">
        <button type="button" aria-expanded={open === "rail"} aria-label="pages" onClick={() => setOpen(open === "rail" ? undefined : "rail")} className="rounded border border-line px-2 py-1 lg:hidden">☰</button>
        <Link to="/" className="text-sm font-semibold tracking-wide">VaultMesh</Link>
        <Orgs />
        <button type="button" onClick={palette} className="hidden min-w-52 items-center justify-between rounded border border-line bg-ground px-2 py-1 text-faint hover:border-accent md:flex">search <kbd>/</kbd></button>
        <button type="button" onClick={palette} aria-label="search" className="rounded border border-line px-2 py-1 md:hidden">⌕</button>
        <div className="ml-auto flex flex-wrap items-center justify-end gap-x-3 gap-y-1">
          <Skew />
          <Proved trust={trust} />
          <Stream />
          <Past />
          <Person />
        </div>
      </header>
      <PastBanner />
      <StreamBanner />
      <div className="flex min-h-0 flex-1">
        <aside className="hidden w-44 shrink-0 overflow-y-auto border-r border-line bg-panel lg:block print:hidden"><Rail /></aside>
        {open === "rail" && <aside className="absolute inset-x-0 z-20 max-h-[80dvh] overflow-y-auto border-b border-line bg-panel shadow-2xl lg:hidden"><Rail onGo={close} /></aside>}
        <main id="page" className="min-h-0 min-w-0 flex-1 overflow-auto p-3 print:overflow-visible">
          <Suspense fallback={<Waiting error={null} />}><Outlet /></Suspense>
        </main>
      </div>
      {open === "palette" && <Palette onClose={close} />}
      <ActHost />
      {open === "shortcuts" && <Shortcuts onClose={close} />}
    </div>
  );
}

/** The organisation that everything is narrowed to. */
function Orgs() {
  const all = useOrgs();
  const everywhere = useEverywhere();
  const chosen = useOrgFilter();
  const navigate = useNavigate();
  if (all.length < 2) return <span className="text-soft">{all[0]}</span>;
  // Whoever has roles of their own in each is somebody else there: nothing that is shown stays.
  if (!everywhere) {
    return (
      <select aria-label="organisation" value={chosen ?? ""} className="rounded border border-line bg-raised px-1 py-1" onChange={({ target }) => goTo(target.value)}>
        {all.map((one) => <option key={one}>{one}</option>)}
      </select>
    );
  }
  return (
    <select aria-label="organisation" value={chosen ?? ""} className="rounded border border-line bg-raised px-1 py-1"
      onChange={({ target }) => void navigate({ to: ".", search: (before: object) => ({ ...before, org: target.value === "" ? undefined : target.value }) as never })}>
      <option value="">every organisation</option>
      {all.map((one) => <option key={one}>{one}</option>)}
    </select>
  );
}
