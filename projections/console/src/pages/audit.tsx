// Who did what: every act of people and of the ledger's authority, each with its check.

import { useState } from "react";
import { Link, useSearch } from "@tanstack/react-router";
import { useInfiniteQuery } from "@tanstack/react-query";
import { answer, client, type Row } from "../api/client";
import { usePreferences } from "../preferences";
import { absolute } from "../time";
import { useAt, useOrg } from "../shell/place";
import { Button, Empty, Hash, Waiting } from "../ui/atoms";
import { Check } from "../ui/entry";
import { NodeName } from "../ui/node";
import { counted, Filter, Page } from "../ui/page";

type ActRow = Row<"AuditEntry">;

/** How somebody was known, in words. */
const METHODS: Record<string, string> = { token: "by an API token", admin: "at the machine", enrolment: "with an enrolment token", self: "the ledger itself", schedule: "by a schedule" };

export function Audit() {
  const at = useAt();
  const org = useOrg();
  const { kind } = useSearch({ from: "/audit" });
  const [all, setAll] = useState(false);
  const { utc } = usePreferences();
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage, refetch } = useInfiniteQuery({
    queryKey: ["audit", org, at, kind],
    queryFn: ({ pageParam }) => answer(client.GET("/api/orgs/{org}/audit", { params: { path: { org }, query: { limit: 100, ...(at === undefined ? {} : { as_of: at }), ...(kind === undefined ? {} : { kind }), ...(pageParam === undefined ? {} : { cursor: pageParam }) } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const rows = data?.pages.flatMap(({ items }) => items as ActRow[]) ?? [];
  return (
    <Page title="Audit" tools={<Filter name="kind" value={kind} label="kind of act" />} count={data === undefined ? undefined : `${counted(rows.length, "act")}${hasNextPage ? " and more" : ""} of ${org}`} acts={<><Button onClick={() => setAll(true)} disabled={rows.length === 0 || all}>check all {rows.length}</Button><Button onClick={() => print()}>print</Button></>}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data !== undefined && rows.length === 0 && <Empty>{kind === undefined ? "Nobody has done anything yet." : "No act is of this kind."}</Empty>}
      {rows.length > 0 && (
        <div className="overflow-x-auto rounded-lg border border-line bg-panel" tabIndex={0}>
          <table className="w-full min-w-[46rem] text-sm">
            <thead className="text-left text-xs text-soft"><tr>{["Entry", "When", "Kind", "Who", "About", "Event hash", "Check"].map((name) => <th key={name} className="px-3 py-1.5 font-normal">{name}</th>)}</tr></thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.seq} className="border-t border-line/50 align-baseline">
                  <td className="px-3 py-1 font-mono text-xs"><Link to="/ledger" search={{ seq: String(row.seq) }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">{row.seq}</Link></td>
                  <td className="px-3 py-1 whitespace-nowrap text-soft">{absolute(row.recorded_at, utc)}</td>
                  <td className="px-3 py-1 font-medium">{row.kind}</td>
                  <td className="px-3 py-1"><span className="font-mono text-xs" title={row.author}>{row.author.length > 20 ? `${row.author.slice(0, 20)}…` : row.author}</span> <span className="text-xs text-faint">{row.via === undefined ? "signed by themselves" : (METHODS[row.via.method] ?? row.via.method)}</span></td>
                  <td className="px-3 py-1">{row.node_id !== undefined && <NodeName id={row.node_id} />}</td>
                  <td className="px-3 py-1"><Hash value={row.event_hash} /></td>
                  <td className="px-3 py-1"><Check key={String(all)} seq={row.seq} auto={all} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && <div><Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>{isFetchingNextPage ? "…" : "older ones"}</Button></div>}
    </Page>
  );
}
