// A command to many nodes, wave after wave.

import { useState } from "react";
import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { rollouts } from "../api/queries";
import { share, shares, written } from "../shares";
import { useAt, useOrg, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, AsCommand, Empty, Mark, Panel, Waiting } from "../ui/atoms";
import { parameters, said } from "../ui/command";
import { Field, number, Text, text } from "../ui/form";
import { flags, order, OrderFields, quoted } from "../ui/order";
import { counted, Facts, Filter, Page } from "../ui/page";
import { SelectorField, useSelection } from "../ui/selection";

type Rollout = Row<"Rollout">;
const TONES = { waiting: "attn", running: "accent", paused: "attn", aborted: "crit", halted: "crit", finished: "ok", expired: "soft" } as const;

export function Rollouts() {
  const at = useAt();
  const { q } = useSearch({ from: "/rollouts" });
  const { data, error, refetch } = useQuery(rollouts(at, useOrgFilter()));
  const rows = (data ?? []).filter(({ plan }) => q === undefined || `${plan.name} ${plan.command}`.toLowerCase().includes(q.toLowerCase()));
  const ordered = [...rows].sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  return (
    <Page title="Roll-outs" tools={<Filter value={q} label="filter roll-outs" />} count={data === undefined ? undefined : counted(rows.length, "roll-out")} acts={<Start />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && rows.length === 0 && <Empty command="ledger rollouts start --waves 1,10%,100% 'scan all' scan">{data.length === 0 ? "None was started yet." : "None fits."}</Empty>}
      {ordered.map((one) => <Card key={`${one.org} ${one.plan.id}`} rollout={one} />)}
    </Page>
  );
}

function Card({ rollout: { plan, state, org, started_at, started_by, nodes, of_waves, waves, approvals = [], end } }: { rollout: Rollout }) {
  const needed = plan.approvals ?? 0;
  return (
    <Panel title={<span className="normal-case tracking-normal text-ink">{plan.name}</span>} aside={<Mark tone={TONES[state]}>{state}{end !== undefined && <> <Ago time={end.at} /></>}</Mark>} className="shrink-0">
      <div className="grid gap-4 lg:grid-cols-2">
        <Facts of={[
          ["Command", <span key="command" className="font-mono text-xs">{plan.command} {parameters(plan.parameters)}</span>],
          ["Nodes", `${nodes === undefined ? "not chosen yet" : counted(nodes, "node")}: ${plan.selector === "" ? `every one of ${org}` : plan.selector}${plan.os_profile === undefined ? "" : `, ${plan.os_profile} alone`}`],
          ["Waves", `${plan.waves.map(written).join(", then ")}; ${written(plan.may_fail)} may fail; ${plan.pause_secs} s between`],
          ["Started", <span key="started"><Ago time={started_at} /> by {started_by}</span>],
          ["Approvals", needed === 0 ? "none needed" : <span key="approvals">{approvals.length} of {needed}{state === "waiting" && plan.approve_by !== undefined && <>, <Ago time={plan.approve_by} /> at the latest</>}{approvals.map((one) => <span key={one.seq} className="block text-xs text-soft">● {one.author}</span>)}</span>],
        ]} />
        <ol className="space-y-1.5">
          {Array.from({ length: of_waves ?? plan.waves.length }, (_, n) => <Wave key={n} n={n} wave={waves[n]} />)}
        </ol>
      </div>
      <Acts id={plan.id} org={org} name={plan.name} state={state} nodes={nodes} missing={needed - approvals.length} />
    </Panel>
  );
}

function Wave({ n, wave }: { n: number; wave: Row<"RolloutWave"> | undefined }) {
  if (wave === undefined) return <li className="text-xs text-faint">wave {n + 1}: not begun</li>;
  const part = (count: number): string => `${(100 * count) / Math.max(1, wave.nodes)}%`;
  return (
    <li className="text-xs">
      <div className="flex justify-between"><span>wave {n + 1}: {counted(wave.nodes, "node")}, <Ago time={wave.at} /></span><span className="text-soft">● {wave.succeeded} done ◆ {wave.failed} failed ○ {wave.open} open</span></div>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" className="mt-0.5 h-1.5 w-full rounded bg-raised" aria-hidden="true">
        <rect width={part(wave.succeeded)} height="4" fill="var(--ok)" />
        <rect x={part(wave.succeeded)} width={part(wave.failed)} height="4" fill="var(--crit)" />
      </svg>
    </li>
  );
}

function Acts({ id, org, name, state, nodes, missing }: { id: string; org: string; name: string; state: Rollout["state"]; nodes: number | undefined; missing: number }) {
  const ends = ["aborted", "halted", "finished", "expired"].includes(state);
  const path = { params: { path: { id } } };
  const about = nodes === undefined ? "its nodes" : counted(nodes, "node");
  return (
    <div className="mt-3 flex flex-wrap items-center gap-2">
      {state === "waiting" && missing > 0 && (
        <Act label="approve" kind="main" may="issue commands" title={`Agree to ${name}`} command={`ledger rollouts approve ${quoted(name)}`} says={<>Agrees that <b>{about}</b> are told, wave after wave. {missing === 1 ? "The first wave begins then." : `${missing - 1} more have to agree.`} Nobody approves their own.</>}
          run={(form) => answer(client.POST("/api/rollouts/{id}/approve", { ...path, body: { org, ...said(form) } }))}>
          <Field label="A remark"><Text name="text" maxLength={1024} /></Field>
        </Act>
      )}
      {state === "running" && <Act label="pause" may="issue commands" title={`Pause ${name}`} command={`ledger rollouts pause ${quoted(name)}`} says="No wave begins until it goes on. What was told stays told." run={() => answer(client.POST("/api/rollouts/{id}/pause", { ...path, body: { org } }))} />}
      {state === "paused" && <Act label="go on" kind="main" may="issue commands" title={`Go on with ${name}`} command={`ledger rollouts resume ${quoted(name)}`} says="The next wave begins as planned." run={() => answer(client.POST("/api/rollouts/{id}/resume", { ...path, body: { org } }))} />}
      {!ends && <Act label="abort" kind="grave" may="issue commands" title={`End ${name}`} command={`ledger rollouts abort ${quoted(name)}`} says={<>Ends it for good: no further wave begins. Commands that were given stay given. This cannot be undone.</>} run={() => answer(client.POST("/api/rollouts/{id}/abort", { ...path, body: { org } }))} />}
      <AsCommand>{`ledger rollouts show ${quoted(name)}`}</AsCommand>
    </div>
  );
}

/** A share that a form has, or why it has none. */
function shareOf(form: FormData, name: string): Row<"Share"> {
  const found = share(text(form, name) ?? "0");
  if (found === undefined) throw new Error("What may fail is a number of nodes, or a share like 5%.");
  return found;
}

function Start() {
  const org = useOrg();
  const [typed, setTyped] = useState("");
  const { words } = useSelection(org, typed);
  return (
    <Act
      label="start a roll-out" kind="main" may="issue commands" title="A roll-out"
      says={<>Gives the command to <b>{words}</b> of {org}, wave after wave, and stops by itself when more of a wave fail than may. Its nodes are chosen when it starts.</>}
      command={(form) => `ledger rollouts start --org ${org} --waves ${text(form, "waves") ?? "1,100%"} --may-fail ${text(form, "may_fail") ?? "0"} --pause ${text(form, "pause") ?? "0"} ${typed === "" ? "" : `--select ${quoted(typed)} `}${quoted(text(form, "name") ?? "NAME")} ${flags({ ...order(form) })}`}
      run={async (form) => {
        const waves = shares(text(form, "waves") ?? "");
        if (waves === undefined) throw new Error("Waves are numbers of nodes or shares: 1, 10%, 100%.");
        const { approvals, command, parameters: given, ttl_secs } = order(form);
        return answer(client.POST("/api/rollouts", { body: { name: text(form, "name") ?? "", org, command, parameters: given, ttl_secs, approvals, waves, selector: text(form, "selector") ?? "", may_fail: shareOf(form, "may_fail"), pause_secs: number(form, "pause") ?? 0 } }));
      }}
    >
      <Field label="Name"><Text name="name" required maxLength={256} placeholder="restart the tunnel" /></Field>
      <SelectorField org={org} onCount={setTyped} />
      <div className="grid grid-cols-3 gap-2">
        <Field label="Waves"><Text name="waves" required defaultValue="1, 10%, 100%" /></Field>
        <Field label="May fail"><Text name="may_fail" defaultValue="0" /></Field>
        <Field label="Pause, in s"><Text name="pause" type="number" min={0} defaultValue={60} /></Field>
      </div>
      <OrderFields />
    </Act>
  );
}
