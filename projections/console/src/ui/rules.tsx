// The rules of attention of an organisation, and what others would have told in their place.

import { useState } from "react";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { Json } from "vaultmesh-verify";
import { answer, client } from "../api/client";
import { say } from "../api/device";
import { me, ruleset } from "../api/queries";
import { Act } from "./act";
import { Ago, AsCommand, Button, Empty, Hash, Panel, Waiting } from "./atoms";
import { Check } from "./entry";

type Ruleset = { [name: string]: Json };

export function Rules({ org }: { org: string }) {
  const { data: who } = useQuery(me());
  const { data, error } = useQuery(ruleset(org));
  const [typed, setTyped] = useState<string>();
  const text = typed ?? JSON.stringify(data?.rules ?? {}, null, 2);
  const read = parsed(text);
  const rehearsal = useMutation({ mutationFn: (rules: Ruleset) => rehearse(org, rules) });
  if (data === undefined) return <Panel title="Rules of attention"><Waiting error={error} /></Panel>;
  const isNew = typeof read !== "string" && JSON.stringify(read) !== JSON.stringify(data.rules ?? {});
  const isRehearsed = rehearsal.data !== undefined && rehearsal.variables !== undefined && JSON.stringify(rehearsal.variables) === JSON.stringify(read);
  return (
    <Panel title="Rules of attention" aside={data.seq === undefined ? "the built-in ones" : <>set <Ago time={data.at ?? ""} />, entry {data.seq} <Check seq={data.seq} /></>}>
      <div className="grid gap-3 lg:grid-cols-2">
        <div className="flex flex-col gap-2">
          <label className="text-xs text-soft">All rules that are not as built in
            <textarea value={text} onChange={({ target }) => setTyped(target.value)} rows={12} spellCheck={false} aria-invalid={typeof read === "string"} className="mt-1 w-full rounded border border-line bg-raised p-2 font-mono text-xs text-ink aria-invalid:border-crit" />
          </label>
          {typeof read === "string" && <p role="alert" className="text-xs text-crit">{read}</p>}
          <div className="flex flex-wrap gap-2">
            <Button disabled={typeof read === "string" || rehearsal.isPending} onClick={() => typeof read !== "string" && rehearsal.mutate(read)}>{rehearsal.isPending ? "rehearsing…" : "rehearse"}</Button>
            <Act label="save" kind="main" may="manage rules" unless={!isNew ? "Nothing has changed." : isRehearsed ? undefined : "Rehearse these rules first."} title={`Rules of attention of ${org}`}
              says={<>These are all rules of <b>{org}</b> from now on; those before are gone, and can be set again. {rehearsal.data !== undefined && <Summary of={rehearsal.data} />}</>}
              run={() => say(who?.ledger ?? "", { kind: "ruleset", org, payload: typeof read === "string" ? {} : read })} onDone={() => setTyped(undefined)} />
          </div>
          <AsCommand>ledger attention rehearse RULES.json</AsCommand>
        </div>
        <div>
          {rehearsal.data === undefined && rehearsal.error === null && <Empty>A rehearsal folds the whole history again under these rules, and says which pages would have been sent, dropped or moved.</Empty>}
          {rehearsal.error !== null && <Waiting error={rehearsal.error} />}
          {rehearsal.data !== undefined && <Difference of={rehearsal.data} />}
        </div>
      </div>
    </Panel>
  );
}

function parsed(text: string): Ruleset | string {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Ruleset) : "Rules are an object.";
  } catch (error) {
    return (error as Error).message;
  }
}

type Rehearsed = Awaited<ReturnType<typeof rehearse>>;

/** So many pages of each sort are shown. */
const SHOWN = 30;

const Summary = ({ of }: { of: Rehearsed }) => <>Over the whole history they would have sent <b>{of.after}</b> pages instead of {of.before}: {of.added.length} more, {of.dropped.length} fewer, {of.moved.length} at another time.</>;

function Difference({ of }: { of: Rehearsed }) {
  type Line = { at: string; page: { node_id?: string; reason: string; subject?: string } };
  const lists: readonly (readonly [string, string, Line[]])[] = [["would have been sent", "+", of.added.map(({ at, ...page }) => ({ at, page }))], ["would not have been sent", "−", of.dropped.map(({ at, ...page }) => ({ at, page }))], ["would have come at another time", "~", of.moved.map(({ to, ...page }) => ({ at: to, page }))]];
  return (
    <div role="status" className="space-y-2 text-sm">
      <p><Summary of={of} /></p>
      {lists.filter(([, , pages]) => pages.length > 0).map(([words, sign, pages]) => (
        <div key={sign}>
          <h3 className="text-xs text-soft">{words}</h3>
          <ul className="font-mono text-xs">
            {pages.slice(0, SHOWN).map(({ at, page }) => <li key={`${at} ${page.node_id ?? ""} ${page.reason} ${page.subject ?? ""}`} className="flex gap-2"><b>{sign}</b><Ago time={at} /><span>{page.node_id === undefined ? "" : <Hash value={page.node_id} chars={8} />} {page.reason} {page.subject}</span></li>)}
            {pages.length > SHOWN && <li className="text-faint">and {pages.length - SHOWN} more</li>}
          </ul>
        </div>
      ))}
    </div>
  );
}

const rehearse = (org: string, rules: Ruleset) => answer(client.POST("/api/orgs/{org}/rules/rehearsal", { params: { path: { org } }, body: { rules: rules as never } }));
