// What an organisation is set to: who may call the API, who is told elsewhere, and by which rules nodes need a look.

import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { me, tokens, webhooks } from "../api/queries";
import { recorded } from "../api/said";
import { useAt, useOrg } from "../shell/place";
import { Act, useMay } from "../ui/act";
import { Ago, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";
import { Choice, Field, number, Text, text } from "../ui/form";
import { quoted } from "../ui/order";
import { counted, Page } from "../ui/page";
import { Rules } from "../ui/rules";
import { Secret } from "../ui/secret";

const ROLES = ["viewer", "auditor", "support", "node_admin", "org_admin", "org_owner"] as const;
const SPANS = [["2592000", "30 days"], ["86400", "a day"], ["31536000", "a year"], ["", "until it is revoked"]] as const;

export function Settings() {
  const org = useOrg();
  return (
    <Page title="Settings" count={org}>
      <Tokens org={org} />
      <Webhooks org={org} />
      <Rules key={org} org={org} />
    </Page>
  );
}

function Tokens({ org }: { org: string }) {
  const { data: who } = useQuery(me());
  const hindrance = useMay("manage API tokens");
  const { data, error, refetch } = useQuery({ ...tokens(), enabled: hindrance === undefined });
  const shown = (data ?? []).filter(({ revoked, expires_at }) => !revoked && (expires_at === undefined || Date.parse(expires_at) > Date.now()));
  return (
    <Panel title="API tokens" aside={<NewToken org={who?.org ?? org} />}>
      {hindrance !== undefined && <Empty>{hindrance}</Empty>}
      {data === undefined && hindrance === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && shown.length === 0 && <Empty command="ledger tokens create --role viewer">There is none.</Empty>}
      <ul className="space-y-1 text-sm">
        {shown.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-3">
            <b className="font-medium">{one.label === "" ? "without a label" : one.label}</b>
            <span>{one.role} of {one.org}</span>
            <Hash value={one.id} chars={8} />
            <span className="text-xs text-faint">{one.expires_at === undefined ? "until it is revoked" : <>ends <Ago time={one.expires_at} /></>}{who?.id === `token:${one.id}` && ", this session's"}</span>
            <span className="ml-auto"><Act label="revoke" kind="grave" may="manage API tokens" title="Revoke this token" command={`ledger tokens revoke ${one.id.slice(0, 8)}`} says={<>Whoever uses <b>{one.label === "" ? one.id : one.label}</b> is refused from now on{who?.id === `token:${one.id}` && ", you in this session among them"}. This cannot be undone.</>}
              run={async () => {
                await answer(client.DELETE("/api/tokens/{id}", { params: { path: { id: one.id } } }));
                return { seq: await recorded(one.org === "ledger" ? "ledger" : one.org, "token"), says: <p>● Revoked.</p> };
              }} /></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function NewToken({ org }: { org: string }) {
  return (
    <Act label="make a token" may="manage API tokens" title="An API token" command={(form) => `ledger tokens create --org ${text(form, "org") ?? org} --role ${text(form, "role") ?? "viewer"} --label ${quoted(text(form, "label") ?? "")}${text(form, "ttl") === undefined ? "" : ` --ttl ${text(form, "ttl")}`}`}
      says="Whoever holds it may do what its role allows in the organisation, and the ledger names it with all it does."
      run={async (form) => {
        const ttl = number(form, "ttl");
        const said = await answer(client.POST("/api/tokens", { body: { org: text(form, "org") ?? org, role: text(form, "role") as Row<"Role">, label: text(form, "label") ?? "", ...(ttl === undefined ? {} : { ttl_secs: ttl }) } }));
        return { seq: await recorded(text(form, "org") ?? org, "token"), says: <Secret name="The token">{said.token}</Secret> };
      }}>
      <Field label="What it is for"><Text name="label" required maxLength={256} /></Field>
      <Field label="Organisation"><Text name="org" required defaultValue={org} /></Field>
      <Field label="Role"><Choice name="role" options={ROLES} /></Field>
      <Field label="Good for"><Choice name="ttl" options={SPANS} /></Field>
    </Act>
  );
}

const TYPES = ["incident.opened", "incident.reopened", "incident.resolved", "incident.acked", "attention.band"] as const;

function Webhooks({ org }: { org: string }) {
  const { data, error, refetch } = useQuery(webhooks(org, useAt()));
  const there = (data ?? []).filter(({ gone }) => gone === undefined);
  return (
    <Panel title="Webhooks" aside={<NewWebhook org={org} />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && there.length === 0 && <Empty command={`ledger webhooks create --org ${org} https://…`}>Nobody is told elsewhere of what happens.</Empty>}
      <ul className="space-y-2 text-sm">
        {there.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
            <span className="min-w-0 font-mono text-xs break-all">{one.url}</span>
            <Mark tone={one.last === undefined ? "soft" : one.last.outcome === "delivered" ? "ok" : one.last.outcome === "failed" ? "attn" : "crit"}>{one.last === undefined ? "nothing was sent yet" : <>{one.last.outcome}{one.last.status !== undefined && ` (${one.last.status})`} <Ago time={one.last.at} /> <Check seq={one.last.seq} /></>}</Mark>
            <span className="text-xs text-soft">{one.types.join(", ")}; {one.delivered} delivered, {one.given_up} given up, {one.owed} owed{one.dropped > 0 && `, ${one.dropped} dropped`}</span>
            <span className="ml-auto"><Act label="remove" kind="grave" may="manage rules" title="Remove this webhook" command={`ledger webhooks remove --org ${org} ${one.id.slice(0, 8)}`} says={<>It is told nothing more; {counted(one.owed, "happening")} it is owed {one.owed === 1 ? "is" : "are"} not sent.</>}
              run={async () => {
                await answer(client.DELETE("/api/orgs/{org}/webhooks/{id}", { params: { path: { org, id: one.id } } }));
                return { seq: await recorded(org, "webhook"), says: <p>● Removed.</p> };
              }} /></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const NewWebhook = ({ org }: { org: string }) => (
  <Act label="make a webhook" may="manage rules" title="A webhook" command={(form) => `ledger webhooks create --org ${org} ${form.getAll("types").map((type) => `--type ${String(type)}`).join(" ")} ${text(form, "url") ?? "https://…"}`}
    says="Messages go there by the rules of Standard Webhooks, signed with a secret that is shown once. The log keeps the address for ever: no password in it."
    run={async (form) => {
      const types = form.getAll("types") as Row<"WebhookType">[];
      const said = await answer(client.POST("/api/orgs/{org}/webhooks", { params: { path: { org } }, body: { url: text(form, "url") ?? "", ...(types.length === 0 ? {} : { types: [...types].sort() }) } }));
      return { seq: await recorded(org, "webhook"), says: <Secret name="The secret">{said.secret}</Secret> };
    }}>
    <Field label="Address"><Text name="url" type="url" required placeholder="https://…" maxLength={2048} /></Field>
    <fieldset className="text-xs text-soft"><legend>What it is told</legend>{TYPES.map((type, n) => <label key={type} className="mr-3 inline-flex items-center gap-1"><input type="checkbox" name="types" value={type} defaultChecked={n < 3} /> {type}</label>)}</fieldset>
  </Act>
);
