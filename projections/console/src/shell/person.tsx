// Who is signed in, and what they prefer.

import { useEffect, useRef, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { me } from "../api/queries";
import { leave } from "../api/person";
import { prefer, usePreferences } from "../preferences";
import { Hash } from "../ui/atoms";
import { DeviceCard } from "../ui/device";

/** Of several roles the one that allows the most stands on the button. */
const RANKS = ["org_owner", "org_admin", "node_admin", "auditor", "support", "viewer"] as const;

export function Person() {
  const [open, setOpen] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const { data } = useQuery(me());
  const { theme, utc } = usePreferences();
  useEffect(() => {
    if (!open) return;
    const close = (event: Event): void => {
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !host.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, [open]);
  const word = data === undefined ? "…" : (RANKS.find((role) => data.roles.includes(role)) ?? data.kind);
  return (
    <div ref={host} className="relative">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="rounded border border-line px-2 py-1 whitespace-nowrap text-soft hover:text-ink">{word} ▾</button>
      {open && (
        <div className="absolute right-0 z-20 mt-1 flex w-72 flex-col gap-3 rounded-lg border border-line bg-panel p-3 text-sm shadow-2xl">
          <div>
            <p className="font-medium">{data === undefined || data.roles.length === 0 ? word : data.roles.join(", ")} of {data?.org ?? "nobody"}</p>
            {data !== undefined && <Hash value={data.id} chars={44} />}
            {data !== undefined && <p className="mt-1 text-xs text-faint">{data.kind === "user" ? "signed in at a provider" : "signed in with an API token"}; may {data.actions.join(", ")}</p>}
          </div>
          <DeviceCard />
          <Choose label="Theme" value={theme} options={["system", "dark", "light"]} onChange={(value) => prefer({ theme: value as typeof theme })} />
          <Choose label="Times" value={utc ? "UTC" : "local"} options={["local", "UTC"]} onChange={(value) => prefer({ utc: value === "UTC" })} />
          <button type="button" className="rounded border border-line bg-raised px-2 py-1 hover:border-accent" onClick={() => void leave()}>sign out</button>
        </div>
      )}
    </div>
  );
}

const Choose = ({ label, value, options, onChange }: { label: string; value: string; options: readonly string[]; onChange: (value: string) => void }) => (
  <div className="flex items-center justify-between gap-2">
    <span className="text-soft">{label}</span>
    <div role="group" aria-label={label} className="flex gap-1">
      {options.map((one) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onChange(one)} className="rounded border border-line px-2 py-0.5 text-xs aria-pressed:border-accent aria-pressed:bg-raised">{one}</button>
      ))}
    </div>
  </div>
);
