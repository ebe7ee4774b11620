// The ledger itself: entries, each with its check, and the way from one entry to the signed root as a tree.

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { answer, client, fetchBytes } from "../api/client";
import { events, ledger } from "../api/queries";
import { absolute } from "../time";
import { usePreferences } from "../preferences";
import { Button, Empty, Hash, Panel, Waiting } from "../ui/atoms";
import { Check, EntryRow } from "../ui/entry";
import { InclusionPath } from "../ui/path";

export function Ledger() {
  const { kind, seq } = useSearch({ from: "/ledger" });
  const navigate = useNavigate({ from: "/ledger" });
  const { data: about } = useQuery(ledger());
  const { data, error } = useQuery(events(kind === undefined ? {} : { kind }));
  const chosen = seq ?? data?.items[0]?.seq.toString();
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-baseline gap-3">
        <h1 className="text-lg font-semibold">Ledger</h1>
        {about !== undefined && <><span className="text-soft">{about.size} entries</span><Hash value={about.ledger} chars={16} /><span className="truncate text-xs text-faint">{about.origin.split("/")[0]}</span></>}
        <input type="search" defaultValue={kind} placeholder="kind  /" aria-label="kind of entries" className="rounded border border-line bg-raised px-2 py-1"
          onChange={({ target }) => void navigate({ search: ({ kind: _kind, ...before }) => (target.value === "" ? before : { ...before, kind: target.value }), replace: true })} />
      </div>
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="Entries" aside="newest first" className="lg:max-h-[80vh]">
          {data === undefined && <Waiting error={error} />}
          {data?.items.length === 0 && <Empty>No entry fits.</Empty>}
          <ul>{data?.items.map((entry) => <li key={entry.seq}><EntryRow entry={entry} /></li>)}</ul>
        </Panel>
        {chosen !== undefined && <EntryCard key={chosen} seq={Number(chosen)} />}
      </div>
    </div>
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
    <Panel title={`Entry ${seq}`} aside={<span className="flex gap-3"><Check seq={seq} /><Button onClick={() => void save()}>save its bundle</Button></span>} className="lg:max-h-[80vh]">
      {data === undefined && <Waiting error={error} />}
      {data !== undefined && (
        <>
          <dl className="grid grid-cols-[7rem_1fr] gap-y-1 text-sm">
            <dt className="text-faint">Kind</dt><dd>{data.entry.event.kind}</dd>
            <dt className="text-faint">Author</dt><dd className="truncate">{data.entry.event.author}{data.entry.event.via !== undefined && ` (the service's word, by ${data.entry.event.via.method})`}</dd>
            <dt className="text-faint">Organisation</dt><dd>{data.entry.event.org}</dd>
            <dt className="text-faint">Said at</dt><dd>{absolute(data.entry.event.ts, utc)}</dd>
            <dt className="text-faint">Recorded at</dt><dd>{absolute(data.entry.recorded_at, utc)}</dd>
            <dt className="text-faint">Key</dt><dd><Hash value={data.entry.event.key} chars={20} /></dd>
            <dt className="text-faint">Follows</dt><dd>{seq > 0 && <Link to="/ledger" search={(before) => ({ ...before, seq: String(seq - 1) })} className="text-accent hover:underline">{seq - 1}</Link>} <Hash value={data.entry.prev} chars={20} /></dd>
          </dl>
          <h3 className="mt-4 text-xs uppercase tracking-wider text-soft">From here to the signed root</h3>
          {path !== undefined && <InclusionPath index={seq} size={path.size} leaf={path.leaf} proof={path.proof} />}
          <h3 className="mt-4 text-xs uppercase tracking-wider text-soft">Payload</h3>
          <pre className="mt-1 overflow-auto rounded bg-raised p-2 text-xs">{data.payload === undefined ? "erased" : JSON.stringify(data.payload, null, 2)}</pre>
        </>
      )}
    </Panel>
  );
}
