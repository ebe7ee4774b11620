// The Mission Console: the fleet on the left, one node in the middle, what needs a look on the right.

import { useDeferredValue, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Link, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useFleet, useHeard, type Fleet, type Member } from "../api/fleet";
import { live, type LiveEntry } from "../api/live";
import { events, incidents, until } from "../api/queries";
import { useAt, useOrgFilter } from "../shell/place";
import { Band, Empty, Panel, Waiting, type BandName } from "../ui/atoms";
import { EntryRow } from "../ui/entry";
import { Heard } from "../ui/node";
import { Reasons } from "../ui/reasons";
import { Telemetry, Timeline } from "../ui/telemetry";

const KPIS: readonly [string, BandName | undefined][] = [["Total", undefined], ["Healthy", "OK"], ["Attention", "ATTN"], ["Critical", "CRIT"]];

export function Mission() {
  const at = useAt();
  const org = useOrgFilter();
  const { node: chosen, band } = useSearch({ from: "/" });
  const { data, error } = useFleet(useQueryClient(), at, org);
  const ordered = useMemo(() => [...(data?.rows ?? [])].sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)), [data]);
  const rows = useMemo(() => (band === undefined ? ordered : ordered.filter((node) => node.band === band)), [ordered, band]);
  const focus = data?.rows.find((one) => one.id === chosen) ?? rows[0];
  if (data === undefined) return <Waiting error={error} />;
  return (
    <div className="flex min-h-full flex-col gap-3 xl:h-full">
      <h1 className="sr-only">Mission</h1>
      <Kpis fleet={data} chosen={band} />
      <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 md:grid-cols-[15rem_minmax(0,1fr)] xl:grid-cols-[15rem_minmax(0,1fr)_21rem]">
        <NodeList rows={rows} focus={focus?.id} />
        {focus === undefined ? (
          <Panel title="Node"><Empty command="ledger enroll token">No node is enrolled yet. <Link to="/enrol" className="text-accent underline">Let one in</Link>, or from a terminal:</Empty></Panel>
        ) : (
          <Focus node={focus} />
        )}
        <div className="grid min-h-0 gap-3 md:col-span-2 md:grid-cols-2 xl:col-span-1 xl:grid-cols-1 xl:grid-rows-[minmax(0,1fr)_minmax(0,1fr)]">
          <NeedsALook all={ordered} />
          <Feed />
        </div>
      </div>
    </div>
  );
}

function Kpis({ fleet: { rows, partial }, chosen }: { fleet: Fleet; chosen: BandName | undefined }) {
  return (
    <ul className="grid grid-cols-4 gap-2 sm:gap-3" aria-label="the fleet">
      {KPIS.map(([name, band]) => (
        <li key={name}>
          <Link
            to="/"
            search={({ band: _band, ...before }) => (band === undefined ? before : { ...before, band })}
            aria-current={chosen === band}
            className="block rounded-lg border border-line bg-panel px-2 py-2 hover:border-accent aria-[current=true]:border-accent sm:px-3"
          >
            <span className="block truncate text-xs text-soft">{band !== undefined && <Band band={band} quiet />} {name}</span>
            <span className="text-2xl font-semibold">{(band === undefined ? rows.length : rows.filter((node) => node.band === band).length).toLocaleString("en")}{partial && <span className="text-faint" title="more are coming">+</span>}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

const ROW_PX = 44;

function NodeList({ rows: all, focus }: { rows: readonly Member[]; focus: string | undefined }) {
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed.trim().toLowerCase());
  const rows = useMemo(() => (wanted === "" ? all : all.filter(({ text }) => text.includes(wanted))), [all, wanted]);
  const host = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => host.current, estimateSize: () => ROW_PX, overscan: 6 });
  return (
    <section aria-label="nodes" className="flex h-72 min-h-0 flex-col rounded-lg border border-line bg-panel md:h-auto md:min-h-64">
      <input type="search" value={typed} onChange={(event) => setTyped(event.target.value)} placeholder="filter nodes" aria-label="filter nodes" className="rounded-t-lg border-b border-line bg-transparent px-3 py-2 text-sm placeholder:text-faint" />
      <div ref={host} className="min-h-0 flex-1 overflow-auto" tabIndex={-1}>
        {rows.length === 0 && <Empty>No node fits.</Empty>}
        <ul style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map(({ index, start }) => {
            const node = rows[index] as Member;
            return (
              <li key={node.id} style={{ position: "absolute", top: start, height: ROW_PX, width: "100%" }}>
                <Link to="/" search={(before) => ({ ...before, node: node.id })} aria-current={node.id === focus} className="flex h-full items-center gap-2 border-l-2 border-transparent px-3 hover:bg-raised aria-[current=true]:border-accent aria-[current=true]:bg-raised">
                  <Pulse node={node} />
                  <span className="min-w-0 flex-1">
                    <span className="block truncate">{node.name}</span>
                    <span className="block truncate font-mono text-[11px] text-faint">{node.id.slice(0, 8)} · {node.silence}</span>
                  </span>
                  {node.score > 0 && <span className="text-xs text-soft" title="score">{node.score}</span>}
                </Link>
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}

/** The band; it swells once at each heartbeat. */
function Pulse({ node }: { node: Member }) {
  const heard = useHeard(node, useAt() !== undefined);
  return <span key={heard?.seq} className="pulse inline-block"><Band band={node.band} quiet /></span>;
}

function Focus({ node }: { node: Member }) {
  return (
    <div className="flex min-h-0 flex-col gap-3 overflow-auto">
      <Panel
        title={<span className="normal-case tracking-normal text-ink"><Band band={node.band} /> {node.name}</span>}
        aside={<Link to="/nodes/$id" params={{ id: node.id }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">everything about it</Link>}
        className="shrink-0"
      >
        <p className="mb-3 text-xs text-soft">heard of <Heard node={node} />{node.profile !== "" && ` · ${node.profile}`} · {node.org}</p>
        <Telemetry id={node.id} />
      </Panel>
      <Timeline id={node.id} className="min-h-48 flex-1" />
    </div>
  );
}

/** So many of the worst are shown. */
const WORST = 50;

function NeedsALook({ all }: { all: readonly Member[] }) {
  const at = useAt();
  const org = useOrgFilter();
  const { data: open, error } = useQuery(incidents(at, { state: "open", org }));
  const troubled = all.filter((node) => node.reasons.length > 0 || node.band !== "OK");
  return (
    <Panel title="Needs a look" aside={open === undefined ? "" : <Link to="/incidents" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">{open.length === 500 ? "500+" : open.length} open incidents</Link>}>
      {error !== null && <Waiting error={error} />}
      {troubled.length === 0 ? (
        <Empty>Every node is well.</Empty>
      ) : (
        <ul className="space-y-3">
          {troubled.slice(0, WORST).map((node) => (
            <li key={node.id}>
              <Link to="/" search={(before) => ({ ...before, node: node.id })} className="font-medium hover:underline"><Band band={node.band} quiet /> {node.name}</Link>
              {node.reasons.length > 0 ? <Reasons reasons={node.reasons} more={node.more} /> : <p className="text-xs text-faint">Nothing is wrong any more; the band follows within minutes.</p>}
            </li>
          ))}
        </ul>
      )}
      {troubled.length > WORST && <p className="mt-2 text-xs text-faint">and {troubled.length - WORST} more: <Link to="/nodes" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">all nodes</Link></p>}
    </Panel>
  );
}

const FEED = 60;

function Feed() {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const at = useAt();
  const org = useOrgFilter();
  const [beats, setBeats] = useState(false);
  const { data: before } = useQuery(events({ ...until(at), org }));
  const came = at === undefined ? live.entries.filter(({ event }) => org === undefined || event.org === org) : [];
  const first = came.at(-1)?.seq ?? Infinity;
  const all: LiveEntry[] = [...came, ...(before?.items ?? []).filter(({ seq }) => seq < first)];
  const shown = all.filter(({ event }) => beats || event.kind !== "heartbeat").slice(0, FEED);
  const aside = (
    <label className="flex cursor-pointer items-center gap-1">
      <input type="checkbox" checked={beats} onChange={(event) => setBeats(event.target.checked)} /> heartbeats
    </label>
  );
  return (
    <Panel title="Feed" aside={aside} className="h-80 xl:h-auto">
      {shown.length === 0 ? <Empty>{at === undefined ? "What is recorded from now on stands here." : "Nothing but heartbeats came before this."}</Empty> : <ul>{shown.map((entry) => <li key={entry.seq}><EntryRow entry={entry} /></li>)}</ul>}
    </Panel>
  );
}
