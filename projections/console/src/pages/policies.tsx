// What nodes may be told at most: who is to follow which policy, and who does not.

import { useMemo, useState } from "react";
import { Link } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { useFleet } from "../api/fleet";
import { policies } from "../api/queries";
import { recorded } from "../api/said";
import { useAt, useOrg, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, AsCommand, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";
import { Area, Choice, Field, text } from "../ui/form";
import { NodeName } from "../ui/node";
import { counted, Facts, Page } from "../ui/page";
import { SelectorField, useSelection } from "../ui/selection";

/** So many nodes are named one by one. */
const NAMED = 40;

export function Policies() {
  const at = useAt();
  const { data, error, refetch } = useQuery(policies(at, useOrgFilter()));
  return (
    <Page title="Policies" count={data === undefined ? undefined : counted(data.length, "assignment")} acts={<Assign />}>
      <Drift />
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty command="ledger policies assign --selector env=prod --apply FILE">No policy is assigned: nodes go by their own allowlist alone.</Empty>}
      {data?.map((one) => <Card key={one.id} policy={one} />)}
    </Page>
  );
}

/** Nodes that do not follow what they are to follow. */
function Drift() {
  const { data } = useFleet(useQueryClient(), useAt(), useOrgFilter());
  const drifting = (data?.rows ?? []).filter(({ reasons }) => reasons.some(({ reason }) => reason === "policy-drift"));
  if (data === undefined || drifting.length === 0) return null;
  return (
    <Panel title="Policy drift" aside={`${counted(drifting.length, "node")} ${drifting.length === 1 ? "follows" : "follow"} another policy than it is to`}>
      <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm">{drifting.slice(0, NAMED).map((node) => <li key={node.id}><Mark tone="attn"><NodeName id={node.id} /></Mark></li>)}</ul>
      {drifting.length > NAMED && <p className="mt-1 text-xs text-faint">and {drifting.length - NAMED} more</p>}
      <p className="mt-2 text-xs text-soft">A node applies a policy on the command <code>apply-policy</code>: choose them under <Link to="/nodes" className="text-accent underline">Nodes</Link>, or start a roll-out.</p>
    </Panel>
  );
}

function Card({ policy }: { policy: Row<"Policy"> }) {
  const { data } = useFleet(useQueryClient(), useAt(), undefined);
  // Of the two there is one.
  const { node, selector } = policy as { node?: string; selector?: string };
  const { words } = useSelection(policy.org, selector ?? "");
  const following = useMemo(() => (data?.rows ?? []).filter((node) => node.policy === policy.policy).length, [data, policy.policy]);
  const about = node === undefined ? words : "1 node";
  return (
    <Panel title={<span className="flex items-baseline gap-2 normal-case tracking-normal text-ink"><Mark tone={policy.document.mode === "enforce" ? "ok" : "attn"}>{policy.document.mode}</Mark> <Hash value={policy.policy} chars={16} /></span>} aside={<>assigned <Ago time={policy.recorded_at} /></>} className="shrink-0">
      <div className="grid gap-4 lg:grid-cols-2">
        <Facts of={[
          ["For", node === undefined ? `${selector === "" ? `every node of ${policy.org}` : (selector ?? "")}: ${words}` : <NodeName key="node" id={node} />],
          ["Followed by", counted(following, "node")],
          ["By", `${policy.author}, entry ${policy.seq}`],
          ["Proof", <Check key="check" seq={policy.seq} />],
        ]} />
        <ul className="space-y-0.5 font-mono text-xs">
          {Object.entries(policy.document.allow).map(([name, narrowed]) => <li key={name}><b>{name}</b> <span className="text-soft">{Object.entries(narrowed).map(([what, of]) => `${what}: ${String(of)}`).join("; ")}</span></li>)}
          {Object.keys(policy.document.allow).length === 0 && <li className="text-soft">nothing but apply-policy</li>}
        </ul>
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-2">
        <Act label="withdraw" kind="grave" may="manage rules" title="Withdraw this assignment" command={`ledger policies withdraw ${policy.id.slice(0, 12)}`} says={<>From now on <b>{about}</b> {about === "1 node" ? "is" : "are"} to follow what else is assigned, or nothing. Each goes on with what it follows until it is told to apply another. The same document can be assigned again.</>}
          run={async () => {
            await answer(client.DELETE("/api/orgs/{org}/policies/{assignment}", { params: { path: { org: policy.org, assignment: policy.id } } }));
            return { seq: await recorded(policy.org, "policy"), says: <p>● Withdrawn.</p> };
          }} />
        <AsCommand>{`ledger policies show ${policy.policy.slice(0, 12)}`}</AsCommand>
      </div>
    </Panel>
  );
}

const EXAMPLE: Row<"PolicyDocument"> = { allow: { scan: {}, "service-status": {} }, format: "vaultmesh-policy-v1", mode: "observe" };

function Assign() {
  const org = useOrg();
  const [typed, setTyped] = useState("");
  const { words } = useSelection(org, typed);
  return (
    <Act label="assign a policy" kind="main" may="manage rules" title="A policy for nodes" command={() => `ledger policies assign --org ${org} --selector '${typed}' FILE`}
      says={<>Says that <b>{words}</b> of {org} are to follow this policy, and those that come to fit. It narrows what each allows by itself and never widens it. Nodes apply it when they are told to by <code>apply-policy</code>.</>}
      run={async (form) => {
        const document = { ...(JSON.parse(text(form, "document") ?? "{}") as Row<"PolicyDocument">), mode: text(form, "mode") as "enforce" | "observe" };
        const { seq, policy } = await answer(client.POST("/api/orgs/{org}/policies", { params: { path: { org } }, body: { document, selector: text(form, "selector") ?? "" } }));
        return { seq, says: <p>It is named <Hash value={policy} chars={24} /></p> };
      }}>
      <SelectorField org={org} onCount={setTyped} />
      <Field label="Mode"><Choice name="mode" options={[["observe", "observe: carried out, and the receipt says that it would be refused"], ["enforce", "enforce: what it does not allow is refused"]]} /></Field>
      <Field label="Document"><Area name="document" rows={10} required defaultValue={JSON.stringify(EXAMPLE, null, 2)} className="font-mono" /></Field>
    </Act>
  );
}
