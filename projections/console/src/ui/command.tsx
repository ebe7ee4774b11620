// Commands as lists and cards show them.

import { Link } from "@tanstack/react-router";
import { answer, client, type Row } from "../api/client";
import { Act } from "./act";
import { Ago, AsCommand, Mark } from "./atoms";
import { Check } from "./entry";
import { Field, Text, text } from "./form";
import { NodeName } from "./node";
import { Facts } from "./page";

export type Command = Row<"Command">;

const TONES = { issued: "accent", approved: "accent", running: "accent", succeeded: "ok", failed: "crit", refused: "crit", cancelled: "soft", expired: "attn" } as const;

export const CommandMark = ({ state }: { state: Command["state"] }) => <Mark tone={TONES[state]}>{state}</Mark>;

/** Whether it can still be approved or taken back. */
export const isOpen = ({ state }: Command): boolean => state === "issued" || state === "approved";

export const parameters = (of: { readonly [name: string]: string }): string => Object.entries(of).map(([name, value]) => `${name}=${value}`).join(" ");

export function CommandCard({ command }: { command: Command }) {
  const { order, hash, ended } = command;
  const short = hash.slice(0, 12);
  const receipt = ended?.receipt;
  return (
    <div className="flex flex-col gap-3">
      <Facts of={[
        ["State", <CommandMark key="state" state={command.state} />],
        ["Node", <NodeName key="node" id={command.node_id} />],
        ["Parameters", <span key="parameters" className="font-mono text-xs">{parameters(order.parameters)}</span>],
        ["Why", order.text],
        ["Given", <span key="given"><Ago time={command.issued_at} /> by {command.issuer}, entry {command.seq} <Check seq={command.seq} /></span>],
        ["Expires", <Ago key="expires" time={order.expires_at} />],
        ["Approvals", order.approvals === 0 ? "none needed" : `${command.approvals.length} of ${order.approvals}`],
      ]} />
      {command.approvals.map((one) => <p key={one.seq} className="text-sm">● approved by {one.author}, <Ago time={one.recorded_at} />, entry {one.seq} <Check seq={one.seq} /></p>)}
      {command.begun !== undefined && <p className="text-sm">begun <Ago time={command.begun.recorded_at} />, entry {command.begun.seq} <Check seq={command.begun.seq} /></p>}
      {command.cancelled !== undefined && <p className="text-sm">taken back by {command.cancelled.author}, entry {command.cancelled.seq} <Check seq={command.cancelled.seq} /></p>}
      {ended !== undefined && receipt !== undefined && (
        <section aria-label="receipt" className="rounded border border-line p-2">
          <h3 className="mb-1 flex flex-wrap items-baseline gap-2 text-xs uppercase tracking-wider text-soft">Receipt, signed by the node <Check seq={ended.seq} /></h3>
          <Facts of={[
            ["Says", <CommandMark key="says" state={receipt.state} />],
            ["Code", receipt.code],
            ["Exit", receipt.exit === undefined ? undefined : String(receipt.exit)],
            ["Took", receipt.duration_ms === undefined ? undefined : `${receipt.duration_ms} ms`],
            ["Recorded", <span key="at"><Ago time={ended.recorded_at} />, <Link to="/ledger" search={{ seq: String(ended.seq) }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">entry {ended.seq}</Link></span>],
          ]} />
          {receipt.output !== undefined && <pre className="mt-2 max-h-64 overflow-auto rounded bg-raised p-2 text-xs whitespace-pre-wrap">{receipt.output}</pre>}
          {ended.output_cut && <p className="mt-1 text-xs text-faint">Only the beginning is shown; the ledger has the rest.</p>}
        </section>
      )}
      {isOpen(command) && (
        <div className="flex flex-wrap gap-2">
          {order.approvals > command.approvals.length && (
            <Act label="approve" kind="main" may="issue commands" title="Agree to this command" command={`ledger commands approve ${short}`} says={<>Agrees to <b>{order.command}</b> on <NodeName id={command.node_id} />. {order.approvals - command.approvals.length === 1 ? "The node may begin then." : "Others have to agree as well."} Nobody approves their own.</>}
              run={async (form) => answer(client.POST("/api/commands/{hash}/approve", { params: { path: { hash } }, body: said(form) }))}>
              <Field label="A remark"><Text name="text" maxLength={1024} /></Field>
            </Act>
          )}
          <Act label="take it back" kind="grave" may="issue commands" title="Take this command back" command={`ledger commands cancel ${short}`} says={<>The node will not begin <b>{order.command}</b>. What it has begun already is not stopped by this.</>}
            run={async (form) => answer(client.POST("/api/commands/{hash}/cancel", { params: { path: { hash } }, body: said(form) }))}>
            <Field label="A remark"><Text name="text" maxLength={1024} /></Field>
          </Act>
        </div>
      )}
      <AsCommand>{`ledger commands show ${short}`}</AsCommand>
    </div>
  );
}

export function said(form: FormData): { text?: string } {
  const value = text(form, "text");
  return value === undefined ? {} : { text: value };
}
