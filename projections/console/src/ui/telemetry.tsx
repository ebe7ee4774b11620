// How a node went over time: its figures, and what was recorded of it.

import { useQuery } from "@tanstack/react-query";
import { nodeEvents, type Metric } from "../api/queries";
import { useAt } from "../shell/place";
import { Empty, Panel, Waiting } from "./atoms";
import { MetricChart } from "./chart";
import { Check, EntryRow } from "./entry";

const CHARTS: readonly [Metric, string][] = [
  ["load1", "Load"], ["memory_used", "Memory in use"], ["disk_used", "Disk in use"], ["pressure_cpu", "CPU pressure"],
];
const MORE: readonly [Metric, string][] = [["pressure_io", "I/O pressure"], ["pressure_memory", "Memory pressure"], ["swap_used", "Swap in use"]];

export function Telemetry({ id, all = false }: { id: string; all?: boolean }) {
  const at = useAt();
  return (
    <div className={`grid gap-4 sm:grid-cols-2 ${all ? "xl:grid-cols-4" : ""}`}>
      {[...CHARTS, ...(all ? MORE : [])].map(([metric, title]) => <MetricChart key={`${id} ${metric}`} id={id} metric={metric} title={title} at={at} />)}
    </div>
  );
}

export function Timeline({ id, checks = false, className = "" }: { id: string; checks?: boolean; className?: string }) {
  const at = useAt();
  const { data, error } = useQuery(nodeEvents(id, at));
  return (
    <Panel title="Timeline" aside="newest first" className={className}>
      {data === undefined && <Waiting error={error} />}
      {data?.length === 0 && <Empty>Nothing was recorded of it.</Empty>}
      <ul>
        {data?.map((entry) => (
          <li key={entry.seq} className="flex items-center gap-2">
            <div className="min-w-0 flex-1"><EntryRow entry={entry} /></div>
            {checks && <Check seq={entry.seq} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
