// What is done to nodes that were chosen: each act names exactly how many it is about.

import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { answer, client } from "../api/client";
import { say } from "../api/device";
import type { Member } from "../api/fleet";
import { me } from "../api/queries";
import { inTurn, type Outcome } from "../many";
import { Act } from "./act";
import { Button } from "./atoms";
import { Area, Choice, Field, pairs, Text, text } from "./form";
import { flags, order, OrderFields } from "./order";
import { counted } from "./page";

/** How long a silence may be chosen to last, in hours. */
const SPANS = [["1", "an hour"], ["8", "8 hours"], ["24", "a day"], ["168", "a week"]] as const;

export function Bulk({ nodes, onDone }: { nodes: readonly Member[]; onDone: () => void }) {
  const { data } = useQuery(me());
  const [sent, setSent] = useState(0);
  const about = counted(nodes.length, "node");
  const keyless = nodes.filter(({ enrolled }) => !enrolled).length;
  const each = async (work: (node: Member) => Promise<unknown>): Promise<{ says: React.ReactNode }> => {
    const outcome = await inTurn(nodes, work, setSent);
    return { says: <Result outcome={outcome} /> };
  };
  const ledger = data?.ledger ?? "";
  return (
    <div role="region" aria-label="chosen nodes" className="flex flex-wrap items-center gap-2 rounded-lg border border-accent bg-panel px-3 py-2">
      <b className="text-sm">{about} chosen</b>
      <Act label="give a command" kind="main" may="issue commands" title={`A command to ${about}`} says={<>Gives <b>{about}</b> the command, one by one. Each decides by its own policy whether it carries it out.{keyless > 0 && ` ${counted(keyless, "of them has", "of them have")} no valid key, and will be refused.`}{sent > 0 && ` ${sent} of ${nodes.length} sent.`}</>}
        command={(form) => `for node in ${nodes.slice(0, 3).map(({ id }) => id.slice(0, 8)).join(" ")}${nodes.length > 3 ? " …" : ""}; do ledger commands issue $node ${flags(order(form))}; done`}
        run={(form) => each((node) => answer(client.POST("/api/commands", { body: { node_id: node.id, ...order(form) } })))}>
        <OrderFields />
      </Act>
      <Act label="label" may="write events" title={`Labels of ${about}`} says={<>Sets these labels on <b>{about}</b>; labels they have beside these stay. An empty value takes a label away.</>}
        run={(form) => {
          const set = pairs(text(form, "labels"));
          return each((node) => {
            const labels = Object.fromEntries(Object.entries({ ...node.labels, ...set }).filter(([, value]) => value !== ""));
            return say(ledger, { kind: "labels", org: node.org, node_id: node.id, payload: { labels } });
          });
        }}>
        <Field label="Labels" hint="NAME=VALUE, one a line"><Area name="labels" rows={3} required placeholder="env=prod" className="font-mono" /></Field>
      </Act>
      <Act label="silence" may="write events" title={`Silence about ${about}`} says={<>Nothing is told of incidents about <b>{about}</b> until then. They are recorded and shown all the same.</>}
        run={(form) => {
          const expires_at = new Date(Date.now() + 3_600_000 * Number(text(form, "span") ?? 1)).toISOString();
          return each((node) => say(ledger, { kind: "silence", org: node.org, payload: { action: "create", node: node.id, expires_at, text: text(form, "text") ?? "" } }));
        }}>
        <Field label="For"><Choice name="span" options={SPANS} /></Field>
        <Field label="Why"><Text name="text" required maxLength={1024} /></Field>
      </Act>
      <span className="ml-auto"><Button onClick={onDone}>choose none</Button></span>
    </div>
  );
}

const SHOWN = 5;

const Result = ({ outcome: { done, failed } }: { outcome: Outcome<Member> }) => (
  <div>
    <p>● Done for {counted(done.length, "node")}{failed.length > 0 && `, refused for ${failed.length}`}.</p>
    <ul className="mt-1 text-xs text-crit">{failed.slice(0, SHOWN).map(({ one, problem }) => <li key={one.id}>◆ {one.name}: {problem}</li>)}{failed.length > SHOWN && <li>and {failed.length - SHOWN} more</li>}</ul>
  </div>
);
