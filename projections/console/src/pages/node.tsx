// One node: what it says of itself, how that went over time, what was recorded of it, and what it can be told.

import { Link, useParams } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { SERVICE } from "../base";
import type { Row } from "../api/client";
import { now } from "../api/clock";
import { say } from "../api/device";
import { commands, keys, me, node, nodePolicy, nodeScan, nodeSlos } from "../api/queries";
import { stacks } from "../series";
import { useAt } from "../shell/place";
import { bytes, duration } from "../time";
import { Act } from "../ui/act";
import { Ago, AsCommand, Band, Empty, Hash, Mark, Panel, Severity, Waiting } from "../ui/atoms";
import { Bars } from "../ui/bars";
import { CommandMark, parameters } from "../ui/command";
import { Check } from "../ui/entry";
import { Area, Field, pairs, text } from "../ui/form";
import { Facts } from "../ui/page";
import { Reasons } from "../ui/reasons";
import { Telemetry, Timeline } from "../ui/telemetry";
import { Issue } from "./commands";
import { OUTCOMES } from "./dashboard";
import { Accept, AcceptBaseline, Drift } from "./findings";

type Node = Row<"Node">;

export function NodePage() {
  const at = useAt();
  const { id } = useParams({ from: "/nodes/$id" });
  const { data, error, refetch } = useQuery(node(id, at));
  if (data === undefined) return <Waiting error={error} again={() => void refetch()} />;
  const name = data.name ?? data.heartbeat?.hostname ?? id.slice(0, 8);
  return (
    <div className="mx-auto flex max-w-6xl flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="flex min-w-0 flex-wrap items-baseline gap-3 text-xl font-semibold"><Band band={data.band} /> {name} <Hash value={id} chars={36} /></h1>
        <div className="ml-auto flex flex-wrap gap-2"><Labels node={data} /><Issue node={{ id, name }} /></div>
      </div>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="What it says"><Says node={data} /></Panel>
        <Panel title="Why it needs a look" aside={`score ${data.score}`}>
          {data.reasons.length === 0 ? <Empty>{data.band === "OK" ? "Nothing is wrong with it." : "Nothing is wrong any more; the band follows within minutes."}</Empty> : <Reasons reasons={data.reasons} more={data.more_reasons} />}
          <div className="mt-2"><AsCommand>{`ledger attention explain ${id.slice(0, 8)}`}</AsCommand></div>
        </Panel>
      </div>
      <Panel title="Telemetry"><Telemetry id={id} all /></Panel>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Scan id={id} org={data.org} />
        <Timeline id={id} checks className="max-h-[34rem]" />
        <Commands id={id} />
        <Policy id={id} />
        <Keys node={data} />
        <Outcomes id={id} />
      </div>
      <Snippet node={data} />
    </div>
  );
}

function Says({ node: of }: { node: Node }) {
  // The description has seven of the heartbeat's members; the rest is shown where it is there.
  const beat = (of.heartbeat ?? {}) as Partial<Row<"Heartbeat">> & Record<string, unknown>;
  const size = (name: string): string | undefined => (typeof beat[name] === "number" ? bytes(beat[name]) : undefined);
  const uptime = beat["uptime_secs"];
  return (
    <Facts of={[
      ["Organisation", of.tenant === undefined ? of.org : `${of.org} / ${of.tenant}`],
      ["Heard of", of.heard === undefined ? "never" : <Ago key="heard" time={of.heard.recorded_at} />],
      ["Silence", of.silence],
      ["Profile", beat.os_profile],
      ["Agent", beat["agent_version"] as string | undefined],
      ["Kernel", beat["kernel_version"] as string | undefined],
      ["Up for", typeof uptime === "number" ? duration(1000 * uptime) : undefined],
      ["Memory", size("memory_total_bytes")],
      ["Disk", size("disk_total_bytes")],
      ["Services", beat.services_ok === undefined ? undefined : beat.services_ok === true ? "all run" : beat.services_ok === false ? "not all run" : "unknown"],
      ["Spool", typeof beat["spool_depth"] === "number" ? `${beat["spool_depth"]} events wait` : undefined],
      ["Clock", typeof beat["clock_offset_ms"] === "number" ? `${Math.abs(beat["clock_offset_ms"])} ms ${beat["clock_offset_ms"] < 0 ? "ahead of" : "behind"} the ledger's` : undefined],
      ["Key", of.key === undefined ? undefined : <Hash key="key" value={of.key.key} chars={16} />],
      ["Labels", Object.entries(of.labels ?? {}).map(([name, value]) => `${name}=${value}`).join(", ") || undefined],
    ]} />
  );
}

function Labels({ node: of }: { node: Node }) {
  const { data } = useQuery(me());
  const lines = Object.entries(of.labels ?? {}).map(([name, value]) => `${name}=${value}`).join("\n");
  return (
    <Act label="labels" may="write events" title="Labels" says={<>These are all labels of <b>1 node</b> from now on. Which policies, schedules and roll-outs it is in follows from them.</>}
      run={(form) => say(data?.ledger ?? "", { kind: "labels", org: of.org, node_id: of.node_id, payload: { labels: pairs(text(form, "labels")) } })}>
      <Field label="Labels" hint="NAME=VALUE, one a line"><Area name="labels" rows={4} defaultValue={lines} placeholder="env=prod" className="font-mono" /></Field>
    </Act>
  );
}

function Scan({ id, org }: { id: string; org: string }) {
  const at = useAt();
  const { data, error } = useQuery(nodeScan(id, at));
  const latest = data?.latest;
  const findings = latest?.scan.findings ?? [];
  return (
    <Panel title="Last scan" aside={latest == null ? "" : <span className="flex items-center gap-2"><Drift scan={{ ...latest.scan, ...(data?.accepted == null ? {} : { accepted: data.accepted }) }} /><AcceptBaseline scan={{ node_id: id, org, ...latest.scan, ...(data?.accepted == null ? {} : { accepted: data.accepted }) }} /><Ago time={latest.recorded_at} /><Check seq={latest.seq} /></span>} className="max-h-[34rem]">
      {data === undefined && <Waiting error={error} />}
      {data !== undefined && latest == null && <Empty command={`ledger commands issue ${id.slice(0, 8)} scan`}>It was never scanned.</Empty>}
      {latest != null && findings.length === 0 && <Empty>The scan found nothing.</Empty>}
      <ul className="space-y-2">
        {findings.map((finding) => (
          <li key={`${finding.id} ${finding.subject}`}>
            <div className="flex items-baseline gap-2"><Severity severity={finding.severity} /><span className="min-w-0 flex-1">{finding.title}</span><Accept finding={{ ...finding, org }} nodes={[id]} /></div>
            <p className="truncate font-mono text-xs text-faint" title={finding.subject}>{finding.subject}</p>
            <p className="text-xs text-soft">{finding.explained ?? finding.remediation}</p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Commands({ id }: { id: string }) {
  const { data, error } = useQuery(commands(useAt(), { node_id: id }));
  return (
    <Panel title="Commands" aside={<Link to="/commands" search={{ q: id }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">all</Link>}>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && <Empty>It was told nothing yet.</Empty>}
      <ul className="space-y-1 text-sm">
        {data?.slice(0, 8).map((one) => (
          <li key={one.hash} className="flex items-baseline gap-3">
            <span className="w-24 shrink-0"><CommandMark state={one.state} /></span>
            <Link to="/commands" search={{ id: one.hash, q: id }} className="min-w-0 flex-1 truncate hover:underline">{one.order.command} <span className="text-xs text-faint">{parameters(one.order.parameters)}</span></Link>
            <span className="text-xs text-faint"><Ago time={one.issued_at} /></span>
            <Check seq={one.ended?.seq ?? one.seq} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Policy({ id }: { id: string }) {
  const { data, error } = useQuery(nodePolicy(id, useAt()));
  if (data === undefined) return <Panel title="Policy"><Waiting error={error} /></Panel>;
  return (
    <Panel title="Policy" aside={data.desired === undefined && data.reported === undefined ? "" : <Mark tone={data.drift ? "attn" : "ok"}>{data.drift ? "drifts" : "followed"}</Mark>}>
      {data.desired === undefined && data.reported === undefined ? <Empty>None is assigned: it goes by its own allowlist alone.</Empty> : (
        <Facts of={[
          ["Is to follow", data.desired === undefined ? "none" : <Hash key="desired" value={data.desired} chars={16} />],
          ["Follows", data.reported === undefined ? "none" : <Hash key="reported" value={data.reported} chars={16} />],
          ["Mode", data.assignment?.document.mode],
          ["Allows", data.assignment === undefined ? undefined : Object.keys(data.assignment.document.allow).join(", ")],
          ["Assigned", data.assignment === undefined ? undefined : <span key="assigned"><Ago time={data.assignment.recorded_at} /> by {data.assignment.author} <Check seq={data.assignment.seq} /></span>],
        ]} />
      )}
    </Panel>
  );
}

function Keys({ node: of }: { node: Node }) {
  const { data } = useQuery(keys(of.org, useAt(), { q: of.node_id }));
  const held = data?.filter(({ author }) => author === `node:${of.node_id}`) ?? [];
  return (
    <Panel title="Keys" aside={<Link to="/keys" search={{ q: of.node_id }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">governance</Link>}>
      {of.key?.ended !== undefined && <p role="alert" className="mb-2 text-sm text-crit">◆ Its key is valid no longer: what it sends is refused until it is enrolled anew.</p>}
      <ul className="space-y-1 text-sm">
        {held.map((one) => (
          <li key={one.key} className="flex flex-wrap items-baseline gap-3">
            <Mark tone={one.status === "active" ? "ok" : one.status === "compromised" ? "crit" : "soft"}>{one.status}</Mark>
            <Link to="/keys" search={{ id: one.key, q: of.node_id }} className="font-mono text-xs hover:underline">{one.key.slice(0, 16)}…</Link>
            <span className="text-xs text-faint">{one.used === undefined ? "never used" : <>used <Ago time={one.used.recorded_at} /></>}</span>
            {one.suspect && <Mark tone="crit">suspect</Mark>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const [HOUR_MS, HOURS] = [3_600_000, 24];

function Outcomes({ id }: { id: string }) {
  const at = useAt();
  const { data, error } = useQuery(nodeSlos(id, at));
  const end = at === undefined || /^\d+$/.test(at) ? now() : Date.parse(at);
  const shown = stacks((data ?? []).map(({ at: time, outcome, count }) => ({ at: time, name: outcome, count })), HOUR_MS, HOURS, end, OUTCOMES);
  return (
    <Panel title="Outcomes" aside={`${HOURS} h`}>
      {data === undefined && <Waiting error={error} />}
      {data !== undefined && shown.series.length === 0 && <Empty>It has reported no outcomes.</Empty>}
      {shown.series.length > 0 && <Bars of={shown} label="outcomes of this node" />}
    </Panel>
  );
}

/** How another node is set up like this one. */
function Snippet({ node: of }: { node: Node }) {
  const url = new URL(`${SERVICE}/`, location.href).href.replace(/\/$/, "");
  const beat = (of.heartbeat ?? {}) as { vaultmesh_root?: string; interval_secs?: number };
  const lines = [
    `VAULTMESH_CC_URL=${url}`,
    "VAULTMESH_ENROLMENT_TOKEN=vm1.…",
    ...(beat.vaultmesh_root === undefined ? [] : [`VAULTMESH_ROOT=${beat.vaultmesh_root}`]),
    ...(of.heartbeat?.os_profile === undefined ? [] : [`VAULTMESH_OS_PROFILE=${of.heartbeat.os_profile}`]),
    ...(beat.interval_secs === undefined ? [] : [`VAULTMESH_HEARTBEAT_SECS=${beat.interval_secs}`]),
  ];
  return (
    <Panel title="Another one like it" aside={<Link to="/enrol" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">a token for it</Link>}>
      <pre className="overflow-x-auto rounded bg-raised p-2 font-mono text-xs" tabIndex={0}>{lines.join("\n")}</pre>
    </Panel>
  );
}
