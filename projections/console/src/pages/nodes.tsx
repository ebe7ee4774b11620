// Every node in a table that stays quick at fifty thousand of them.

import { useMemo, useState } from "react";
import { Link, useSearch } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { useFleet, type Member } from "../api/fleet";
import { prefer, usePreferences } from "../preferences";
import { BadSelector, selector } from "../selector";
import { useAt, useOrgFilter } from "../shell/place";
import { Band, Button, Empty, Hash, Waiting } from "../ui/atoms";
import { Bulk } from "../ui/bulk";
import { Heard } from "../ui/node";
import { counted, Filter, Page, usePatch, Words } from "../ui/page";
import { DataTable, type Column } from "../ui/table";
import { Views } from "../ui/views";

const BANDS = { CRIT: 0, ATTN: 1, OK: 2 } as const;

const COLUMNS: readonly Column<Member>[] = [
  { name: "Band", width: "4.5rem", show: (node) => <Band band={node.band} />, key: (node) => BANDS[node.band] * 1000 - node.score },
  { name: "Name", width: "minmax(9rem,2fr)", show: (node) => <Link to="/nodes/$id" params={{ id: node.id }} className="hover:underline">{node.name}</Link>, key: (node) => node.name },
  { name: "Id", width: "6rem", show: (node) => <Hash value={node.id} chars={8} />, key: (node) => node.id },
  { name: "Organisation", width: "minmax(6rem,1fr)", show: (node) => (node.tenant === undefined ? node.org : `${node.org} / ${node.tenant}`), key: (node) => node.org },
  { name: "Silence", width: "5rem", show: (node) => node.silence, key: (node) => node.silence },
  { name: "Heard of", width: "6rem", show: (node) => <Heard node={node} />, key: (node) => -(node.heard?.seq ?? 0) },
  { name: "Worst reason", width: "minmax(10rem,2fr)", show: worst, key: (node) => node.reasons[0]?.reason ?? "~" },
  { name: "Version", width: "5rem", show: (node) => node.version, key: (node) => node.version },
  { name: "Profile", width: "8rem", show: (node) => node.profile, key: (node) => node.profile },
  { name: "Policy", width: "6rem", show: (node) => (node.policy === undefined ? "" : <Hash value={node.policy} chars={8} />), key: (node) => node.policy ?? "" },
  { name: "Labels", width: "minmax(8rem,1fr)", show: (node) => Object.entries(node.labels).map((pair) => pair.join("=")).join(", ") },
];

function worst(node: Member): string {
  const [first, ...rest] = node.reasons;
  if (first === undefined) return "";
  const more = rest.length + node.more;
  return `${first.reason}${first.subject === undefined ? "" : ` ${first.subject}`}${more > 0 ? ` +${more}` : ""}`;
}

export function Nodes() {
  const at = useAt();
  const org = useOrgFilter();
  const { band, q, labels, sort = "Band" } = useSearch({ from: "/nodes" });
  const patch = usePatch();
  const { hidden } = usePreferences();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { data, error } = useFleet(useQueryClient(), at, org);
  const { rows, problem } = useMemo(() => filtered(data?.rows ?? [], band, q, labels), [data, band, q, labels]);
  const columns = useMemo(() => COLUMNS.filter(({ name }) => !hidden.includes(name)), [hidden]);
  const picked = useMemo(() => rows.filter(({ id }) => chosen.has(id)), [rows, chosen]);
  return (
    <Page
      title="Nodes" full
      tools={<><Filter value={q} label="filter nodes" /><Filter name="labels" value={labels} label="labels: env=prod" problem={problem} /><Words name="band" label="band" value={band} words={["CRIT", "ATTN", "OK"]} first="every band" /></>}
      count={data === undefined ? undefined : `${counted(rows.length, "node")}${rows.length === data.rows.length ? "" : ` of ${data.rows.length.toLocaleString("en")}`}${data.partial ? ", more are coming" : ""}`}
      acts={<><Views page="/nodes" /><Columns hidden={hidden} /></>}
    >
      {data === undefined && <Waiting error={error} />}
      {data?.rows.length === 0 && !data.partial && <Empty command="ledger enroll token">No node is enrolled yet. <Link to="/enrol" className="text-accent underline">Let one in</Link>, or from a terminal:</Empty>}
      {data !== undefined && data.rows.length > 0 && rows.length === 0 && <Empty>No node fits.</Empty>}
      {picked.length > 0 && <Bulk nodes={picked} onDone={() => setChosen(new Set())} />}
      {rows.length > 0 && <DataTable label="nodes" rows={rows} columns={columns} id={(node) => node.id} sort={sort} onSort={(next) => patch({ sort: next })} chosen={chosen} onChoose={setChosen} least="64rem" className="flex-1" />}
    </Page>
  );
}

/** The nodes that fit; if the labels are no selector, why not, and all that fit otherwise. */
function filtered(all: readonly Member[], band: Member["band"] | undefined, q: string | undefined, labels: string | undefined): { rows: readonly Member[]; problem?: string } {
  const wanted = q?.toLowerCase();
  const fits = (node: Member): boolean => (band === undefined || node.band === band) && (wanted === undefined || node.text.includes(wanted));
  try {
    const holds = selector(labels ?? "");
    return { rows: all.filter((node) => fits(node) && holds(node.labels)) };
  } catch (error) {
    if (!(error instanceof BadSelector)) throw error;
    return { rows: all.filter(fits), problem: error.message };
  }
}

function Columns({ hidden }: { hidden: readonly string[] }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="relative">
      <Button onClick={() => setOpen(!open)}>columns</Button>
      {open && (
        <div className="absolute right-0 z-20 mt-1 flex w-44 flex-col gap-1 rounded-lg border border-line bg-panel p-3 text-sm shadow-2xl">
          {COLUMNS.map(({ name }) => (
            <label key={name} className="flex items-center gap-2">
              <input type="checkbox" checked={!hidden.includes(name)} disabled={name === "Name"} onChange={() => prefer({ hidden: hidden.includes(name) ? hidden.filter((one) => one !== name) : [...hidden, name] })} /> {name}
            </label>
          ))}
        </div>
      )}
    </div>
  );
}
