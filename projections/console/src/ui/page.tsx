// The frame of a page: its name, what it is filtered by, what can be done.

import { useEffect, useRef, useState, type ReactNode } from "react";
import { useNavigate } from "@tanstack/react-router";

/** Changes what stands in the address, and leaves the rest of it. */
export function usePatch(): (patch: Record<string, string | undefined>) => void {
  const navigate = useNavigate();
  return (patch) => void navigate({ to: ".", search: (before: object) => ({ ...before, ...patch }) as never, replace: true });
}

/** The address changes so long after the last key. */
const PAUSE_MS = 150;

/** A field whose text stands in the address. */
export function Filter({ name = "q", value, label, wide = false, problem }: { name?: string; value: string | undefined; label: string; wide?: boolean; problem?: string | undefined }) {
  const patch = usePatch();
  const [typed, setTyped] = useState(value ?? "");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setTyped(value ?? ""), [value]);
  return (
    <span className="flex items-center gap-2">
      <input
        type="search" value={typed} placeholder={label} aria-label={label} aria-invalid={problem !== undefined} spellCheck={false}
        className={`rounded border border-line bg-raised px-2 py-1 text-sm placeholder:text-faint aria-invalid:border-crit ${wide ? "w-64" : "w-44"}`}
        onChange={({ target }) => {
          setTyped(target.value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => patch({ [name]: target.value === "" ? undefined : target.value }), PAUSE_MS);
        }}
      />
      {problem !== undefined && <span role="alert" className="text-xs text-crit">{problem}</span>}
    </span>
  );
}

/** One of a few words, in the address. */
export function Words<T extends string>({ name, value, words, label, first }: { name: string; value: T | undefined; words: readonly T[]; label: string; first?: string }) {
  const patch = usePatch();
  return (
    <div role="group" aria-label={label} className="flex flex-wrap gap-1">
      {[...(first === undefined ? [] : [undefined]), ...words].map((one) => (
        <button key={one ?? ""} type="button" aria-pressed={one === value} onClick={() => patch({ [name]: one })} className="rounded border border-line px-2 py-1 text-xs aria-pressed:border-accent aria-pressed:bg-raised">{one ?? first}</button>
      ))}
    </div>
  );
}

export function Page({ title, count, tools, acts, children, full = false }: { title: string; count?: ReactNode; tools?: ReactNode; acts?: ReactNode; children: ReactNode; full?: boolean }) {
  return (
    <div className={full ? "flex h-full min-h-96 flex-col gap-3" : "mx-auto flex max-w-6xl flex-col gap-3"}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="text-lg font-semibold">{title}</h1>
        {tools}
        {count !== undefined && <span className="text-sm text-soft" aria-live="polite">{count}</span>}
        {acts !== undefined && <div className="ml-auto flex flex-wrap items-center gap-2">{acts}</div>}
      </div>
      {children}
    </div>
  );
}

/** Names and values, one under the other. */
export const Facts = ({ of, names = "7rem" }: { of: readonly (readonly [string, ReactNode])[]; names?: string }) => (
  <dl style={{ gridTemplateColumns: `${names} minmax(0,1fr)` }} className="grid gap-x-2 gap-y-1 text-sm">
    {of.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => (
      <div key={name} className="contents"><dt className="text-faint">{name}</dt><dd className="min-w-0 break-words">{value}</dd></div>
    ))}
  </dl>
);

/** "3 nodes", "1 node". */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
