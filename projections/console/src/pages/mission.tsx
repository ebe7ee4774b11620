// The Mission Console: the fleet on the left, one node in the middle, what needs a look on the right.

import { useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { Row } from "../api/client";
import { live, type LiveEntry } from "../api/live";
import { events, incidents, nodes } from "../api/queries";
import { useAt } from "../shell";
import { Ago, Band, Empty, Panel, Waiting, type BandName } from "../ui/atoms";
import { EntryRow } from "../ui/entry";
import { Reasons } from "../ui/reasons";
import { nodeName, Telemetry, Timeline } from "./node";

const KPIS: readonly [string, BandName | undefined][] = [["Total", undefined], ["Healthy", "OK"], ["Attention", "ATTN"], ["Critical", "CRIT"]];

export function Mission() {
  const at = useAt();
  const { node: chosen, band, q } = useSearch({ from: "/" });
  const { data, error } = useQuery(nodes(at));
  const shown = useMemo(() => filtered(data ?? [], band, q), [data, band, q]);
  const focus = data?.find((one) => one.node_id === chosen) ?? shown[0];
  if (data === undefined) return <Waiting error={error} />;
  return (
    <div className="flex min-h-full flex-col gap-3 lg:h-full">
      <Kpis all={data} chosen={band} />
      <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 lg:grid-cols-[17rem_minmax(0,1fr)_21rem]">
        <NodeList rows={shown} focus={focus?.node_id} q={q} />
        {focus === undefined ? (
          <Panel title="Node"><Empty command="ledger enroll token">No node is enrolled yet. A token lets one in:</Empty></Panel>
        ) : (
          <Focus node={focus} />
        )}
        <div className="grid min-h-0 gap-3 lg:grid-rows-[minmax(0,1fr)_minmax(0,1fr)]">
          <NeedsALook all={data} />
          <Feed />
        </div>
      </div>
    </div>
  );
}

/** The worst first; among equals by name. */
function filtered(all: Row<"Node">[], band: BandName | undefined, q: string | undefined): Row<"Node">[] {
  const wanted = q?.toLowerCase();
  return all
    .filter((node) => (band === undefined || node.band === band) && (wanted === undefined || `${nodeName(node)} ${node.node_id} ${node.org}`.toLowerCase().includes(wanted)))
    .sort((a, b) => b.score - a.score || nodeName(a).localeCompare(nodeName(b)) || a.node_id.localeCompare(b.node_id));
}

function Kpis({ all, chosen }: { all: Row<"Node">[]; chosen: BandName | undefined }) {
  return (
    <ul className="grid grid-cols-4 gap-3" aria-label="the fleet">
      {KPIS.map(([name, band]) => (
        <li key={name}>
          <Link
            to="/"
            search={({ band: _band, ...before }) => (band === undefined ? before : { ...before, band })}
            aria-current={chosen === band}
            className="block rounded-lg border border-line bg-panel px-3 py-2 hover:border-accent aria-[current=true]:border-accent"
          >
            <span className="block text-xs text-soft">{band !== undefined && <Band band={band} quiet />} {name}</span>
            <span className="text-2xl font-semibold">{band === undefined ? all.length : all.filter((node) => node.band === band).length}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

const ROW_PX = 44;

function NodeList({ rows, focus, q }: { rows: Row<"Node">[]; focus: string | undefined; q: string | undefined }) {
  const navigate = useNavigate();
  const { q: _q, ...rest } = useSearch({ from: "/" });
  const host = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => host.current, estimateSize: () => ROW_PX, overscan: 8 });
  const search = (text: string): void =>
    void navigate({ to: "/", search: text === "" ? rest : { ...rest, q: text }, replace: true });
  return (
    <section aria-label="nodes" className="flex min-h-64 flex-col rounded-lg border border-line bg-panel">
      <input type="search" defaultValue={q} onChange={(event) => search(event.target.value)} placeholder="search nodes  /" aria-label="search nodes" className="border-b border-line bg-transparent px-3 py-2 text-sm placeholder:text-faint" />
      <div ref={host} className="min-h-0 flex-1 overflow-auto">
        {rows.length === 0 && <Empty>No node fits.</Empty>}
        <ul style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map(({ index, start }) => {
            const node = rows[index] as Row<"Node">;
            return (
              <li key={node.node_id} style={{ position: "absolute", top: start, height: ROW_PX, width: "100%" }}>
                <Link to="/" search={(before) => ({ ...before, node: node.node_id })} aria-current={node.node_id === focus} className="flex h-full items-center gap-2 border-l-2 border-transparent px-3 hover:bg-raised aria-[current=true]:border-accent aria-[current=true]:bg-raised">
                  <Pulse node={node} />
                  <span className="min-w-0 flex-1">
                    <span className="block truncate">{nodeName(node)}</span>
                    <span className="block truncate font-mono text-[11px] text-faint">{node.node_id.slice(0, 8)} · {node.silence}</span>
                  </span>
                  {node.score > 0 && <span className="text-xs text-soft">{node.score}</span>}
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
function Pulse({ node }: { node: Row<"Node"> }) {
  return <span key={node.heard?.seq} className="pulse inline-block"><Band band={node.band} quiet /></span>;
}

function Focus({ node }: { node: Row<"Node"> }) {
  return (
    <div className="flex min-h-0 flex-col gap-3 overflow-auto">
      <Panel
        title={<span className="normal-case tracking-normal text-ink"><Band band={node.band} /> {nodeName(node)}</span>}
        aside={<Link to="/nodes/$id" params={{ id: node.node_id }} search={(before) => (before.at === undefined ? {} : { at: before.at })} className="text-accent hover:underline">everything about it</Link>}
        className="shrink-0"
      >
        <p className="mb-3 text-xs text-soft">
          {node.heard === undefined ? "never heard of" : <>heard of <Ago time={node.heard.recorded_at} />, entry {node.heard.seq}</>}
          {node.heartbeat !== undefined && ` · ${node.heartbeat.os_profile}`} · {node.org}
        </p>
        <Telemetry id={node.node_id} />
      </Panel>
      <Timeline id={node.node_id} className="min-h-48 flex-1" />
    </div>
  );
}

function NeedsALook({ all }: { all: Row<"Node">[] }) {
  const at = useAt();
  const { data: open, error } = useQuery(incidents(at, { state: "open" }));
  const troubled = all.filter((node) => node.reasons.length > 0 || node.band !== "OK").sort((a, b) => b.score - a.score).slice(0, 50);
  return (
    <Panel title="Needs a look" aside={open === undefined ? "" : <Link to="/incidents" className="text-accent hover:underline">{open.length} open incidents</Link>}>
      {error !== null && <Waiting error={error} />}
      {troubled.length === 0 ? (
        <Empty>Every node is well.</Empty>
      ) : (
        <ul className="space-y-3">
          {troubled.map((node) => (
            <li key={node.node_id}>
              <Link to="/" search={(before) => ({ ...before, node: node.node_id })} className="font-medium hover:underline"><Band band={node.band} quiet /> {nodeName(node)}</Link>
              {node.reasons.length > 0 ? <Reasons reasons={node.reasons} more={node.more_reasons} /> : <p className="text-xs text-faint">Nothing is wrong any more; the band follows within minutes.</p>}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Feed() {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const [beats, setBeats] = useState(false);
  const { data: before } = useQuery(events({}));
  const first = live.entries.at(-1)?.seq ?? Infinity;
  const all: LiveEntry[] = [...live.entries, ...(before?.items ?? []).filter(({ seq }) => seq < first)];
  const shown = all.filter(({ event }) => beats || event.kind !== "heartbeat").slice(0, 100);
  const aside = (
    <label className="flex cursor-pointer items-center gap-1">
      <input type="checkbox" checked={beats} onChange={(event) => setBeats(event.target.checked)} /> heartbeats
    </label>
  );
  return (
    <Panel title="Feed" aside={aside}>
      {shown.length === 0 ? <Empty>What is recorded from now on stands here.</Empty> : <ul>{shown.map((entry) => <li key={entry.seq}><EntryRow entry={entry} /></li>)}</ul>}
    </Panel>
  );
}
