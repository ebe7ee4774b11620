// Whose word counts: the keys of an organisation, what is wrong with them, and how they end.

import { Link, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { useFleet } from "../api/fleet";
import { keys, keysSummary } from "../api/queries";
import { recorded } from "../api/said";
import { useAt, useOrg } from "../shell/place";
import { Act } from "../ui/act";
import { Ago, AsCommand, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";
import { Choice, Field, number, Text, text } from "../ui/form";
import { NodeName } from "../ui/node";
import { counted, Facts, Filter, Page, Words } from "../ui/page";
import { DataTable, type Column } from "../ui/table";

type Key = Row<"OrgKey">;
const STATES = ["active", "superseded", "revoked", "compromised"] as const;
const TONES = { active: "ok", superseded: "soft", revoked: "attn", compromised: "crit" } as const;

const Owner = ({ author }: { author: string }) => (author.startsWith("node:") ? <NodeName id={author.slice(5)} /> : <span title={author}>{author}</span>);

const COLUMNS: readonly Column<Key>[] = [
  { name: "Status", width: "7rem", show: (one) => <Mark tone={TONES[one.status]}>{one.status}</Mark>, key: (one) => one.status },
  { name: "Key", width: "7rem", show: (one) => <Link from="/keys" to="/keys" search={(before) => ({ ...before, id: one.key })} className="font-mono text-xs hover:underline">{one.key.slice(0, 10)}…</Link>, key: (one) => one.key },
  { name: "Use", width: "5rem", show: (one) => one.use, key: (one) => one.use },
  { name: "Speaks for", width: "minmax(8rem,1fr)", show: (one) => <Owner author={one.author} />, key: (one) => one.author },
  { name: "Introduced", width: "6rem", show: (one) => <Ago time={one.introduced.recorded_at} />, key: (one) => one.introduced.seq },
  { name: "Last used", width: "6rem", show: (one) => (one.used === undefined ? <span className="text-faint">never</span> : <Ago time={one.used.recorded_at} />), key: (one) => -(one.used?.seq ?? 0) },
  { name: "", width: "6rem", show: (one) => (one.suspect ? <Mark tone="crit">suspect</Mark> : "") },
];

export function Keys() {
  const at = useAt();
  const org = useOrg();
  const { status, q, id } = useSearch({ from: "/keys" });
  const { data, error, refetch } = useQuery(keys(org, at, { status, q }));
  const chosen = data?.find((one) => one.key === id) ?? data?.[0];
  return (
    <Page title="Keys" full tools={<><Filter value={q} label="filter keys" /><Words name="status" label="status" value={status} words={STATES} first="all" /></>} count={data === undefined ? undefined : `${counted(data.length, "key")} of ${org}`}>
      <Warnings org={org} />
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty command="ledger enroll token">{q === undefined && status === undefined ? "Nobody has a key yet: each node brings one when it enrols." : "No key fits."}</Empty>}
      {data !== undefined && data.length > 0 && (
        <div className="grid min-h-0 flex-1 grid-cols-1 gap-3 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <DataTable label="keys" rows={data} columns={COLUMNS} id={(one) => one.key} least="46rem" className="max-h-[50dvh] xl:max-h-none" />
          {chosen !== undefined && <Card org={org} of={chosen} />}
        </div>
      )}
    </Page>
  );
}

/** What somebody should look at: nodes whose key has ended, keys in doubt, keys that nobody uses. */
function Warnings({ org }: { org: string }) {
  const at = useAt();
  const { data } = useQuery(keysSummary(org, at));
  const { data: fleet } = useFleet(useQueryClient(), at, org);
  const keyless = (fleet?.rows ?? []).filter(({ enrolled, silence }) => !enrolled && silence !== "lost" && silence !== "planned");
  if (data === undefined) return null;
  return (
    <div className="flex flex-wrap gap-x-6 gap-y-1 text-sm">
      {Object.entries(data.by_status).map(([status, n]) => <span key={status} className="text-soft">{n} {status}</span>)}
      {data.suspect > 0 && <Mark tone="crit">{counted(data.suspect, "key")} signed something that is in doubt</Mark>}
      {data.unused > 0 && <Mark tone="soft">{counted(data.unused, "key")} never used</Mark>}
      {keyless.length > 0 && <Mark tone="attn">{counted(keyless.length, "node")} without a valid key: {keyless.slice(0, 5).map(({ name }) => name).join(", ")}{keyless.length > 5 && " …"}</Mark>}
    </div>
  );
}

function Card({ org, of }: { org: string; of: Key }) {
  const whose = of.author.startsWith("node:") ? "The node's" : "The owner's";
  return (
    <Panel title={<span className="normal-case tracking-normal text-ink"><Mark tone={TONES[of.status]}>{of.status}</Mark></span>} aside={`entry ${of.introduced.seq}`}>
      <div className="flex flex-col gap-3">
        <Facts of={[
          ["Key", <Hash key="key" value={of.key} chars={64} />],
          ["Use", of.use],
          ["Speaks for", <Owner key="author" author={of.author} />],
          ["Tenant", of.tenant],
          ["Introduced", <span key="introduced"><Ago time={of.introduced.recorded_at} /> <Check key={of.introduced.seq} seq={of.introduced.seq} /></span>],
          ["Last used", of.used === undefined ? "never" : <span key="used"><Ago time={of.used.recorded_at} />, entry {of.used.seq} <Check key={of.used.seq} seq={of.used.seq} /></span>],
          ["Ended", of.ended === undefined ? undefined : <span key="ended"><Ago time={of.ended.at.recorded_at} />: {of.ended.status}{of.ended.reason === undefined ? "" : `, ${of.ended.reason}`} <Check key={of.ended.at.seq} seq={of.ended.at.seq} /></span>],
          ["In doubt", of.ended?.suspect_from === undefined ? undefined : `from entry ${of.ended.suspect_from} on`],
          ["Successor", of.ended?.successor === undefined ? undefined : <Hash key="successor" value={of.ended.successor} chars={24} />],
        ]} />
        {of.suspect && <p role="alert" className="text-sm text-crit">◆ It signed entries that are in doubt: whatever it said from then on may not be its owner's word.</p>}
        {of.status === "active" && (
          <div className="flex flex-wrap gap-2">
            <Act label="revoke or compromise" kind="grave" may="govern keys" title="End this key" command={(form) => `ledger keys revoke ${of.key.slice(0, 16)}${text(form, "status") === "compromised" ? ` --compromised-from ${text(form, "from") ?? of.introduced.seq}` : ""}`}
              says={<>{whose} word is taken no longer: <b>1 key</b> ends, and what it sends is refused until it is enrolled anew. This cannot be undone. What it signed before stays signed.</>}
              run={async (form) => {
                const status = text(form, "status") as "revoked" | "compromised";
                const [reason, from] = [text(form, "reason"), number(form, "from")];
                await answer(client.PATCH("/api/keys/{key}/governance", { params: { path: { key: of.key } }, body: { status, ...(reason === undefined ? {} : { reason }), ...(status === "compromised" && from !== undefined ? { suspect_from: from } : {}) } }));
                return { seq: await recorded(org, "key-status"), says: <p>▲ The key is {status}. {whose} heartbeats are refused from now on.</p> };
              }}>
              <Field label="What happened"><Choice name="status" options={[["revoked", "revoked: it is not used any more"], ["compromised", "compromised: somebody else may have it"]]} /></Field>
              <Field label="In doubt from entry" hint="of a compromised key; empty: from its introduction on"><Text name="from" type="number" min={0} /></Field>
              <Field label="Why"><Text name="reason" maxLength={256} /></Field>
            </Act>
          </div>
        )}
        <AsCommand>{`ledger keys revoke ${of.key.slice(0, 16)} --reason WHY`}</AsCommand>
      </div>
    </Panel>
  );
}
