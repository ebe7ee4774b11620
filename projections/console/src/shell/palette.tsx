// One field to find everything by: pages, nodes, incidents, keys, entries, and what can be done.

import { useDeferredValue, useMemo, useState, type KeyboardEvent } from "react";
import { useNavigate } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useFleet } from "../api/fleet";
import { live } from "../api/live";
import { incidents, keys, ledger } from "../api/queries";
import { leave } from "../api/person";
import { prefer } from "../preferences";
import { Dialog } from "../ui/dialog";
import { PAGES } from "./pages";
import { useAt, useOrg } from "./place";

interface Hit {
  group: string;
  name: string;
  aside: string;
  go: () => void;
}

const SHOWN = 6;

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const hits = useHits(useDeferredValue(typed.trim().toLowerCase()));
  const at = Math.min(chosen, hits.length - 1);
  const take = (hit: Hit | undefined): void => {
    if (hit === undefined) return;
    onClose();
    hit.go();
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setChosen((at + step + hits.length) % Math.max(1, hits.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(hits[at]);
    } else if (event.key === "Escape") {
      // A search field empties itself first, and the dialog would stay.
      event.preventDefault();
      onClose();
    }
  };
  return (
    <Dialog title="Search" onClose={onClose} wide>
      <input
        type="search" role="combobox" autoFocus aria-label="search everything" aria-expanded="true" aria-controls="hits" aria-activedescendant={`hit-${at}`} autoComplete="off" spellCheck={false}
        value={typed} placeholder="node, incident, key, entry, page…" onKeyDown={onKey}
        onChange={({ target }) => {
          setTyped(target.value);
          setChosen(0);
        }}
        className="w-full border-b border-line bg-transparent px-4 py-3 text-base placeholder:text-faint focus-visible:outline-none"
      />
      <ul id="hits" role="listbox" aria-label="found" className="max-h-[60dvh] overflow-auto p-1">
        {hits.length === 0 && <li className="p-4 text-center text-soft">Nothing is found.</li>}
        {hits.map((hit, n) => (
          <li key={`${hit.group} ${hit.name} ${hit.aside}`} id={`hit-${n}`} role="option" aria-selected={n === at} onClick={() => take(hit)} onPointerMove={() => setChosen(n)} className="flex cursor-pointer items-baseline gap-3 rounded px-3 py-1.5 aria-selected:bg-raised">
            <span className="w-20 shrink-0 text-xs text-faint">{hits[n - 1]?.group === hit.group ? "" : hit.group}</span>
            <span className="min-w-0 flex-1 truncate">{hit.name}</span>
            <span className="shrink-0 font-mono text-xs text-faint">{hit.aside}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function useHits(wanted: string): Hit[] {
  const navigate = useNavigate();
  const at = useAt();
  const org = useOrg();
  const { data: nodes } = useFleet(useQueryClient(), at, undefined);
  const asks = wanted.length > 1;
  const { data: found } = useQuery({ ...incidents(at, { q: wanted, state: "all" }), enabled: asks });
  const { data: held } = useQuery({ ...keys(org, at, { q: wanted }), enabled: asks });
  const { data: about } = useQuery(ledger());
  return useMemo(() => {
    const fits = (text: string): boolean => text.toLowerCase().includes(wanted);
    const pages = PAGES.filter(([, name]) => fits(name)).map(([to, name, key]): Hit => ({ group: "Go to", name, aside: `g ${key}`, go: () => void navigate({ to }) }));
    if (wanted === "") return [...pages, ...actions()];
    const members = (nodes?.rows ?? []).filter(({ text }) => text.includes(wanted)).slice(0, SHOWN);
    const seq = /^\d+$/.test(wanted) && about !== undefined && Number(wanted) < about.size ? Number(wanted) : undefined;
    return [
      ...members.map((node): Hit => ({ group: "Nodes", name: node.name, aside: node.id.slice(0, 8), go: () => void navigate({ to: "/nodes/$id", params: { id: node.id } }) })),
      ...(asks ? (found ?? []) : []).slice(0, SHOWN).map((one): Hit => ({ group: "Incidents", name: one.title, aside: one.state, go: () => void navigate({ to: "/incidents", search: { state: "all", id: one.id } }) })),
      ...(asks ? (held ?? []) : []).slice(0, SHOWN).map((one): Hit => ({ group: "Keys", name: one.author, aside: `${one.key.slice(0, 8)} ${one.status}`, go: () => void navigate({ to: "/keys", search: { q: one.key } }) })),
      ...(seq === undefined ? [] : [{ group: "Entries", name: `entry ${seq}`, aside: "", go: () => void navigate({ to: "/ledger", search: { seq: String(seq) } }) }]),
      ...pages,
      ...actions().filter(({ name }) => fits(name)),
    ];
  }, [wanted, nodes, found, held, about, asks, navigate]);
}

const actions = (): Hit[] => [
  { group: "Do", name: live.state === "paused" ? "Go on with the stream" : "Pause the stream", aside: "", go: () => (live.state === "paused" ? live.start() : live.pause()) },
  { group: "Do", name: "Dark theme", aside: "", go: () => prefer({ theme: "dark" }) },
  { group: "Do", name: "Light theme", aside: "", go: () => prefer({ theme: "light" }) },
  { group: "Do", name: "Times in UTC", aside: "", go: () => prefer({ utc: true }) },
  { group: "Do", name: "Times by this machine's clock", aside: "", go: () => prefer({ utc: false }) },
  { group: "Do", name: "Print this page", aside: "", go: () => print() },
  { group: "Do", name: "Sign out", aside: "", go: () => void leave() },
];
