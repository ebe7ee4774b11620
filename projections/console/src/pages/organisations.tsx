// Which organisations there are, and which providers of sign-in the ledger believes.

import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { identityProviders, me, organisations } from "../api/queries";
import { recorded } from "../api/said";
import { goTo } from "../shell/belonging";
import { Act, useEverywhere, useMay } from "../ui/act";
import { Button, Empty, Mark, Panel, Waiting } from "../ui/atoms";
import { Field, Text, text } from "../ui/form";
import { quoted } from "../ui/order";
import { counted, Facts, Page } from "../ui/page";

/** Why somebody may not decide over organisations; undefined: they may. */
function useHindrance(): string | undefined {
  const everywhere = useEverywhere();
  return useMay("manage members") ?? (everywhere ? undefined : "Only those of the ledger's own organisation decide over organisations.");
}

export function Organisations() {
  const { data, error, refetch } = useQuery(organisations());
  const everywhere = useEverywhere();
  const hindrance = useHindrance();
  return (
    <Page title="Organisations" count={data === undefined ? undefined : counted(data.length, "organisation")} acts={<Make />}>
      <Panel title="Organisations">
        {data === undefined && <Waiting error={error} again={() => void refetch()} />}
        {data?.length === 0 && <Empty command="ledger orgs create acme --name 'Acme Ltd'">No organisation was made yet. Nodes and tokens can belong to one that nobody made; it has no name and no members then.</Empty>}
        <ul className="divide-y divide-line/60 text-sm">{(data ?? []).map((one) => <One key={one.org} of={one} />)}</ul>
      </Panel>
      {!everywhere && <Own />}
      {hindrance === undefined && <Providers />}
    </Page>
  );
}

function One({ of }: { of: Row<"Organisation"> }) {
  const hindrance = useHindrance();
  const { org, name, suspended } = of;
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-1 py-2">
      <Mark tone={suspended ? "attn" : "ok"}>{suspended ? "suspended" : "open"}</Mark>
      <b className="font-medium">{name}</b>
      <code className="text-xs text-soft">{org}</code>
      <Link to="/members" search={{ org } as never} className="text-xs text-accent underline decoration-dotted underline-offset-2">{of.members === 0 ? "nobody by name" : counted(of.members, "person", "people")}</Link>
      <span className="ml-auto flex gap-2">
        <Act label="rename" may="manage members" title={`Rename ${org}`} command={(form) => `ledger orgs rename ${org} --name ${quoted(text(form, "name") ?? name)}`} says={<>People call it otherwise from now on; everything goes on naming it <code>{org}</code>.</>}
          run={async (form) => {
            await answer(client.PATCH("/api/orgs/{org}", { params: { path: { org } }, body: { name: text(form, "name") ?? name } }));
            return { seq: await recorded(org, "org"), says: <p>● Renamed.</p> };
          }}>
          <Field label="Name"><Text name="name" required maxLength={256} defaultValue={name} /></Field>
        </Act>
        {suspended ? (
          <Act label="let in again" may="manage members" unless={hindrance} title={`Let ${name} in again`} command={`ledger orgs resume ${org}`} says="Its people and tokens may do again what their roles allow."
            run={async () => {
              await answer(client.POST("/api/orgs/{org}/resume", { params: { path: { org } } }));
              return { seq: await recorded(org, "org"), says: <p>● Let in.</p> };
            }} />
        ) : (
          <Act label="suspend" kind="grave" may="manage members" unless={hindrance} title={`Suspend ${name}`} command={(form) => `ledger orgs suspend ${org} --reason ${quoted(text(form, "reason") ?? "WHY")}`} says={<><b>{counted(of.members, "person", "people")}</b> and all tokens of {org} are kept out until it is let in again. Its nodes go on reporting.</>}
            run={async (form) => {
              await answer(client.POST("/api/orgs/{org}/suspend", { params: { path: { org } }, body: { reason: text(form, "reason") ?? "" } }));
              return { seq: await recorded(org, "org"), says: <p>▲ Suspended.</p> };
            }}>
            <Field label="Why"><Text name="reason" required maxLength={1024} /></Field>
          </Act>
        )}
      </span>
    </li>
  );
}

function Make() {
  const hindrance = useHindrance();
  return (
    <Act label="make an organisation" may="manage members" unless={hindrance} title="A new organisation" command={(form) => `ledger orgs create ${text(form, "org") ?? "ORG"} --name ${quoted(text(form, "name") ?? "")}`} says="What it is called can be changed later; what everything names it by cannot."
      run={async (form) => {
        const org = text(form, "org") ?? "";
        await answer(client.POST("/api/orgs", { body: { org, name: text(form, "name") ?? org } }));
        return { seq: await recorded(org, "org"), says: <p>● Made. Invite its first owner under Members.</p> };
      }}>
      <Field label="Everything names it" hint="small letters, digits and hyphens"><Text name="org" required pattern="[a-z0-9][a-z0-9\-]{0,62}" placeholder="acme" /></Field>
      <Field label="People call it"><Text name="name" required maxLength={256} placeholder="Acme Ltd" /></Field>
    </Act>
  );
}

/** Where somebody belongs by their own name. */
function Own() {
  const { data } = useQuery(me());
  if (data?.kind !== "user" || data.orgs.length < 2) return null;
  return (
    <Panel title="Where you belong">
      <ul className="space-y-1 text-sm">
        {data.orgs.map(({ org, name, roles }) => (
          <li key={org} className="flex flex-wrap items-baseline gap-3"><b className="font-medium">{name ?? org}</b><span className="text-soft">{roles.join(", ")}</span>{data.org === org ? <span className="text-xs text-accent">you are here</span> : <Button onClick={() => goTo(org)}>go there</Button>}</li>
        ))}
      </ul>
    </Panel>
  );
}

const list = (value: string | undefined): string[] => (value ?? "").split(/[\s,]+/).filter((one) => one !== "");

function Providers() {
  const { data, error, refetch } = useQuery(identityProviders());
  return (
    <Panel title="Providers of sign-in" aside={<Believe />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty>No provider is believed: people come in with API tokens alone.</Empty>}
      <ul className="divide-y divide-line/60">
        {(data ?? []).map((one) => (
          <li key={one.id} className="flex flex-wrap items-start justify-between gap-3 py-2">
            <div className="min-w-0 flex-1">
              <h3 className="font-medium">{one.id}</h3>
              <Facts of={[["Issuer", <span key="issuer" className="font-mono text-xs break-all">{one.issuer}</span>], ["Audiences", one.audiences.join(", ")], ["Client", one.client_id ?? "none: its tokens count as bearers', and nobody signs in to the console there"], ["Algorithms", one.algorithms.join(", ")], ["Kind", one.kind]]} />
            </div>
            <Act label="believe no longer" kind="grave" may="manage members" title={`Believe ${one.id} no longer`} says="Everybody who signed in there is out from the next request on; what rules gave by it ends."
              run={async () => {
                await answer(client.DELETE("/api/identity-providers/{id}", { params: { path: { id: one.id } } }));
                return { seq: await recorded("ledger", "identity-provider"), says: <p>▲ It is believed no longer.</p> };
              }} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const Believe = () => (
  <Act label="believe a provider" may="manage members" title="A provider of sign-in"
    says={<>What its tokens say of people counts from now on, as far as rules of sign-in give it weight. At the provider, register <code className="text-xs break-all">{new URL("../sign-in/callback", document.baseURI).href}</code> as where it sends people back, and <code className="text-xs break-all">{new URL("../sign-in/back-channel", document.baseURI).href}</code> for logouts.</>}
    run={async (form) => {
      const id = text(form, "id") ?? "";
      const client_id = text(form, "client_id");
      await answer(client.PUT("/api/identity-providers/{id}", { params: { path: { id } }, body: { issuer: text(form, "issuer") ?? "", audiences: list(text(form, "audiences")), ...(client_id === undefined ? {} : { client_id }) } }));
      return { seq: await recorded("ledger", "identity-provider"), says: <p>● It is believed.</p> };
    }}>
    <Field label="Name"><Text name="id" required pattern="[a-z0-9][a-z0-9\-]{0,62}" placeholder="company" /></Field>
    <Field label="Issuer" hint="exactly as its tokens say it in iss"><Text name="issuer" type="url" required placeholder="https://id.example.org" /></Field>
    <Field label="Client" hint="by which people sign in to the console; a secret, where it wants one, goes into a file beside the log"><Text name="client_id" placeholder="console" /></Field>
    <Field label="Audiences" hint="what its tokens may be for, with commas"><Text name="audiences" required placeholder="console" /></Field>
  </Act>
);
