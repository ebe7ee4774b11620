// Every node in a table that stays quick at ten thousand of them.

import { useMemo, useRef } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { Row } from "../api/client";
import { nodes } from "../api/queries";
import { useAt } from "../shell";
import { Ago, Band, Empty, Hash, Waiting } from "../ui/atoms";
import { nodeName } from "./node";

type Node = Row<"Node">;

interface Column {
  name: string;
  width: string;
  show: (node: Node) => React.ReactNode;
  key: (node: Node) => string | number;
}

const BANDS = { CRIT: 0, ATTN: 1, OK: 2 } as const;

const COLUMNS: readonly Column[] = [
  { name: "Band", width: "5rem", show: (node) => <Band band={node.band} />, key: (node) => BANDS[node.band] * 1000 - node.score },
  { name: "Name", width: "minmax(9rem,2fr)", show: nodeName, key: nodeName },
  { name: "Id", width: "8rem", show: (node) => <Hash value={node.node_id} chars={8} />, key: (node) => node.node_id },
  { name: "Organisation", width: "minmax(7rem,1fr)", show: (node) => node.org, key: (node) => node.org },
  { name: "Silence", width: "6rem", show: (node) => node.silence, key: (node) => node.silence },
  { name: "Heard of", width: "7rem", show: (node) => (node.heard === undefined ? "never" : <Ago time={node.heard.recorded_at} />), key: (node) => -Date.parse(node.heard?.recorded_at ?? "1970") },
  { name: "Worst reason", width: "minmax(10rem,2fr)", show: worst, key: (node) => node.reasons[0]?.reason ?? "~" },
  { name: "Profile", width: "8rem", show: (node) => node.heartbeat?.os_profile ?? "", key: (node) => node.heartbeat?.os_profile ?? "" },
];

function worst(node: Node): string {
  const [first, ...rest] = node.reasons;
  if (first === undefined) return "";
  const more = rest.length + (node.more_reasons ?? 0);
  return `${first.reason}${first.subject === undefined ? "" : ` ${first.subject}`}${more > 0 ? ` +${more}` : ""}`;
}

const ROW_PX = 32;
const GRID = { gridTemplateColumns: COLUMNS.map((column) => column.width).join(" ") };

export function Nodes() {
  const at = useAt();
  const { band, q, sort } = useSearch({ from: "/nodes" });
  const navigate = useNavigate({ from: "/nodes" });
  const { data, error } = useQuery(nodes(at, { ...(band === undefined ? {} : { band }), ...(q === undefined ? {} : { q }) }));
  const rows = useMemo(() => sorted(data ?? [], sort), [data, sort]);
  const host = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => host.current, estimateSize: () => ROW_PX, overscan: 12 });
  return (
    <div className="flex h-full flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="text-lg font-semibold">Nodes</h1>
        <input type="search" defaultValue={q} placeholder="search  /" aria-label="search nodes" className="rounded border border-line bg-raised px-2 py-1"
          onChange={({ target }) => void navigate({ search: ({ q: _q, ...before }) => (target.value === "" ? before : { ...before, q: target.value }), replace: true })} />
        <select aria-label="band" value={band ?? ""} className="rounded border border-line bg-raised px-2 py-1"
          onChange={({ target }) => void navigate({ search: ({ band: _band, ...before }) => (target.value === "" ? before : { ...before, band: target.value as Node["band"] }) })}>
          <option value="">every band</option>
          {Object.keys(BANDS).map((one) => <option key={one}>{one}</option>)}
        </select>
        <span className="text-sm text-soft" aria-live="polite">{data === undefined ? "" : `${rows.length} node${rows.length === 1 ? "" : "s"}`}</span>
      </div>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && (q === undefined && band === undefined ? <Empty command="ledger enroll token">No node is enrolled yet. A token lets one in:</Empty> : <Empty>No node fits.</Empty>)}
      {rows.length > 0 && (
        <div role="table" aria-rowcount={rows.length} className="flex min-h-0 flex-1 flex-col overflow-x-auto rounded-lg border border-line bg-panel">
          <div role="row" style={GRID} className="grid min-w-[56rem] gap-2 border-b border-line px-3 py-1.5 text-xs text-soft">
            {COLUMNS.map(({ name }) => (
              <span role="columnheader" key={name} aria-sort={sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none"}>
                <Link to="/nodes" search={(before) => ({ ...before, sort: sort === name ? `-${name}` : name })} className="hover:text-ink">
                  {name} {sort === name ? "↑" : sort === `-${name}` ? "↓" : ""}
                </Link>
              </span>
            ))}
          </div>
          <div ref={host} className="min-h-0 flex-1 overflow-y-auto">
            <div style={{ height: list.getTotalSize(), position: "relative" }} className="min-w-[56rem]">
              {list.getVirtualItems().map(({ index, start }) => {
                const node = rows[index] as Node;
                return (
                  <div role="row" key={node.node_id} style={{ ...GRID, position: "absolute", top: start, height: ROW_PX, width: "100%" }} className="grid items-center gap-2 border-b border-line/50 px-3 hover:bg-raised">
                    {COLUMNS.map(({ name, show }) => (
                      <span role="cell" key={name} className="truncate">
                        {name === "Name" ? <Link to="/nodes/$id" params={{ id: node.node_id }} search={at === undefined ? {} : { at }} className="hover:underline">{show(node)}</Link> : show(node)}
                      </span>
                    ))}
                  </div>
                );
              })}
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

function sorted(rows: Node[], sort = "Band"): Node[] {
  const column = COLUMNS.find(({ name }) => name === sort.replace(/^-/, "")) ?? (COLUMNS[0] as Column);
  const sign = sort.startsWith("-") ? -1 : 1;
  const keyed = rows.map((node) => [column.key(node), node] as const);
  return keyed.sort(([a], [b]) => sign * (a < b ? -1 : a > b ? 1 : 0)).map(([, node]) => node);
}
