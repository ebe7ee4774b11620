// The ledger itself: entries, each with its check, the way from one entry to the signed root, and how it grew.

import { Link, useSearch } from "@tanstack/react-router";
import { queryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { answer, client, fetchBytes } from "../api/client";
import { ledger, until } from "../api/queries";
import { usePreferences } from "../preferences";
import { useAt, useOrgFilter } from "../shell/place";
import { absolute } from "../time";
import { AsCommand, Button, Empty, Hash, Panel, Waiting } from "../ui/atoms";
import { Growth } from "../ui/growth";
import { Check, EntryRow } from "../ui/entry";
import { NodeName } from "../ui/node";
import { Facts, Filter, Page, Words } from "../ui/page";
import { InclusionPath } from "../ui/path";
import { ProofChain } from "../ui/proofchain";
import { Witnesses } from "./tasks";

export function Ledger() {
  const { view = "entries" } = useSearch({ from: "/ledger" });
  const { data: about } = useQuery(ledger());
  return (
    <Page
      title="Ledger"
      tools={<Words name="view" label="view" value={view} words={["entries", "proofs"]} />}
      count={about !== undefined && <span className="flex flex-wrap items-baseline gap-2">{about.size.toLocaleString("en")} entries <Hash value={about.ledger} chars={16} /><span className="text-xs text-faint">{about.origin.split("/")[0]}</span></span>}
    >
      {view === "entries" ? <Entries /> : <div className="flex flex-col gap-3"><Growth /><ProofChain /><Witnesses /></div>}
    </Page>
  );
}

const PAGE = 60;

function Entries() {
  const at = useAt();
  const org = useOrgFilter();
  const { kind, seq, since, node } = useSearch({ from: "/ledger" });
  const filter = { ...until(at), ...(kind === undefined ? {} : { kind }), ...(since === undefined ? {} : { since }), ...(node === undefined ? {} : { node_id: node }), ...(org === undefined ? {} : { org }) };
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } = useInfiniteQuery({
    queryKey: ["events", "pages", filter],
    queryFn: ({ pageParam }) => answer(client.GET("/api/events", { params: { query: { ...filter, limit: PAGE, order: "desc", ...(pageParam === undefined ? {} : { cursor: pageParam }) } as never } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = seq ?? items[0]?.seq.toString();
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <Filter name="kind" value={kind} label="kinds: scan,command" />
        <Filter name="since" value={since} label="since: 2h, seq:100" />
        <Filter name="seq" value={seq} label="entry number" />
      </div>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="Entries" aside={since === undefined ? "newest first" : `since ${since}, newest first`} className="max-h-[60dvh] lg:max-h-[78dvh]">
          {data === undefined && <Waiting error={error} again={() => void refetch()} />}
          {data !== undefined && items.length === 0 && <Empty>No entry fits.</Empty>}
          <ul>{items.map((entry) => <li key={entry.seq}><EntryRow entry={entry} /></li>)}</ul>
          {hasNextPage && <div className="pt-2"><Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>older ones</Button></div>}
        </Panel>
        {chosen !== undefined && /^\d+$/.test(chosen) && <EntryCard key={chosen} seq={Number(chosen)} />}
      </div>
    </>
  );
}

const record = (seq: number) =>
  queryOptions({ queryKey: ["record", seq], queryFn: () => answer(client.GET("/api/ledger/entries/{seq}", { params: { path: { seq } } })), staleTime: Infinity });
const proof = (seq: number) =>
  queryOptions({ queryKey: ["proof", seq], queryFn: () => answer(client.GET("/api/ledger/proof/inclusion", { params: { query: { seq } } })), staleTime: Infinity });

function EntryCard({ seq }: { seq: number }) {
  const { data, error } = useQuery(record(seq));
  const { data: path } = useQuery(proof(seq));
  const { utc } = usePreferences();
  const save = async (): Promise<void> => {
    const url = URL.createObjectURL(new Blob([(await fetchBytes(`/api/ledger/bundle/${seq}`)) as BlobPart], { type: "application/json" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: `entry-${seq}.bundle.json` });
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Panel title={`Entry ${seq}`} aside={<span className="flex items-center gap-3"><Check seq={seq} /><Button onClick={() => void save()}>save its bundle</Button></span>} className="lg:max-h-[78dvh]">
      {data === undefined && <Waiting error={error} />}
      {data !== undefined && (
        <>
          <Facts of={[
            ["Kind", data.entry.event.kind],
            ["Author", <span key="author" className="break-all">{data.entry.event.author}{data.entry.event.via !== undefined && ` (the service's word, by ${data.entry.event.via.method})`}</span>],
            ["Organisation", data.entry.event.tenant === undefined ? data.entry.event.org : `${data.entry.event.org} / ${data.entry.event.tenant}`],
            ["About", data.entry.event.node_id === undefined ? undefined : <NodeName key="node" id={data.entry.event.node_id} />],
            ["Said at", absolute(data.entry.event.ts, utc)],
            ["Recorded at", absolute(data.entry.recorded_at, utc)],
            ["Key", <Hash key="key" value={data.entry.event.key} chars={20} />],
            ["Follows", <span key="prev">{seq > 0 && <Link from="/ledger" to="/ledger" search={(before) => ({ ...before, seq: String(seq - 1) })} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">{seq - 1}</Link>} <Hash value={data.entry.prev} chars={20} /></span>],
          ]} />
          <h3 className="mt-4 text-xs uppercase tracking-wider text-soft">From here to the signed root</h3>
          {path !== undefined && <InclusionPath index={seq} size={path.size} leaf={path.leaf} proof={path.proof} />}
          <h3 className="mt-4 text-xs uppercase tracking-wider text-soft">Payload</h3>
          <pre className="mt-1 overflow-auto rounded bg-raised p-2 text-xs" tabIndex={0}>{data.payload === undefined ? "erased" : JSON.stringify(data.payload, null, 2)}</pre>
          <div className="mt-2"><AsCommand>{`ledger prove --seq ${seq} --out entry-${seq}.bundle.json`}</AsCommand></div>
        </>
      )}
    </Panel>
  );
}
