// What scans found, by check: the same finding on many nodes is one row.

import { useMemo } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { findings } from "../api/queries";
import { grouped } from "../findings";
import { useAt } from "../shell";
import { Empty, Severity, Waiting } from "../ui/atoms";

export function Findings() {
  const at = useAt();
  const { q } = useSearch({ from: "/findings" });
  const navigate = useNavigate({ from: "/findings" });
  const { data, error } = useQuery(findings(at, q === undefined ? {} : { q }));
  const groups = useMemo(() => grouped(data ?? []), [data]);
  return (
    <div className="mx-auto flex max-w-5xl flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="text-lg font-semibold">Findings</h1>
        <input type="search" defaultValue={q} placeholder="search  /" aria-label="search findings" className="rounded border border-line bg-raised px-2 py-1"
          onChange={({ target }) => void navigate({ search: ({ q: _q, ...before }) => (target.value === "" ? before : { ...before, q: target.value }), replace: true })} />
        <span className="text-sm text-soft">{data === undefined ? "" : `${data.length} on ${new Set(data.map((one) => one.node_id)).size} nodes`}</span>
      </div>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && (q === undefined ? <Empty command="ledger commands issue NODE scan">No scan has found anything, or none was made. A command makes one:</Empty> : <Empty>No finding fits.</Empty>)}
      <ul className="rounded-lg border border-line bg-panel empty:hidden">
        {groups.map(({ key, first, nodes }) => (
          <li key={key} className="border-b border-line/60 px-3 py-2">
            <div className="flex items-baseline gap-3">
              <span className="w-16 shrink-0"><Severity severity={first.severity} /></span>
              <span className="min-w-0 flex-1"><span className="block">{first.title}</span><span className="block truncate font-mono text-xs text-faint" title={first.subject}>{first.id} · {first.subject}</span></span>
              <span className="shrink-0 text-sm">{nodes.length === 1 ? <Link to="/nodes/$id" params={{ id: nodes[0] as string }} className="text-accent hover:underline">{(nodes[0] as string).slice(0, 8)}</Link> : <b>{nodes.length} nodes</b>}</span>
            </div>
            <p className="pl-19 text-xs text-soft">{first.explained ?? first.remediation}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
