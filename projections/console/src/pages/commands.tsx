// What nodes were told, and what became of it.

import { useState } from "react";
import { Link, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, client } from "../api/client";
import { useFleet } from "../api/fleet";
import { commands } from "../api/queries";
import { useAt, useOrgFilter } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, Empty, Panel, Waiting } from "../ui/atoms";
import { CommandCard, CommandMark, parameters, type Command } from "../ui/command";
import { Field, Text, text } from "../ui/form";
import { NodeName } from "../ui/node";
import { flags, order, OrderFields } from "../ui/order";
import { counted, Filter, Page, Words } from "../ui/page";
import { DataTable, type Column } from "../ui/table";
import { Views } from "../ui/views";

const STATES = ["issued", "approved", "running", "succeeded", "failed", "refused", "cancelled", "expired"] as const;

const COLUMNS: readonly Column<Command>[] = [
  { name: "State", width: "6rem", show: (one) => <CommandMark state={one.state} />, key: (one) => one.state },
  { name: "Command", width: "minmax(7rem,1fr)", show: (one) => <Link from="/commands" to="/commands" search={(before) => ({ ...before, id: one.hash })} className="font-medium hover:underline">{one.order.command} <span className="text-xs font-normal text-faint">{parameters(one.order.parameters)}</span></Link>, key: (one) => one.order.command },
  { name: "Node", width: "minmax(7rem,1fr)", show: (one) => <NodeName id={one.node_id} /> },
  { name: "By", width: "minmax(7rem,1fr)", show: (one) => <span title={one.issuer} className="text-soft">{one.issuer}</span>, key: (one) => one.issuer },
  { name: "Given", width: "6rem", show: (one) => <Ago time={one.issued_at} />, key: (one) => -one.seq },
];

export function Commands() {
  const at = useAt();
  const org = useOrgFilter();
  const { state, q, id } = useSearch({ from: "/commands" });
  const { data, error, refetch } = useQuery(commands(at, { org, state }));
  const wanted = q?.toLowerCase();
  const rows = (data ?? []).filter((one) => wanted === undefined || `${one.order.command} ${one.node_id} ${one.issuer} ${parameters(one.order.parameters)}`.toLowerCase().includes(wanted));
  const chosen = rows.find((one) => one.hash === id) ?? rows[0];
  return (
    <Page
      title="Commands" full
      tools={<><Filter value={q} label="filter commands" /><Words name="state" label="state" value={state} words={STATES} first="all" /></>}
      count={data === undefined ? undefined : counted(rows.length, "command")}
      acts={<><Views page="/commands" /><Issue /></>}
    >
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && rows.length === 0 && <Empty command="ledger commands issue NODE scan">{data.length === 0 && state === undefined ? "No node was told anything yet." : "No command fits."}</Empty>}
      {rows.length > 0 && (
        <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <DataTable label="commands" rows={rows} columns={COLUMNS} id={(one) => one.hash} least="40rem" className="max-h-[50dvh] xl:max-h-none" />
          {chosen !== undefined && <Panel title={<span className="normal-case tracking-normal text-ink">{chosen.order.command}</span>} aside={`entry ${chosen.seq}`}><CommandCard key={chosen.hash} command={chosen} /></Panel>}
        </div>
      )}
    </Page>
  );
}

/** Gives one node a command. */
export function Issue({ node }: { node?: { id: string; name: string } }) {
  const { data } = useFleet(useQueryClient(), undefined, useOrgFilter());
  const [typed, setTyped] = useState("");
  const rows = data?.rows ?? [];
  const meant = node ?? rows.find(({ name, id }) => name === typed || id === typed);
  return (
    <Act
      label="give a command" kind="main" may="issue commands" title={node === undefined ? "A command to one node" : `A command to ${node.name}`}
      says={<>Gives <b>{meant === undefined ? "one node" : meant.name}</b> the command. It decides by its own policy whether it carries it out, and says so in a receipt. For many nodes choose them under Nodes, or start a roll-out.</>}
      command={(form) => `ledger commands issue ${meant?.id.slice(0, 8) ?? "NODE"} ${flags(order(form))} --wait`}
      run={async (form) => {
        const named = node?.id ?? rows.find(({ name, id }) => name === text(form, "node") || id === text(form, "node"))?.id;
        if (named === undefined) throw new Error("There is no such node.");
        const { command, seq } = await answer(client.POST("/api/commands", { body: { node_id: named, ...order(form) } }));
        return { seq, says: <p><Link to="/commands" search={{ id: command }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">What becomes of it</Link> stands under Commands.</p> };
      }}
    >
      {node === undefined && (
        <Field label="Node">
          <Text name="node" list="nodes" required placeholder="host name or id" value={typed} onChange={({ target }) => setTyped(target.value)} />
          <datalist id="nodes">{rows.slice(0, 200).map(({ id, name }) => <option key={id} value={rows.filter((one) => one.name === name).length > 1 ? id : name}>{name} {id.slice(0, 8)}</option>)}</datalist>
        </Field>
      )}
      <OrderFields />
    </Act>
  );
}
