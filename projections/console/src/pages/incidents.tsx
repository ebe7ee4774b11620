// What operators look after: incidents, and what people say of them. Every act is an entry of the ledger.

import { useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { incidents, whole_incident, type IncidentState } from "../api/queries";
import { useAt } from "../shell";
import { Ago, Band, Button, Empty, Hash, Panel, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";

type Incident = Row<"Incident">;
const STATES: readonly IncidentState[] = ["open", "acked", "resolved", "all"];

export function Incidents() {
  const at = useAt();
  const { state = "open", q, id } = useSearch({ from: "/incidents" });
  const navigate = useNavigate({ from: "/incidents" });
  const { data, error } = useQuery(incidents(at, { state, ...(q === undefined ? {} : { q }) }));
  const chosen = data?.find((one) => one.id === id) ?? data?.[0];
  return (
    <div className="flex h-full flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="text-lg font-semibold">Incidents</h1>
        <div role="group" aria-label="state" className="flex gap-1">
          {STATES.map((one) => (
            <Link key={one} to="/incidents" search={(before) => ({ ...before, state: one })} aria-current={one === state} className="rounded border border-line px-2 py-1 text-xs aria-[current=true]:border-accent aria-[current=true]:bg-raised">{one}</Link>
          ))}
        </div>
        <input type="search" defaultValue={q} placeholder="search  /" aria-label="search incidents" className="rounded border border-line bg-raised px-2 py-1"
          onChange={({ target }) => void navigate({ search: ({ q: _q, ...before }) => (target.value === "" ? before : { ...before, q: target.value }), replace: true })} />
      </div>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && <Empty>{state === "open" ? "Nothing is open." : "There is none."}</Empty>}
      {data !== undefined && data.length > 0 && (
        <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <ul className="overflow-auto rounded-lg border border-line bg-panel" aria-label="incidents">
            {data.map((one) => (
              <li key={one.id} className="border-b border-line/60">
                <Link to="/incidents" search={(before) => ({ ...before, id: one.id })} aria-current={one.id === chosen?.id} className="flex items-baseline gap-3 px-3 py-2 hover:bg-raised aria-[current=true]:bg-raised">
                  <Band band={one.band} />
                  <span className="min-w-0 flex-1"><span className="block truncate">{one.title}</span><span className="block truncate text-xs text-faint">{one.node_id?.slice(0, 8) ?? one.site ?? one.org}{one.subject === undefined ? "" : ` · ${one.subject}`}</span></span>
                  <span className="shrink-0 text-xs text-soft">{one.state} · <Ago time={one.opened.at} /></span>
                </Link>
              </li>
            ))}
          </ul>
          {chosen !== undefined && <Card key={chosen.id} incident={chosen} past={at !== undefined} />}
        </div>
      )}
    </div>
  );
}

type Act = "ack" | "resolve" | "note" | "reopen";
const WORDS: Record<Act, string> = { ack: "acknowledge", resolve: "resolve", note: "add the remark", reopen: "reopen" };

function Card({ incident, past }: { incident: Incident; past: boolean }) {
  const [text, setText] = useState("");
  const queries = useQueryClient();
  const notes = useQuery(whole_incident(incident.id, useAt())).data?.notes;
  const act = useMutation({
    mutationFn: (kind: Act) => {
      const payload = { target: incident.id, ...(text.trim() === "" ? {} : { text: text.trim() }) };
      // The description says of a payload only that it is an object.
      const draft = { kind, org: incident.org, payload } as unknown as Row<"Draft">;
      return answer(client.POST("/api/events", { body: draft }));
    },
    onSuccess: () => {
      setText("");
      void queries.invalidateQueries({ queryKey: ["incidents"] });
    },
  });
  const acts: Act[] = incident.state === "resolved" ? ["reopen"] : incident.state === "open" ? ["ack", "resolve"] : ["resolve"];
  const receipt = act.data as { seq?: number } | undefined;
  return (
    <Panel title={<span className="normal-case tracking-normal text-ink"><Band band={incident.band} /> {incident.title}</span>} aside={<Hash value={incident.id} />}>
      <dl className="grid grid-cols-[6rem_1fr] gap-y-1 text-sm">
        <dt className="text-faint">State</dt><dd>{incident.state}{incident.assignee !== undefined && `, with ${incident.assignee}`}</dd>
        <dt className="text-faint">About</dt><dd>{incident.node_id === undefined ? (incident.site ?? incident.org) : <Link to="/nodes/$id" params={{ id: incident.node_id }} className="text-accent hover:underline">{incident.node_id.slice(0, 8)}</Link>}{incident.subject === undefined ? "" : ` · ${incident.subject}`}</dd>
        <Said name="Opened" by={incident.opened} />
        {incident.acked !== undefined && <Said name="Acked" by={incident.acked.by} />}
        {incident.resolved !== undefined && <Said name="Resolved" by={incident.resolved} />}
        {incident.text !== undefined && <><dt className="text-faint">Says</dt><dd className="whitespace-pre-wrap">{incident.text}</dd></>}
      </dl>
      {notes?.map((remark) => (
        <blockquote key={remark.by.seq} className="mt-2 border-l-2 border-line pl-2 text-sm"><p className="whitespace-pre-wrap">{remark.text}</p><footer className="text-xs text-faint">{remark.by.author}, <Ago time={remark.by.at} /> <Check seq={remark.by.seq} /></footer></blockquote>
      ))}
      {past ? <p className="mt-4 text-xs text-faint">The past cannot be answered; go back to now.</p> : (
        <div className="mt-4 space-y-2">
          <textarea value={text} onChange={(event) => setText(event.target.value)} rows={2} placeholder="a remark, if there is something to say" aria-label="remark" className="w-full rounded border border-line bg-raised px-2 py-1" />
          <div className="flex flex-wrap gap-2">
            {acts.map((kind, n) => <Button key={kind} kind={n === 0 ? "main" : "plain"} disabled={act.isPending} onClick={() => act.mutate(kind)}>{WORDS[kind]}</Button>)}
            <Button disabled={act.isPending || text.trim() === ""} onClick={() => act.mutate("note")}>{WORDS.note}</Button>
          </div>
          <p className="text-xs text-faint">As a command: <code>ledger incidents {acts[0]} {incident.id.slice(0, 12)}</code></p>
          {act.error !== null && <p role="alert" className="text-sm text-crit">{act.error.message}</p>}
          {receipt?.seq !== undefined && <p className="text-sm text-ok">Recorded as entry {receipt.seq}. <Check seq={receipt.seq} /></p>}
        </div>
      )}
    </Panel>
  );
}

const Said = ({ name, by }: { name: string; by: Row<"Attribution"> }) => (
  <><dt className="text-faint">{name}</dt><dd><Ago time={by.at} />{by.author === undefined ? "" : ` by ${by.author}`}, entry {by.seq} <Check seq={by.seq} /></dd></>
);
