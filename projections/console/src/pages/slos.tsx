// How operations of the nodes ended, by outcome over time.

import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { now } from "../api/clock";
import { slos, type Step } from "../api/queries";
import { stacks, total } from "../series";
import { useAt, useOrg } from "../shell/place";
import { Bars } from "../ui/bars";
import { Empty, Panel, Waiting } from "../ui/atoms";
import { Filter, Page, Words } from "../ui/page";
import { OUTCOMES } from "./dashboard";

const STEPS: Record<Step, readonly [number, number]> = { hour: [3_600_000, 48], day: [86_400_000, 35] };

export function Slos() {
  const at = useAt();
  const org = useOrg();
  const { step = "hour", q } = useSearch({ from: "/slos" });
  const { data, error, refetch } = useQuery(slos(org, at, step));
  const [step_ms, bars] = STEPS[step];
  const end = at === undefined || /^\d+$/.test(at) ? now() : Date.parse(at);
  const groups = new Map<string, NonNullable<typeof data>>();
  for (const one of data ?? []) {
    const name = `${one.component} ${one.operation}`;
    if (q === undefined || name.includes(q.toLowerCase())) groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return (
    <Page title="SLOs" tools={<><Words name="step" label="step" value={step} words={["hour", "day"]} /><Filter value={q} label="component or operation" wide /></>} count={org}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty>No node has reported outcomes yet. They come with events of kind <code>slo</code>.</Empty>}
      {[...groups].sort().map(([name, of]) => {
        const shown = stacks(of.map(({ at: time, outcome, count }) => ({ at: time, name: outcome, count })), step_ms, bars, end, OUTCOMES);
        const sum = total(of.map(({ count }) => count));
        const good = total(of.filter(({ outcome }) => outcome === "ok" || outcome === "allow").map(({ count }) => count));
        return <Panel key={name} title={<span className="normal-case tracking-normal text-ink">{name}</span>} aside={`${((100 * good) / Math.max(1, sum)).toFixed(2)} % ok or allowed, of ${sum.toLocaleString("en")}`} className="shrink-0"><Bars of={shown} label={name} short={step === "hour"} /></Panel>;
      })}
    </Page>
  );
}
