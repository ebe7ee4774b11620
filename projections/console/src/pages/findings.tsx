// What scans found, by check: the same finding on many nodes is one. And how each node's files compare with what was
// accepted.

import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { now } from "../api/clock";
import { say } from "../api/device";
import { acceptances, findings, groupedFindings, me, scans } from "../api/queries";
import { recorded } from "../api/said";
import { useAt, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, AsCommand, Empty, Hash, Mark, Severity, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";
import { Choice, Field, Text, text } from "../ui/form";
import { NodeName } from "../ui/node";
import { quoted } from "../ui/order";
import { counted, Filter, Page, usePatch, Words } from "../ui/page";
import { DataTable, type Column } from "../ui/table";
import { Views } from "../ui/views";

const SEVERITIES = ["critical", "high", "medium", "low"] as const;

export function Findings() {
  const { view = "findings" } = useSearch({ from: "/findings" });
  return view === "scans" ? <ScanList /> : view === "accepted" ? <Accepted /> : <ByCheck />;
}

const VIEWS = ["findings", "scans", "accepted"] as const;

const Tabs = ({ view }: { view: (typeof VIEWS)[number] }) => <Words name="view" label="view" value={view} words={VIEWS} />;

type Group = Row<"FindingGroup">;
const keyOf = ({ org, id, subject }: Group): string => `${org} ${id} ${subject}`;

function ByCheck() {
  const at = useAt();
  const org = useOrgFilter();
  const { q, severity, id } = useSearch({ from: "/findings" });
  const patch = usePatch();
  const { data, error, refetch } = useQuery(groupedFindings(at, { q, severity, org }));
  return (
    <Page title="Scans & drift" tools={<><Tabs view="findings" /><Filter value={q} label="filter findings" /><Words name="severity" label="severity" value={severity} words={SEVERITIES} first="all" /></>} count={data === undefined ? undefined : counted(data.length, "finding")} acts={<Views page="/findings" />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && (q === undefined && severity === undefined ? <Empty command="ledger commands issue NODE scan">No scan has found anything, or none was made. A command makes one:</Empty> : <Empty>No finding fits.</Empty>)}
      <ul className="rounded-lg border border-line bg-panel empty:hidden">
        {data?.map((group) => <Finding key={keyOf(group)} group={group} open={keyOf(group) === id} onOpen={() => patch({ id: keyOf(group) === id ? undefined : keyOf(group) })} />)}
      </ul>
    </Page>
  );
}

function Finding({ group, open, onOpen }: { group: Group; open: boolean; onOpen: () => void }) {
  return (
    <li className="border-b border-line/60 last:border-0">
      <button type="button" aria-expanded={open} onClick={onOpen} className="flex w-full items-baseline gap-3 px-3 py-2 text-left hover:bg-raised">
        <span className="w-16 shrink-0"><Severity severity={group.severity} /></span>
        <span className="min-w-0 flex-1"><span className="block">{group.title}</span><span className="block truncate font-mono text-xs text-faint" title={group.subject}>{group.id} · {group.subject}</span></span>
        <span className="shrink-0 text-right text-sm">{group.nodes > 0 && <b className="block">{counted(group.nodes, "node")}</b>}{group.accepted > 0 && <span className="block text-xs text-faint">accepted on {group.accepted}</span>}</span>
      </button>
      {open && <Opened group={group} />}
    </li>
  );
}

/** So many nodes are named one by one. */
const NAMED = 60;

function Opened({ group }: { group: Group }) {
  const { data, error } = useQuery(findings(useAt(), { q: group.id, org: group.org }));
  if (data === undefined) return <Waiting error={error} />;
  const all = data.filter((one) => one.id === group.id && one.subject === group.subject);
  const [first] = all;
  const counting = all.filter(({ accepted }) => accepted === undefined).map(({ node_id }) => node_id);
  return (
    <div className="flex flex-col gap-2 px-3 pb-3 sm:pl-22">
      <p className="text-sm text-soft">{first?.explained ?? first?.remediation}</p>
      <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm">{all.slice(0, NAMED).map((one) => <li key={one.node_id}><NodeName id={one.node_id} />{one.accepted !== undefined && <span className="text-xs text-faint"> accepted</span>}</li>)}{all.length > NAMED && <li className="text-faint">and {all.length - NAMED} more</li>}</ul>
      {first !== undefined && <p className="text-xs text-faint">found <Ago time={first.recorded_at} />, entry {first.seq} <Check seq={first.seq} /></p>}
      <div className="flex flex-wrap items-center gap-2">{counting.length > 0 && <Accept finding={group} nodes={counting} />}<AsCommand>{`ledger findings --grouped -q ${group.id}`}</AsCommand></div>
    </div>
  );
}

/** What was said to be known, each with the way back. */
function Accepted() {
  const { data, error, refetch } = useQuery(acceptances(useAt(), useOrgFilter()));
  return (
    <Page title="Scans & drift" tools={<Tabs view="accepted" />} count={data === undefined ? undefined : counted(data.length, "acceptance")}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty command="ledger findings accept --until 30d --why WHY CHECK">Nothing is accepted: every finding counts.</Empty>}
      <ul className="rounded-lg border border-line bg-panel empty:hidden">
        {data?.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 border-b border-line/60 px-3 py-2 text-sm last:border-0">
            <b className="font-medium">{one.check}</b>
            <span className="font-mono text-xs text-soft">{one.subject ?? "whatever it is about"}</span>
            <span>{one.node === undefined ? (one.selector === undefined || one.selector === "" ? `every node of ${one.org}` : one.selector) : <NodeName id={one.node} />}</span>
            <span className="text-soft">{one.text}</span>
            <span className="text-xs text-faint">until <Ago time={one.until} />, by {one.author} <Check seq={one.seq} /></span>
            <Act label="withdraw" may="write events" title="It counts again" command={`ledger findings withdraw ${one.id.slice(0, 12)}`} says={<>From now on <b>{one.check}</b> counts again where it is found. It can be accepted anew.</>}
              run={async () => {
                await answer(client.DELETE("/api/orgs/{org}/acceptances/{acceptance}", { params: { path: { org: one.org, acceptance: one.id } } }));
                return { seq: await recorded(one.org, "acceptance"), says: <p>● Withdrawn.</p> };
              }} />
          </li>
        ))}
      </ul>
    </Page>
  );
}

const DAY_MS = 86_400_000;
const SPANS = [["7", "a week"], ["30", "30 days"], ["90", "90 days"], ["365", "a year"]] as const;

/** Says that a finding is known: it counts for nothing until a date. */
export function Accept({ finding, nodes }: { finding: Pick<Row<"NodeFinding">, "id" | "subject" | "severity" | "org" | "title">; nodes: readonly string[] }) {
  const [one] = nodes;
  const where = nodes.length === 1 ? "this node" : `every node of ${finding.org}, which are ${nodes.length} at present`;
  const node = nodes.length === 1 && one !== undefined ? { node: one } : {};
  return (
    <Act label="accept it" may="write events" title={finding.title} says={<>From now on this finding counts for nothing on <b>{where}</b>, until the day it ends: no score, no incident. It is still shown, and can be withdrawn.</>}
      command={(form) => `ledger findings accept --until ${text(form, "days") ?? 30}d --why ${quoted(text(form, "text") ?? "WHY")} ${node.node === undefined ? `--org ${finding.org}` : `--node ${node.node.slice(0, 8)}`} ${finding.id} ${quoted(finding.subject)}`}
      run={(form) => answer(client.POST("/api/orgs/{org}/acceptances", {
        params: { path: { org: finding.org } },
        body: { check: finding.id, subject: finding.subject, severity: finding.severity as never, expires_at: new Date(now() + DAY_MS * Number(text(form, "days") ?? 30)).toISOString(), text: text(form, "text") ?? "", ...node },
      }))}>
      <Field label="For"><Choice name="days" options={SPANS} defaultValue="30" /></Field>
      <Field label="Why"><Text name="text" required maxLength={1024} /></Field>
    </Act>
  );
}

type Scan = Row<"NodeScan">;

/** How a scan's baseline stands to the one that somebody accepted. */
export function Drift({ scan }: { scan: Pick<Scan, "baseline" | "accepted"> }) {
  if (scan.baseline === undefined) return <span className="text-xs text-faint">no baseline</span>;
  return scan.accepted === undefined ? <Mark tone="attn">not accepted</Mark> : <Mark tone="ok">accepted</Mark>;
}

const COLUMNS: readonly Column<Scan>[] = [
  { name: "Node", width: "minmax(8rem,1fr)", show: (one) => <NodeName id={one.node_id} /> },
  { name: "Findings", width: "minmax(13rem,1fr)", show: (one) => <span className="text-xs">{SEVERITIES.map((severity) => one.counts[severity] > 0 && <span key={severity} className="mr-2">{one.counts[severity]} {severity}</span>)}{one.counts.unknown > 0 && <span className="text-faint">{one.counts.unknown} unchecked</span>}</span>, key: (one) => -(one.counts.critical * 1e9 + one.counts.high * 1e6 + one.counts.medium * 1e3 + one.counts.low) },
  { name: "Baseline", width: "7rem", show: (one) => <Drift scan={one} />, key: (one) => (one.accepted === undefined ? 0 : 1) },
  { name: "Files", width: "7rem", show: (one) => (one.tree_root === undefined ? "" : <Hash value={one.tree_root} chars={8} />) },
  { name: "Took", width: "5rem", show: (one) => `${(one.duration_ms / 1000).toFixed(1)} s`, key: (one) => one.duration_ms },
  { name: "Scanned", width: "6rem", show: (one) => <Ago time={one.recorded_at} />, key: (one) => -one.seq },
  { name: "", width: "6rem", show: (one) => <AcceptBaseline scan={one} /> },
];

function ScanList() {
  const at = useAt();
  const { sort = "Findings" } = useSearch({ from: "/findings" });
  const patch = usePatch();
  const { data, error, refetch } = useQuery(scans(at, useOrgFilter()));
  return (
    <Page title="Scans & drift" full tools={<Tabs view="scans" />} count={data === undefined ? undefined : counted(data.length, "scanned node")}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty command="ledger commands issue NODE scan">No node was scanned yet. A command makes one:</Empty>}
      {data !== undefined && data.length > 0 && <DataTable label="scans" rows={data} columns={COLUMNS} id={(one) => one.node_id} sort={sort} onSort={(next) => patch({ sort: next })} least="56rem" className="flex-1" />}
    </Page>
  );
}

export function AcceptBaseline({ scan }: { scan: Pick<Scan, "node_id" | "org" | "baseline" | "tree_root" | "accepted"> }) {
  const { data } = useQuery(me());
  const { baseline, tree_root } = scan;
  if (baseline === undefined || scan.accepted !== undefined) return null;
  return (
    <Act label="accept" may="write events" title="Accept a baseline" says="Says that what this node's files were compared with is right. The newest such word holds; another takes its place." command={`ledger nodes accept-baseline ${scan.node_id.slice(0, 8)} ${baseline.slice(0, 12)}`}
      run={() => say(data?.ledger ?? "", { kind: "baseline", org: scan.org, payload: { node: scan.node_id, baseline, ...(tree_root === undefined ? {} : { tree_root }) } })} />
  );
}
