// One node: what it says of itself, how that went over time, what was recorded of it and what its scans found.

import { useParams } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import type { Row } from "../api/client";
import { node, nodeEvents, nodeScan, type Metric } from "../api/queries";
import { useAt } from "../shell";
import { bytes, duration } from "../time";
import { Ago, Band, Empty, Hash, Panel, Severity, Waiting } from "../ui/atoms";
import { MetricChart } from "../ui/chart";
import { Check, EntryRow } from "../ui/entry";
import { Reasons } from "../ui/reasons";

/** What people call a node; its id where it never said. */
export const nodeName = (node: Row<"Node">): string => node.heartbeat?.hostname ?? node.node_id.slice(0, 8);

const CHARTS: readonly [Metric, string][] = [
  ["load1", "Load"], ["memory_used", "Memory in use"], ["disk_used", "Disk in use"], ["pressure_cpu", "CPU pressure"],
];

export function Telemetry({ id }: { id: string }) {
  const at = useAt();
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      {CHARTS.map(([metric, title]) => <MetricChart key={`${id} ${metric}`} id={id} metric={metric} title={title} at={at} />)}
    </div>
  );
}

export function Timeline({ id, checks = false, className = "" }: { id: string; checks?: boolean; className?: string }) {
  const at = useAt();
  const { data, error } = useQuery(nodeEvents(id, at));
  return (
    <Panel title="Timeline" aside="newest first" className={className}>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && <Empty>Nothing was recorded of it.</Empty>}
      <ul>
        {data?.map((entry) => (
          <li key={entry.seq} className="flex items-center gap-2">
            <div className="min-w-0 flex-1"><EntryRow entry={entry} /></div>
            {checks && <Check seq={entry.seq} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function NodePage() {
  const at = useAt();
  const { id } = useParams({ from: "/nodes/$id" });
  const { data, error } = useQuery(node(id, at));
  if (data === undefined) return <Waiting error={error} />;
  return (
    <div className="mx-auto flex max-w-6xl flex-col gap-3">
      <h1 className="flex flex-wrap items-baseline gap-3 text-xl font-semibold">
        <Band band={data.band} /> {nodeName(data)} <Hash value={data.node_id} chars={36} />
      </h1>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="What it says"><Facts node={data} /></Panel>
        <Panel title="Why it needs a look" aside={`score ${data.score}`}>
          {data.reasons.length === 0 ? <Empty>{data.band === "OK" ? "Nothing is wrong with it." : "Nothing is wrong any more; the band follows within minutes."}</Empty> : <Reasons reasons={data.reasons} more={data.more_reasons} />}
        </Panel>
      </div>
      <Panel title="Telemetry"><Telemetry id={id} /></Panel>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Timeline id={id} checks />
        <Scan id={id} />
      </div>
    </div>
  );
}

function Facts({ node }: { node: Row<"Node"> }) {
  // The description has seven of the heartbeat's members; the rest is shown where it is there.
  const beat = (node.heartbeat ?? {}) as Row<"Heartbeat"> & Record<string, unknown>;
  const size = (name: string): string | undefined => (typeof beat[name] === "number" ? bytes(beat[name]) : undefined);
  const uptime = beat["uptime_secs"];
  const facts: [string, React.ReactNode][] = [
    ["Organisation", node.tenant === undefined ? node.org : `${node.org} / ${node.tenant}`],
    ["Heard of", node.heard === undefined ? "never" : <Ago time={node.heard.recorded_at} />],
    ["Silence", node.silence],
    ["Profile", beat.os_profile],
    ["Agent", beat["agent_version"] as string | undefined],
    ["Kernel", beat["kernel_version"] as string | undefined],
    ["Up for", typeof uptime === "number" ? duration(1000 * uptime) : undefined],
    ["Memory", size("memory_total_bytes")],
    ["Disk", size("disk_total_bytes")],
    ["Services", beat.services_ok === undefined ? undefined : String(beat.services_ok)],
    ["Key", node.key === undefined ? undefined : <Hash value={node.key.key} chars={16} />],
    ["Labels", Object.entries(node.labels ?? {}).map(([name, value]) => `${name}=${value}`).join(", ") || undefined],
  ];
  return (
    <dl className="grid grid-cols-[7rem_1fr] gap-y-1 text-sm">
      {facts.filter(([, value]) => value !== undefined).map(([name, value]) => (
        <div key={name} className="contents"><dt className="text-faint">{name}</dt><dd className="min-w-0 truncate">{value}</dd></div>
      ))}
    </dl>
  );
}

function Scan({ id }: { id: string }) {
  const at = useAt();
  const { data, error } = useQuery(nodeScan(id, at));
  const findings = data?.latest?.scan.findings ?? [];
  return (
    <Panel title="Last scan" aside={data?.latest == null ? "" : <Ago time={data.latest.recorded_at} />}>
      {data === undefined && <Waiting error={error} />}
      {data !== undefined && data.latest == null && <Empty command={`ledger commands issue ${id.slice(0, 8)} scan`}>It was never scanned.</Empty>}
      {data?.latest != null && findings.length === 0 && <Empty>The scan found nothing.</Empty>}
      <ul className="space-y-2">
        {findings.map((finding) => (
          <li key={`${finding.id} ${finding.subject}`}>
            <div className="flex gap-2"><Severity severity={finding.severity} /><span className="min-w-0 flex-1">{finding.title}</span></div>
            <p className="truncate font-mono text-xs text-faint" title={finding.subject}>{finding.subject}</p>
            <p className="text-xs text-soft">{finding.explained ?? finding.remediation}</p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
