// One incident with all that was said of it, and what can be said.

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Row } from "../api/client";
import { say } from "../api/device";
import { me, whole_incident } from "../api/queries";
import { useAt } from "../shell/place";
import { useMay, Act } from "./act";
import { Ago, AsCommand, Band, Button, Hash, Panel } from "./atoms";
import { useDevice } from "./device";
import { Check } from "./entry";
import { Choice, Field, Text, text as field } from "./form";
import { NodeName } from "./node";
import { quoted } from "./order";

type Incident = Row<"Incident">;
type Word = "ack" | "resolve" | "note" | "reopen";
const WORDS: Record<Word, string> = { ack: "acknowledge", resolve: "resolve", note: "add the remark", reopen: "reopen" };
const SPANS = [["1", "an hour"], ["8", "8 hours"], ["24", "a day"]] as const;

export function IncidentCard({ incident }: { incident: Incident }) {
  const hindrance = useMay("write events");
  // Lists leave out what was said of an incident.
  const notes = useQuery(whole_incident(incident.id, useAt())).data?.notes;
  return (
    <Panel title={<span className="normal-case tracking-normal text-ink"><Band band={incident.band} /> {incident.title}</span>} aside={<Hash value={incident.id} />}>
      <dl className="grid grid-cols-[6rem_1fr] gap-y-1 text-sm">
        <dt className="text-faint">State</dt><dd>{incident.state}{incident.assignee !== undefined && `, with ${incident.assignee}`}{incident.acked !== undefined && <>, looked after until <Ago time={incident.acked.until} /></>}</dd>
        <dt className="text-faint">About</dt><dd>{incident.node_id === undefined ? (incident.site ?? incident.org) : <NodeName id={incident.node_id} />}{incident.subject === undefined ? "" : ` · ${incident.subject}`}</dd>
        <Said name="Opened" by={incident.opened} />
        {incident.acked !== undefined && <Said name="Acked" by={incident.acked.by} />}
        {incident.resolved !== undefined && <Said name="Resolved" by={incident.resolved} />}
        {incident.reopened !== undefined && <Said name="Reopened" by={incident.reopened} />}
        {incident.tags !== undefined && incident.tags.length > 0 && <><dt className="text-faint">Tags</dt><dd>{incident.tags.join(", ")}</dd></>}
        {incident.silence !== undefined && <><dt className="text-faint">Silenced</dt><dd>until <Ago time={incident.silence.until} />: {incident.silence.text}</dd></>}
        {incident.text !== undefined && <><dt className="text-faint">Says</dt><dd className="whitespace-pre-wrap">{incident.text}</dd></>}
      </dl>
      {notes?.map((remark) => (
        <blockquote key={remark.by.seq} className="mt-2 border-l-2 border-line pl-2 text-sm"><p className="whitespace-pre-wrap">{remark.text}</p><footer className="text-xs text-faint">{remark.by.author}, <Ago time={remark.by.at} /> <Check seq={remark.by.seq} /></footer></blockquote>
      ))}
      {hindrance === undefined ? <Answers incident={incident} /> : <p className="mt-4 text-xs text-faint">{hindrance}</p>}
    </Panel>
  );
}

function Answers({ incident }: { incident: Incident }) {
  const [text, setText] = useState("");
  const queries = useQueryClient();
  const { data: who } = useQuery(me());
  const own = useDevice();
  const ledger = who?.ledger ?? "";
  const about = { target: incident.id };
  const act = useMutation({
    mutationFn: (kind: Word) => say(ledger, { kind, org: incident.org, payload: { ...about, ...(text.trim() === "" ? {} : { text: text.trim() }) } }),
    onSuccess: () => {
      setText("");
      void queries.invalidateQueries({ queryKey: ["incidents"] });
    },
  });
  const acts: Word[] = incident.state === "resolved" ? ["reopen"] : incident.state === "open" ? ["ack", "resolve"] : ["resolve"];
  const short = incident.id.slice(0, 12);
  return (
    <div className="mt-4 space-y-2">
      <textarea value={text} onChange={(event) => setText(event.target.value)} rows={2} placeholder="a remark, if there is something to say" aria-label="remark" className="w-full rounded border border-line bg-raised px-2 py-1" />
      <div className="flex flex-wrap gap-2">
        {acts.map((kind, n) => <Button key={kind} kind={n === 0 ? "main" : "plain"} disabled={act.isPending} onClick={() => act.mutate(kind)}>{WORDS[kind]}</Button>)}
        <Button disabled={act.isPending || text.trim() === ""} onClick={() => act.mutate("note")}>{WORDS.note}</Button>
        <Act label="assign" may="write events" title="Who looks after it" says="Says whose it is from now on. Nobody's, if the field is empty." command={(form) => `ledger incidents assign ${short} ${field(form, "assignee") ?? ""}`}
          run={(form) => say(ledger, { kind: "assign", org: incident.org, payload: { ...about, ...(field(form, "assignee") === undefined ? {} : { assignee: field(form, "assignee") ?? "" }) } })}>
          <Field label="Who"><Text name="assignee" maxLength={256} defaultValue={incident.assignee} /></Field>
        </Act>
        {incident.node_id !== undefined && (
          <Act label="silence" may="write events" title="A silence" says={<>Nothing is told of what <b>{incident.title}</b> on this node is about until then. It is recorded and shown all the same, and the silence can be ended.</>} command={(form) => `ledger incidents silence --node ${incident.node_id?.slice(0, 8)} --until ${field(form, "span") ?? 1}h --why ${quoted(field(form, "text") ?? "…")}`}
            run={(form) => say(ledger, { kind: "silence", org: incident.org, payload: { action: "create", node: incident.node_id ?? "", expires_at: new Date(Date.now() + 3_600_000 * Number(field(form, "span") ?? 1)).toISOString(), text: field(form, "text") ?? "" } })}>
            <Field label="For"><Choice name="span" options={SPANS} /></Field>
            <Field label="Why"><Text name="text" required maxLength={1024} /></Field>
          </Act>
        )}
      </div>
      <p className="text-xs text-faint">{own == null ? "The service signs what you say, in your name." : "You sign this with the key of this browser."}</p>
      <AsCommand>{`ledger incidents ${acts[0]} ${short}`}</AsCommand>
      {act.error !== null && <p role="alert" className="text-sm text-crit">{act.error.message}</p>}
      {act.data !== undefined && <p role="status" className="text-sm text-soft">Recorded as entry {act.data.seq}. <Check key={act.data.seq} seq={act.data.seq} auto /></p>}
    </div>
  );
}

const Said = ({ name, by }: { name: string; by: Row<"Attribution"> }) => (
  <><dt className="text-faint">{name}</dt><dd><Ago time={by.at} />{by.author === undefined ? "" : ` by ${by.author}`}, entry {by.seq} <Check seq={by.seq} /></dd></>
);
