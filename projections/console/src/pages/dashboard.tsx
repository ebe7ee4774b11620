// An organisation at a glance: its nodes, policies, keys and what was denied; and that over time.

import type { ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { now } from "../api/clock";
import { useFleet } from "../api/fleet";
import { events, keysSummary, slos, until, usage } from "../api/queries";
import { stacks, total } from "../series";
import { useAt, useOrg } from "../shell/place";
import { Bars } from "../ui/bars";
import { Empty, Mark, Panel, Waiting } from "../ui/atoms";
import { EntryRow } from "../ui/entry";
import { counted, Page } from "../ui/page";

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** What a policy decides, in the order in which bars are stacked; `ok` and `error` are how other operations end. */
export const OUTCOMES = ["allow", "deny", "throttle", "isolate", "ok", "error"] as const;
const DENIED = new Set(["deny", "throttle", "isolate"]);
/** What is told here of what was recorded lately: what people should see. */
const KINDS = "incident,attention,command,receipt,policy,key-status,scan,rollout,schedule-run";

export function Dashboard() {
  const at = useAt();
  const org = useOrg();
  const { data: fleet, error } = useFleet(useQueryClient(), at, org);
  const { data: held } = useQuery(keysSummary(org, at));
  const { data: outcomes } = useQuery(slos(org, at));
  const { data: used } = useQuery(usage(org, at));
  const { data: lately } = useQuery(events({ ...until(at), kind: KINDS, org, limit: 12 }));
  const end = at === undefined || /^\d+$/.test(at) ? now() : Date.parse(at);
  if (fleet === undefined) return <Waiting error={error} />;
  const active = fleet.rows.filter(({ silence }) => silence === "live" || silence === "late");
  const drifting = fleet.rows.filter(({ reasons }) => reasons.some(({ reason }) => reason === "policy-drift"));
  const keyless = fleet.rows.filter(({ enrolled, silence }) => !enrolled && silence !== "lost" && silence !== "planned");
  const recent = (outcomes ?? []).filter(({ at: time }) => Date.parse(time) > end - HOURS * HOUR_MS);
  const decided = stacks(recent.filter(({ outcome }) => outcome !== "ok" && outcome !== "error").map(({ at: time, outcome, count }) => ({ at: time, name: outcome, count })), HOUR_MS, HOURS, end, OUTCOMES);
  const operations = stacks(recent.map(({ at: time, component, operation, count }) => ({ at: time, name: `${component} ${operation}`, count })), HOUR_MS, HOURS, end, []);
  const denied = total(recent.filter(({ outcome }) => DENIED.has(outcome)).map(({ count }) => count));
  const issues = (held?.suspect ?? 0) + keyless.length;
  return (
    <Page title="Dashboard" count={org}>
      <ul className="grid grid-cols-2 gap-3 lg:grid-cols-4" aria-label="at a glance">
        <Card name="Active nodes" value={active.length} of={fleet.rows.length} to="/nodes" tone={active.length < fleet.rows.length ? "attn" : "ok"}>{fleet.rows.length - active.length === 0 ? "every one is heard of" : `${fleet.rows.length - active.length} silent`}</Card>
        <Card name="Policy drift" value={drifting.length} to="/policies" tone={drifting.length > 0 ? "attn" : "ok"}>{drifting.length === 0 ? "all follow what they are to" : "follow another policy"}</Card>
        <Card name="Key issues" value={issues} to="/keys" tone={(held?.suspect ?? 0) > 0 ? "crit" : issues > 0 ? "attn" : "ok"}>{issues === 0 ? "every node has a valid key" : `${held?.suspect ?? 0} in doubt, ${counted(keyless.length, "node")} without`}</Card>
        <Card name="Recent denies" value={denied} to="/slos" tone={denied > 0 ? "attn" : "ok"}>in {HOURS} hours</Card>
      </ul>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="Decisions over time" aside={`${HOURS} h, by outcome`}>{decided.series.length === 0 ? <NoOutcomes /> : <Bars of={decided} label="decisions by outcome" />}</Panel>
        <Panel title="SLO events by type" aside={`${HOURS} h, by operation`}>{operations.series.length === 0 ? <NoOutcomes /> : <Bars of={operations} label="events by operation" />}</Panel>
        <Panel title="Dig files over time" aside="by month"><DigFiles lines={(used ?? []).filter(({ metric }) => metric === "dig_files")} /></Panel>
        <Panel title="Lately" aside={<Link to="/audit" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">audit</Link>}>
          {lately?.items.length === 0 && <Empty>Nothing but heartbeats was recorded.</Empty>}
          <ul>{lately?.items.map((entry) => <li key={entry.seq}><EntryRow entry={entry} /></li>)}</ul>
        </Panel>
      </div>
    </Page>
  );
}

const NoOutcomes = () => <Empty>No node has reported outcomes. They come with events of kind <code>slo</code>, which nodes say of their own operations.</Empty>;

function Card({ name, value, of, to, tone, children }: { name: string; value: number; of?: number; to: "/nodes" | "/policies" | "/keys" | "/slos"; tone: "ok" | "attn" | "crit"; children: ReactNode }) {
  return (
    <li>
      <Link to={to} className="block h-full rounded-lg border border-line bg-panel px-3 py-2 hover:border-accent">
        <span className="block text-xs text-soft">{name}</span>
        <span className="text-2xl font-semibold">{value.toLocaleString("en")}{of !== undefined && <span className="text-base font-normal text-faint"> of {of.toLocaleString("en")}</span>}</span>
        <span className="block"><Mark tone={tone}>{children}</Mark></span>
      </Link>
    </li>
  );
}

function DigFiles({ lines }: { lines: readonly { month: string; quantity: number }[] }) {
  const months = new Map<string, number>();
  for (const { month, quantity } of lines) months.set(month, (months.get(month) ?? 0) + quantity);
  if (months.size === 0) return <Empty>No use of dig files was recorded. It comes with events of kind <code>usage</code>.</Empty>;
  const most = Math.max(...months.values());
  return (
    <ul className="space-y-1 text-sm">
      {[...months].sort().map(([month, quantity]) => (
        <li key={month} className="grid grid-cols-[5rem_1fr_6rem] items-center gap-2">
          <span className="text-soft">{month}</span>
          <svg viewBox="0 0 100 6" preserveAspectRatio="none" className="h-2 w-full rounded bg-raised" aria-hidden="true"><rect width={(100 * quantity) / most} height="6" fill="var(--s1)" /></svg>
          <span className="text-right font-mono">{quantity.toLocaleString("en")}</span>
        </li>
      ))}
    </ul>
  );
}
