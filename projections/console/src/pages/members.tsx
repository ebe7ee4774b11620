// Who belongs to an organisation: people and their roles, invitations, and what providers' claims give by themselves.

import { useQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { invitationLink, providers } from "../api/person";
import { invitations, me, members, people, signInRules } from "../api/queries";
import { recorded } from "../api/said";
import { useOrg } from "../shell/place";
import { Act, useEverywhere, useMay } from "../ui/act";
import { Ago, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { Choice, Field, number, Text, text } from "../ui/form";
import { counted, Page } from "../ui/page";
import { Secret } from "../ui/secret";

type Role = Row<"Role">;

const ROLES: readonly (readonly [Role, string])[] = [
  ["viewer", "viewer: reads"], ["auditor", "auditor: reads everything, proofs and archives included"], ["support", "support: reads, and writes notes"],
  ["node_admin", "node_admin: enrols nodes and sends them commands"], ["org_admin", "org_admin: as the owner, but for owners"], ["org_owner", "org_owner: everything"],
];
const SPANS = [["", "until it is ended"], ["3600", "an hour"], ["86400", "a day"], ["2592000", "30 days"]] as const;
const INVITED = [["604800", "7 days"], ["86400", "a day"], ["2592000", "30 days"]] as const;

/** Roles that somebody may give and take: owners alone deal with owners. */
function useRoles(): typeof ROLES {
  const { data } = useQuery(me());
  return data?.roles.includes("org_owner") === true ? ROLES : ROLES.filter(([role]) => role !== "org_owner");
}

export function Members() {
  const org = useOrg();
  const hindrance = useMay("manage members");
  return (
    <Page title="Members" count={org}>
      {hindrance !== undefined && <p role="status" className="text-sm text-soft">○ {hindrance} You see who belongs to {org}.</p>}
      <People org={org} />
      {hindrance === undefined && <Invitations org={org} />}
      {hindrance === undefined && <Rules org={org} />}
    </Page>
  );
}

/** A person: their name where one may know it, and always their id. */
function Person({ user, known }: { user: string; known: { name?: string; email?: string } | undefined }) {
  const { data } = useQuery(me());
  return (
    <span className="inline-flex min-w-0 flex-wrap items-baseline gap-x-2">
      {known !== undefined && <b className="font-medium">{known.name ?? known.email}</b>}
      {known?.email !== undefined && known.name !== undefined && <span className="text-soft">{known.email}</span>}
      <Hash value={`user:${user}`} chars={13} />
      {data?.id === `user:${user}` && <span className="text-xs text-accent">you</span>}
    </span>
  );
}

function People({ org }: { org: string }) {
  const { data, error, refetch } = useQuery(members(org));
  const everywhere = useEverywhere();
  const { data: known } = useQuery({ ...people(), enabled: everywhere });
  const owners = new Set((data ?? []).filter(({ role, rule }) => role === "org_owner" && rule === undefined).map(({ user }) => user));
  const users = [...new Set((data ?? []).map(({ user }) => user))].map((user) => [user, (data ?? []).filter((one) => one.user === user)] as const);
  return (
    <Panel title="People" aside={<Give org={org} />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty command={`ledger members invite --org ${org} --role viewer`}>Nobody has a role in {org} by their own name. API tokens stand under Settings.</Empty>}
      <ul className="divide-y divide-line/60 text-sm">
        {users.map(([user, roles]) => (
          <li key={user} className="grid gap-x-4 gap-y-1 py-2 sm:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
            <Person user={user} known={known?.get(`user:${user}`)} />
            <ul className="space-y-1">
              {roles.map((one) => <Held key={`${one.role} ${one.rule ?? ""}`} org={org} of={one} last={owners.size === 1 && owners.has(user)} />)}
            </ul>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** A role that somebody has, and how it ends. */
function Held({ org, of, last }: { org: string; of: Row<"Member">; last: boolean }) {
  const { data } = useQuery(me());
  const own = data?.id === `user:${of.user}`;
  const isOwner = of.role === "org_owner";
  const unless = of.rule !== undefined ? "A rule of sign-in gives this role; it ends with the rule, or at the provider."
    : isOwner && last ? "The last owner stays: somebody has to be able to let others in."
    : isOwner && !own && data?.roles.includes("org_owner") !== true ? "Only an owner deals with owners." : undefined;
  return (
    <li className="flex flex-wrap items-baseline gap-x-3">
      <span>{of.role}</span>
      <span className="text-xs text-faint">{of.rule !== undefined ? "by a rule of sign-in" : of.expires_at === undefined ? "granted" : <>ends <Ago time={of.expires_at} /></>}</span>
      <span className="ml-auto">
        <Act label={own ? "give up" : "end"} kind="grave" may={own ? "read" : "manage members"} unless={unless} title={own ? "Give up your role" : "End a role"} command={`ledger members end --org ${org} ${of.user} --role ${of.role}`}
          says={<>{own ? "You are" : <Hash value={`user:${of.user}`} chars={13} />} no longer {of.role} of <b>{org}</b> from the next request on. What was done as such stays recorded.</>}
          run={async () => {
            await answer(client.DELETE("/api/orgs/{org}/members/{user}/{role}", { params: { path: { org, user: of.user, role: of.role } } }));
            return { seq: await recorded(org, "member"), says: <p>● Ended.</p> };
          }} />
      </span>
    </li>
  );
}

function Give({ org }: { org: string }) {
  const roles = useRoles();
  return (
    <Act label="give a role" may="manage members" title="Give somebody a role" command={(form) => `ledger members grant --org ${org} ${(text(form, "user") ?? "USER").replace(/^user:/, "")} --role ${text(form, "role") ?? "viewer"}${text(form, "ttl") === undefined ? "" : ` --ttl ${text(form, "ttl")}`}`}
      says="Whoever has signed in once has an id, which stands behind the menu at the top right. An invitation needs none."
      run={async (form) => {
        const [ttl, reason] = [number(form, "ttl"), text(form, "reason")];
        const body = { user: (text(form, "user") ?? "").replace(/^user:/, ""), role: text(form, "role") as Role, ...(ttl === undefined ? {} : { ttl_secs: ttl }), ...(reason === undefined ? {} : { reason }) };
        await answer(client.POST("/api/orgs/{org}/members", { params: { path: { org } }, body }));
        return { seq: await recorded(org, "member"), says: <p>● Given.</p> };
      }}>
      <Field label="Who"><Text name="user" required pattern="(user:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}" placeholder="user:…" className="font-mono" /></Field>
      <Field label="Role"><Choice name="role" options={roles} /></Field>
      <Field label="Until"><Choice name="ttl" options={SPANS} /></Field>
      <Field label="Why"><Text name="reason" maxLength={1024} /></Field>
    </Act>
  );
}

function Invitations({ org }: { org: string }) {
  const { data, error, refetch } = useQuery(invitations(org));
  const open = (data ?? []).filter(({ expires_at }) => Date.parse(expires_at) > Date.now());
  return (
    <Panel title="Invitations" aside={<Invite org={org} />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && open.length === 0 && <Empty command={`ledger members invite --org ${org} --role viewer`}>No invitation is open.</Empty>}
      <ul className="space-y-1 text-sm">
        {open.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-3">
            <Mark tone="accent">open</Mark>
            <span>{one.role}</span>
            <span className="text-xs text-faint">ends <Ago time={one.expires_at} /></span>
            <Hash value={one.id} chars={8} />
            <span className="ml-auto">
              <Act label="take back" kind="grave" may="manage members" title="Take an invitation back" command={`ledger members uninvite --org ${org} ${one.id}`} says="Whoever has it cannot take it up any more."
                run={async () => {
                  await answer(client.DELETE("/api/orgs/{org}/invitations/{id}", { params: { path: { org, id: one.id } } }));
                  return { seq: await recorded(org, "member"), says: <p>● Taken back.</p> };
                }} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Invite({ org }: { org: string }) {
  const roles = useRoles();
  return (
    <Act label="invite" may="manage members" title="Invite somebody" command={(form) => `ledger members invite --org ${org} --role ${text(form, "role") ?? "viewer"}`}
      says={<>Whoever opens the link and signs in at a provider takes it up, once, and has the role in <b>{org}</b>. Send it to one person alone.</>}
      run={async (form) => {
        const said = await answer(client.POST("/api/orgs/{org}/invitations", { params: { path: { org } }, body: { role: text(form, "role") as Role, ttl_secs: number(form, "ttl") ?? 604_800 } }));
        return { seq: await recorded(org, "member"), says: <Secret name="The link">{invitationLink(said.invitation)}</Secret> };
      }}>
      <Field label="Role"><Choice name="role" options={roles} /></Field>
      <Field label="Good for"><Choice name="ttl" options={INVITED} /></Field>
    </Act>
  );
}

function Rules({ org }: { org: string }) {
  const { data, error, refetch } = useQuery(signInRules(org));
  return (
    <Panel title="Rules of sign-in" aside={<NewRule org={org} />}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty>What a provider says of people gives nobody a role here: only grants and invitations do.</Empty>}
      <ul className="space-y-1 text-sm">
        {(data ?? []).map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-x-3">
            <span>whose <code>{one.claim}</code> at <b className="font-medium">{one.provider}</b> is or has <code>{one.value}</code> is <b className="font-medium">{one.role}</b></span>
            <span className="ml-auto">
              <Act label="remove" kind="grave" may="manage members" title="Remove a rule of sign-in" says={<>Whoever is {one.role} by this rule alone is it no longer.</>}
                run={async () => {
                  await answer(client.DELETE("/api/orgs/{org}/sign-in-rules/{id}", { params: { path: { org, id: one.id } } }));
                  return { seq: await recorded(org, "sign-in-rule"), says: <p>● Removed.</p> };
                }} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function NewRule({ org }: { org: string }) {
  const roles = useRoles();
  const { data: choices = [] } = useQuery({ queryKey: ["sign-in"], queryFn: providers, staleTime: 60_000 });
  return (
    <Act label="make a rule" may="manage members" unless={choices.length === 0 ? "No provider is set up for sign-in." : undefined} title="A rule of sign-in"
      says={<>Everybody whose provider says so has the role in <b>{org}</b>, now and later, and loses it when the provider says so no longer.</>}
      run={async (form) => {
        const body = { provider: text(form, "provider") ?? "", claim: text(form, "claim") ?? "", value: text(form, "value") ?? "", role: text(form, "role") as Role };
        await answer(client.PUT("/api/orgs/{org}/sign-in-rules/{id}", { params: { path: { org, id: crypto.randomUUID() } }, body }));
        return { seq: await recorded(org, "sign-in-rule"), says: <p>● It counts from now on. {counted(1, "rule")} made.</p> };
      }}>
      <Field label="Provider"><Choice name="provider" options={choices.map(({ id }) => id)} /></Field>
      <Field label="Claim"><Text name="claim" required defaultValue="groups" maxLength={256} /></Field>
      <Field label="Is or has"><Text name="value" required maxLength={256} /></Field>
      <Field label="Role"><Choice name="role" options={roles} /></Field>
    </Act>
  );
}
