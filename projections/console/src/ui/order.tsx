// A command as a form, for one node, many, a roll-out or a schedule.

import { useState } from "react";
import { Area, Choice, Field, number, pairs, Text, text } from "./form";

const COMMANDS = ["scan", "service-status", "service-restart", "tail-journal", "collect-evidence", "run", "apply-policy", "rotate-key"] as const;

/** What each asks for, as `NAME=VALUE` a line. */
const PARAMETERS: Record<string, string> = {
  "service-status": "unit=nginx.service", "service-restart": "unit=nginx.service", "tail-journal": "unit=nginx.service\nlines=50",
  "collect-evidence": "paths=/etc/hostname", run: "template=NAME", "apply-policy": "policy=HASH",
};

export function OrderFields({ approvals = true, initial }: { approvals?: boolean; initial?: string }) {
  const [command, setCommand] = useState(initial ?? "scan");
  const asked = PARAMETERS[command];
  return (
    <>
      <Field label="Command"><Choice name="command" options={COMMANDS} value={command} onChange={({ target }) => setCommand(target.value)} /></Field>
      {asked !== undefined && <Field label="Parameters" hint="NAME=VALUE, one a line"><Area key={command} name="parameters" rows={2} required defaultValue={asked} className="font-mono" /></Field>}
      <div className="grid grid-cols-2 gap-2">
        <Field label="May be begun for" hint="seconds"><Text name="ttl" type="number" min={1} max={2_592_000} defaultValue={600} /></Field>
        {approvals && <Field label="Others who must approve"><Text name="approvals" type="number" min={0} max={5} defaultValue={0} /></Field>}
      </div>
      <Field label="Why"><Text name="text" maxLength={1024} /></Field>
    </>
  );
}

export interface Order {
  command: string;
  parameters: Record<string, string>;
  ttl_secs: number;
  approvals: number;
  text?: string;
}

export function order(form: FormData): Order {
  const why = text(form, "text");
  return {
    command: text(form, "command") ?? "scan", parameters: pairs(text(form, "parameters")), ttl_secs: number(form, "ttl") ?? 600, approvals: number(form, "approvals") ?? 0,
    ...(why === undefined ? {} : { text: why }),
  };
}

/** A word as a shell takes it. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** What follows the node in `ledger commands issue`. */
export function flags({ command, parameters, ttl_secs, approvals, text: why }: Order): string {
  return [
    command,
    ...Object.entries(parameters).map(([name, value]) => `--param ${quoted(`${name}=${value}`)}`),
    ttl_secs === 600 ? "" : `--ttl ${ttl_secs}`,
    approvals === 0 ? "" : `--approvals ${approvals}`,
    why === undefined ? "" : `--text ${quoted(why)}`,
  ].filter((one) => one !== "").join(" ");
}
