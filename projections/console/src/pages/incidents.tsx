// What operators look after: incidents, and what people say of them. Every act is an entry of the ledger.

import { useState } from "react";
import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import type { Row } from "../api/client";
import { say } from "../api/device";
import { incidents, me, silences, type IncidentState } from "../api/queries";
import { inTurn } from "../many";
import { useAt, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, Band, Empty, Panel, Waiting } from "../ui/atoms";
import { Field, Text, text } from "../ui/form";
import { IncidentCard } from "../ui/incident";
import { NodeName } from "../ui/node";
import { counted, Filter, Page, usePatch, Words } from "../ui/page";
import { Views } from "../ui/views";

type Incident = Row<"Incident">;
const STATES: readonly IncidentState[] = ["open", "acked", "resolved", "all"];

export function Incidents() {
  const at = useAt();
  const org = useOrgFilter();
  const { state = "open", q, id } = useSearch({ from: "/incidents" });
  const { data, error, refetch } = useQuery(incidents(at, { state, q, org }));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const picked = (data ?? []).filter((one) => chosen.has(one.id));
  const shown = data?.find((one) => one.id === id) ?? data?.[0];
  const patch = usePatch();
  const toggle = (one: string): void => setChosen((before) => {
    const next = new Set(before);
    if (!next.delete(one)) next.add(one);
    return next;
  });
  return (
    <Page
      title="Incidents" full
      tools={<><Words name="state" label="state" value={state} words={STATES} /><Filter value={q} label="filter incidents" /></>}
      count={data === undefined ? undefined : counted(data.length, "incident")}
      acts={<><Views page="/incidents" /><Report /></>}
    >
      <Silences />
      {picked.length > 0 && <Many picked={picked} onDone={() => setChosen(new Set())} />}
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty>{state === "open" && q === undefined ? "Nothing is open." : "There is none."}</Empty>}
      {data !== undefined && data.length > 0 && (
        <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <ul className="max-h-[45dvh] overflow-auto rounded-lg border border-line bg-panel lg:max-h-none" aria-label="incidents" tabIndex={0}>
            {data.map((one) => (
              <li key={one.id} className="flex items-center gap-2 border-b border-line/60 pl-3">
                <input type="checkbox" aria-label={`choose ${one.title}`} checked={chosen.has(one.id)} onChange={() => toggle(one.id)} />
                <button type="button" onClick={() => patch({ id: one.id })} aria-current={one.id === shown?.id} className="flex min-w-0 flex-1 items-baseline gap-3 px-2 py-2 text-left hover:bg-raised aria-[current=true]:bg-raised">
                  <Band band={one.band} />
                  <span className="min-w-0 flex-1"><span className="block truncate">{one.title}</span><span className="block truncate text-xs text-faint">{one.node_id?.slice(0, 8) ?? one.site ?? one.org}{one.subject === undefined ? "" : ` · ${one.subject}`}{one.assignee === undefined ? "" : ` · with ${one.assignee}`}</span></span>
                  <span className="shrink-0 text-xs text-soft">{one.silence === undefined ? "" : "silenced · "}{one.state} · <Ago time={one.opened.at} /></span>
                </button>
              </li>
            ))}
          </ul>
          {shown !== undefined && <IncidentCard key={shown.id} incident={shown} />}
        </div>
      )}
    </Page>
  );
}

/** One answer to all that were chosen. */
function Many({ picked, onDone }: { picked: readonly Incident[]; onDone: () => void }) {
  const { data } = useQuery(me());
  const open = picked.filter(({ state }) => state === "open");
  const unresolved = picked.filter(({ state }) => state !== "resolved");
  const all = (kind: "ack" | "resolve", of: readonly Incident[]) => async (form: FormData) => {
    const remark = text(form, "text");
    const { done, failed } = await inTurn(of, (one) => say(data?.ledger ?? "", { kind, org: one.org, payload: { target: one.id, ...(remark === undefined ? {} : { text: remark }) } }));
    return { says: <p>● Recorded for {counted(done.length, "incident")}{failed.length > 0 && `; refused for ${failed.length}: ${failed[0]?.problem}`}.</p> };
  };
  return (
    <div role="region" aria-label="chosen incidents" className="flex flex-wrap items-center gap-2 rounded-lg border border-accent bg-panel px-3 py-2">
      <b className="text-sm">{counted(picked.length, "incident")} chosen</b>
      <Act label={`acknowledge ${open.length}`} kind="main" may="write events" unless={open.length === 0 ? "None of them is open." : undefined} title={`Acknowledge ${counted(open.length, "incident")}`} says={<>Says of <b>{counted(open.length, "incident")}</b> that you look after {open.length === 1 ? "it" : "them"}.</>} run={all("ack", open)} onDone={onDone}>
        <Field label="A remark"><Text name="text" /></Field>
      </Act>
      <Act label={`resolve ${unresolved.length}`} may="write events" unless={unresolved.length === 0 ? "All of them are resolved." : undefined} title={`Resolve ${counted(unresolved.length, "incident")}`} says={<>Says of <b>{counted(unresolved.length, "incident")}</b> that {unresolved.length === 1 ? "it is" : "they are"} over. Each can be reopened.</>} run={all("resolve", unresolved)} onDone={onDone}>
        <Field label="A remark"><Text name="text" /></Field>
      </Act>
    </div>
  );
}

function Report() {
  const { data } = useQuery(me());
  const org = useOrgFilter() ?? (data?.org === "ledger" ? "default" : (data?.org ?? "default"));
  return (
    <Act label="report one" may="write events" title="Report an incident" says={<>Opens an incident that everybody in the organisation sees.</>} command={(form) => `ledger incidents open --org ${text(form, "org") ?? org} '${text(form, "title") ?? "…"}'`}
      run={async (form) => say(data?.ledger ?? "", { kind: "incident", org: text(form, "org") ?? org, severity: "high", payload: { title: text(form, "title") ?? "", ...(text(form, "text") === undefined ? {} : { text: text(form, "text") ?? "" }) } })}>
      <Field label="Organisation"><Text name="org" required defaultValue={org} /></Field>
      <Field label="In one line"><Text name="title" required maxLength={512} /></Field>
      <Field label="More"><Text name="text" /></Field>
    </Act>
  );
}

/** What is not told for a while, each with the way to end it. */
function Silences() {
  const at = useAt();
  const { data: who } = useQuery(me());
  const { data } = useQuery(silences(at, useOrgFilter()));
  if (data === undefined || data.length === 0) return null;
  return (
    <Panel title={counted(data.length, "silence")} aside="recorded and shown, and not told">
      <ul className="space-y-1 text-sm">
        {data.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-2">
            <span>{one.node_id === undefined ? (one.tenant ?? one.reason) : <NodeName id={one.node_id} />}{one.node_id !== undefined && one.reason !== undefined && ` · ${one.reason}`}</span>
            <span className="text-soft">{one.text}</span>
            <span className="text-xs text-faint">until <Ago time={one.until} /></span>
            <Act label="end" may="write events" title="End a silence" says="From now on it is told again; what is still open is told as opened." command={`ledger incidents unsilence ${one.id.slice(0, 12)}`} run={() => say(who?.ledger ?? "", { kind: "silence", org: one.org, payload: { action: "end", silence: one.id } })} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
