// Letting a node in: a token, one line on the node, and the node appears.

import { useState, useSyncExternalStore } from "react";
import { Link } from "@tanstack/react-router";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { SERVICE } from "../base";
import { answer, client, type Row } from "../api/client";
import { byId, useFleet } from "../api/fleet";
import { live } from "../api/live";
import { enrolmentTokens } from "../api/queries";
import { recorded } from "../api/said";
import { useOrg } from "../shell/place";
import { Act, useMay } from "../ui/act";
import { Ago, AsCommand, Band, Button, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { copy } from "../ui/clipboard";
import { Check } from "../ui/entry";
import { Choice, Field, number, Text, text } from "../ui/form";
import { counted, Page } from "../ui/page";

const SPANS = [["3600", "an hour"], ["86400", "a day"], ["604800", "a week"]] as const;

interface Made {
  token: string;
  token_id: string;
  expires_at: string;
  uses: number;
  seq: number | undefined;
}

export function Enrol() {
  const [made, setMade] = useState<Made>();
  const org = useOrg();
  return (
    <Page title="Enrolment" count={org}>
      <ol className="flex flex-col gap-3">
        <Step n={1} title="A token" done={made !== undefined}>{made === undefined ? <NewToken org={org} onMade={setMade} /> : <p className="text-sm text-soft">Good for {counted(made.uses, "node")}, until <Ago time={made.expires_at} />. {made.seq !== undefined && <>Recorded as entry {made.seq}. <Check seq={made.seq} auto /></>} <button type="button" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid" onClick={() => setMade(undefined)}>another one</button></p>}</Step>
        {made !== undefined && <Step n={2} title="One line, on the node"><OneLine token={made.token} /></Step>}
        {made !== undefined && <Step n={3} title="The node appears"><Arrivals token={made.token_id} uses={made.uses} /></Step>}
      </ol>
      <Tokens org={org} />
    </Page>
  );
}

const Step = ({ n, title, done = false, children }: { n: number; title: string; done?: boolean; children: React.ReactNode }) => (
  <li className="flex gap-3 rounded-lg border border-line bg-panel p-4">
    <span aria-hidden="true" className={`grid size-7 shrink-0 place-items-center rounded-full border text-sm ${done ? "border-ok text-ok" : "border-accent text-accent"}`}>{done ? "●" : n}</span>
    <div className="min-w-0 flex-1"><h2 className="mb-1 font-semibold">{title}</h2>{children}</div>
  </li>
);

function NewToken({ org, onMade }: { org: string; onMade: (made: Made) => void }) {
  const queries = useQueryClient();
  const hindrance = useMay("manage enrolment tokens");
  const make = useMutation({
    mutationFn: async (form: FormData) => {
      const [uses, tenant] = [number(form, "uses") ?? 1, text(form, "tenant")];
      const said = await answer(client.POST("/api/orgs/{org}/nodes/enrollment-tokens", { params: { path: { org: text(form, "org") ?? org } }, body: { uses, ttl_secs: number(form, "ttl") ?? 3_600, ...(tenant === undefined ? {} : { tenant }) } }));
      return { ...said, uses, seq: await recorded(text(form, "org") ?? org, "enrolment") };
    },
    onSuccess: (said) => {
      onMade(said);
      void queries.invalidateQueries({ queryKey: ["enrolment"] });
    },
  });
  return (
    <form className="flex flex-wrap items-end gap-3" onSubmit={(event) => {
      event.preventDefault();
      make.mutate(new FormData(event.currentTarget));
    }}>
      <Field label="Organisation" className="w-36"><Text key={org} name="org" required defaultValue={org} pattern="[a-z0-9._:\-]{1,128}" /></Field>
      <Field label="Tenant" className="w-36"><Text name="tenant" placeholder="none" /></Field>
      <Field label="Nodes" className="w-20"><Text name="uses" type="number" min={1} max={10_000} defaultValue={1} /></Field>
      <Field label="Good for" className="w-28"><Choice name="ttl" options={SPANS} /></Field>
      <Button type="submit" kind="main" disabled={make.isPending || hindrance !== undefined} title={hindrance}>make a token</Button>
      {make.error !== null && <p role="alert" className="w-full text-sm text-crit">◆ {make.error.message}</p>}
      {hindrance !== undefined && <p className="w-full text-xs text-faint">{hindrance}</p>}
    </form>
  );
}

function OneLine({ token }: { token: string }) {
  const [copied, setCopied] = useState(false);
  const url = new URL(`${SERVICE}/`, location.href).href.replace(/\/$/, "");
  const line = `vaultmesh-agent enroll --url ${url} --token ${token} && vaultmesh-agent run`;
  return (
    <div className="flex flex-col gap-2">
      <pre className="overflow-x-auto rounded bg-raised p-3 font-mono text-xs break-all whitespace-pre-wrap" data-testid="line">{line}</pre>
      <div className="flex items-center gap-3">
        <Button kind="main" onClick={() => void copy(line).then(() => setCopied(true))}>{copied ? "copied" : "copy the line"}</Button>
        <span className="text-xs text-faint">The token is shown this once. With the one executable it is <code>ledger agent</code> in place of <code>vaultmesh-agent</code>.</span>
      </div>
    </div>
  );
}

/** Nodes whose key was introduced with the token, as the stream tells of them. */
function Arrivals({ token, uses }: { token: string; uses: number }) {
  useSyncExternalStore(live.subscribe, live.snapshot);
  const { data } = useFleet(useQueryClient(), undefined, undefined);
  const came = live.entries.filter(({ event, payload }) => event.kind === "key" && (payload as { token?: string } | undefined)?.token === token);
  const nodes = byId(data?.rows ?? []);
  return (
    <div aria-live="polite">
      {came.length === 0 && <p className="flex items-center gap-2 text-sm text-soft"><span className="inline-block size-2 animate-ping rounded-full bg-accent motion-reduce:animate-none" aria-hidden="true" /> waiting for {counted(uses, "node")}…</p>}
      <ul className="space-y-1">
        {came.map(({ seq, payload, recorded_at }) => {
          const id = String((payload as { author?: string }).author ?? "").replace(/^node:/, "");
          const node = nodes.get(id);
          return (
            <li key={seq} className="flex flex-wrap items-baseline gap-3 text-sm">
              {node?.heard === undefined ? <Mark tone="accent">enrolled</Mark> : <Band band={node.band} />}
              <Link to="/nodes/$id" params={{ id }} className="font-medium text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">{node?.name ?? id.slice(0, 8)}</Link>
              <span className="text-soft">{node?.heard === undefined ? "not heard of yet" : "it reports"}</span>
              <span className="text-xs text-faint">entry {seq}, <Ago time={recorded_at} /> <Check seq={seq} auto /></span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Tokens({ org }: { org: string }) {
  const hindrance = useMay("manage enrolment tokens");
  const { data, error, refetch } = useQuery({ ...enrolmentTokens(org), enabled: hindrance === undefined });
  const good = (data ?? []).filter(({ revoked, uses_left, expires_at }) => !revoked && uses_left > 0 && Date.parse(expires_at) > Date.now());
  return (
    <Panel title="Tokens that are still good" aside={<AsCommand label="">{`ledger enroll list --org ${org}`}</AsCommand>}>
      {hindrance !== undefined && <Empty>{hindrance}</Empty>}
      {data === undefined && hindrance === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && good.length === 0 && <Empty>None is.</Empty>}
      <ul className="space-y-1 text-sm">{good.map((one) => <Token key={one.token_id} org={org} of={one} />)}</ul>
    </Panel>
  );
}

const Token = ({ org, of }: { org: string; of: Row<"EnrolmentToken"> }) => (
  <li className="flex flex-wrap items-baseline gap-3">
    <Hash value={of.token_id} /> <span>{counted(of.uses_left, "use")} left{of.tenant === undefined ? "" : `, for tenant ${of.tenant}`}</span> <span className="text-soft">until <Ago time={of.expires_at} /></span>
    <Act label="end it" kind="grave" may="manage enrolment tokens" title="End this token" command={`ledger enroll revoke ${of.token_id.slice(0, 12)}`} says={<>Nobody is let in with it any more. It has {counted(of.uses_left, "use")} left. Nodes that came with it stay.</>}
      run={async () => {
        await answer(client.DELETE("/api/orgs/{org}/nodes/enrollment-tokens/{token_id}", { params: { path: { org, token_id: of.token_id } } }));
        return { seq: await recorded(org, "enrolment"), says: <p>● It has ended.</p> };
      }} />
  </li>
);
