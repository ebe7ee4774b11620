// What tenants used, month by month, as the ledger counts it.

import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { Row } from "../api/client";
import { usage } from "../api/queries";
import { bytes } from "../time";
import { useAt, useOrg } from "../shell/place";
import { Empty, Panel, Waiting } from "../ui/atoms";
import { Filter, Page } from "../ui/page";
import { DataTable, type Column } from "../ui/table";

type Line = Row<"UsageRecord">;
const NAMES: Record<Line["metric"], string> = { api_calls: "API calls", decisions: "Decisions", dig_files: "Dig files", snapshot_exports: "Snapshot exports", storage_bytes: "Storage" };

const quantity = ({ metric, quantity: n }: Line): string => (metric === "storage_bytes" ? `${bytes(n)} at most` : n.toLocaleString("en"));

const COLUMNS: readonly Column<Line>[] = [
  { name: "Month", width: "6rem", show: (one) => one.month, key: (one) => one.month },
  { name: "Tenant", width: "minmax(6rem,1fr)", show: (one) => one.tenant ?? "—", key: (one) => one.tenant ?? "" },
  { name: "Product", width: "minmax(6rem,1fr)", show: (one) => one.product, key: (one) => one.product },
  { name: "Metric", width: "minmax(8rem,1fr)", show: (one) => NAMES[one.metric], key: (one) => one.metric },
  { name: "Quantity", width: "9rem", show: (one) => <span className="font-mono">{quantity(one)}</span>, key: (one) => -one.quantity },
  { name: "Events", width: "6rem", show: (one) => <Link to="/ledger" search={{ kind: "usage" }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">{one.events.toLocaleString("en")}</Link>, key: (one) => -one.events },
];

export function Usage() {
  const at = useAt();
  const org = useOrg();
  const { q } = useSearch({ from: "/usage" });
  const { data, error, refetch } = useQuery(usage(org, at));
  const rows = (data ?? []).filter((one) => q === undefined || `${one.month} ${one.tenant ?? ""} ${one.product} ${one.metric} ${NAMES[one.metric]}`.toLowerCase().includes(q.toLowerCase()));
  return (
    <Page title="Usage" tools={<Filter value={q} label="filter usage" />} count={org}>
      {data === undefined && <Waiting error={error} again={() => void refetch()} />}
      {data?.length === 0 && <Empty>No use was recorded yet. It comes with events of kind <code>usage</code>; each counts once, in the month in which it was recorded.</Empty>}
      {(Object.keys(NAMES) as Line["metric"][]).some((metric) => rows.some((one) => one.metric === metric)) && (
        <div className="grid grid-cols-1 gap-3 md:grid-cols-2 lg:grid-cols-3">
          {(Object.keys(NAMES) as Line["metric"][]).map((metric) => <Metric key={metric} metric={metric} lines={rows.filter((one) => one.metric === metric)} />)}
        </div>
      )}
      {rows.length > 0 && <DataTable label="usage" rows={rows} columns={COLUMNS} id={(one) => `${one.month} ${one.tenant} ${one.product} ${one.metric}`} least="44rem" className="max-h-[60dvh]" />}
    </Page>
  );
}

function Metric({ metric, lines }: { metric: Line["metric"]; lines: readonly Line[] }) {
  const months = new Map<string, number>();
  for (const { month, quantity: n } of lines) months.set(month, metric === "storage_bytes" ? Math.max(months.get(month) ?? 0, n) : (months.get(month) ?? 0) + n);
  if (months.size === 0) return null;
  const most = Math.max(1, ...months.values());
  return (
    <Panel title={NAMES[metric]}>
      <ul className="space-y-1 text-sm">
        {[...months].sort().slice(-12).map(([month, n]) => (
          <li key={month} className="grid grid-cols-[4.5rem_1fr_6rem] items-center gap-2">
            <span className="text-soft">{month}</span>
            <svg viewBox="0 0 100 6" preserveAspectRatio="none" className="h-2 w-full rounded bg-raised" aria-hidden="true"><rect width={(100 * n) / most} height="6" fill="var(--s1)" /></svg>
            <span className="text-right font-mono">{metric === "storage_bytes" ? bytes(n) : n.toLocaleString("en")}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
