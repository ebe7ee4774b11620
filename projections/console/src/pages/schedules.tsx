// What nodes are told to do again and again.

import { useState } from "react";
import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { recorded } from "../api/said";
import { schedules } from "../api/queries";
import { uuid7 } from "../sign";
import { useAt, useOrg, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, AsCommand, Empty, Mark, Panel, Waiting } from "../ui/atoms";
import { parameters } from "../ui/command";
import { Check } from "../ui/entry";
import { Choice, Field, number, Text, text } from "../ui/form";
import { flags, order, OrderFields, quoted } from "../ui/order";
import { counted, Facts, Filter, Page } from "../ui/page";
import { SelectorField, useSelection } from "../ui/selection";

type Schedule = Row<"Schedule">;
const TONES = { started: "ok", missed: "crit", skipped: "attn" } as const;
const RUNS = 6;

export function Schedules() {
  const at = useAt();
  const { q } = useSearch({ from: "/schedules" });
  const { data, error, refetch } = useQuery(schedules(at, useOrgFilter()));
  const rows = (data ?? []).filter(({ plan }) => q === undefined || `${plan.name} ${plan.command}`.toLowerCase().includes(q.toLowerCase()));
  return (
    <Page title="Schedules" tools={<Filter value={q} label="filter schedules" />} count={data === undefined ? undefined : counted(rows.length, "schedule")} acts={<SetOne />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && rows.length === 0 && <Empty command="ledger schedules set --cron '30 2 * * *' 'nightly scan' scan">{data.length === 0 ? "Nothing is scheduled." : "None fits."}</Empty>}
      {rows.map((one) => <Card key={`${one.org} ${one.plan.id}`} schedule={one} />)}
    </Page>
  );
}

const whenInWords = ({ cron, every_secs, start }: Row<"ScheduleTiming">): string => (cron === undefined ? `every ${every_secs} s, from ${start}` : `${cron} (UTC)`);

function Card({ schedule: { plan, org, next, counts, runs, set_by, set_at } }: { schedule: Schedule }) {
  return (
    <Panel title={<span className="normal-case tracking-normal text-ink">{plan.name}</span>} aside={next === undefined ? "never due again" : <>due <Ago time={next} /></>} className="shrink-0">
      <div className="grid gap-4 lg:grid-cols-2">
        <Facts of={[
          ["Command", <span key="command" className="font-mono text-xs">{plan.command} {parameters(plan.parameters)}</span>],
          ["When", whenInWords(plan.when)],
          ["Nodes", `${plan.selector === "" ? `every one of ${org}` : plan.selector}${plan.os_profile === undefined ? "" : `, ${plan.os_profile} alone`}`],
          ["Windows", plan.windows?.map(({ days, start, minutes }) => `${days.join(" ")} ${start}, ${minutes} min`).join("; ")],
          ["Missed", plan.catch_up === "once" ? "begun once afterwards" : "left out"],
          ["Set", <span key="set"><Ago time={set_at} /> by {set_by}</span>],
          ["So far", `${counts.started} begun, ${counts.missed} missed, ${counts.skipped} skipped`],
        ]} />
        <ol className="space-y-1 text-xs">
          {runs.length === 0 && <li className="text-faint">It was not due yet.</li>}
          {runs.slice(-RUNS).toReversed().map((run) => (
            <li key={run.hash} className="flex flex-wrap items-baseline gap-2">
              <Mark tone={TONES[run.outcome]}>{run.outcome}</Mark>
              <span><Ago time={run.due} />{run.outcome === "started" ? `, ${run.ordered} of ${counted(run.nodes, "node")} told` : ` (${run.reason})`}{run.count > 1 && `, ${run.count} times`}</span>
              <Check seq={run.seq} />
            </li>
          ))}
        </ol>
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-2">
        <Act label="end it" kind="grave" may="issue commands" title={`End ${plan.name}`} command={`ledger schedules remove ${quoted(plan.name)}`} says="It is due no more. Commands that were given stay given; the schedule can be made again."
          run={async () => {
            await answer(client.DELETE("/api/schedules/{id}", { params: { path: { id: plan.id }, query: { org } } }));
            return { seq: await recorded(org, "schedule"), says: <p>● It has ended.</p> };
          }} />
        <AsCommand>{`ledger schedules show ${quoted(plan.name)}`}</AsCommand>
      </div>
    </Panel>
  );
}

function SetOne() {
  const org = useOrg();
  const [typed, setTyped] = useState("");
  const [every, setEvery] = useState("cron");
  const { words } = useSelection(org, typed);
  return (
    <Act
      label="make a schedule" kind="main" may="issue commands" title="A schedule" says={<>Tells the nodes that are selected whenever it is due, at present <b>{words}</b> of {org}, to do this.</>}
      command={(form) => `ledger schedules set --org ${org} ${every === "cron" ? `--cron ${quoted(text(form, "cron") ?? "30 2 * * *")}` : `--every ${text(form, "every") ?? "3600"}`} ${typed === "" ? "" : `--select ${quoted(typed)} `}${quoted(text(form, "name") ?? "NAME")} ${flags({ ...order(form), approvals: 0 })}`}
      run={async (form) => {
        const { command, parameters: given, ttl_secs } = order(form);
        const when = every === "cron" ? { cron: text(form, "cron") ?? "" } : { every_secs: number(form, "every") ?? 3600 };
        const body = { name: text(form, "name") ?? "", org, command, parameters: given, ttl_secs, selector: text(form, "selector") ?? "", jitter_secs: number(form, "jitter") ?? 0, catch_up: text(form, "catch_up") as "once" | "skip", when };
        const { seq, warning } = await answer(client.PUT("/api/schedules/{id}", { params: { path: { id: uuid7(Date.now()) } }, body }));
        return { seq, says: warning === undefined ? undefined : <p>▲ {warning}</p> };
      }}
    >
      <Field label="Name"><Text name="name" required maxLength={256} placeholder="nightly scan" /></Field>
      <div className="grid grid-cols-2 gap-2">
        <Field label="Due"><Choice name="by" value={every} onChange={({ target }) => setEvery(target.value)} options={[["cron", "by times of cron"], ["every", "every so many seconds"]]} /></Field>
        {every === "cron" ? <Field label="Times, in UTC" hint="minute hour day month weekday"><Text key="cron" name="cron" required defaultValue="30 2 * * *" className="font-mono" /></Field> : <Field label="Seconds"><Text key="every" name="every" type="number" min={1} required defaultValue={3600} /></Field>}
        <Field label="Spread over" hint="seconds"><Text name="jitter" type="number" min={0} max={86_400} defaultValue={0} /></Field>
        <Field label="What is missed"><Choice name="catch_up" options={[["skip", "is left out"], ["once", "is begun once afterwards"]]} /></Field>
      </div>
      <SelectorField org={org} onCount={setTyped} />
      <OrderFields approvals={false} />
    </Act>
  );
}
