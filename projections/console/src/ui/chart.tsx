// A metric over time. Drawn by uPlot; the numbers are there as a table for whoever does not see it.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useQuery } from "@tanstack/react-query";
import { metrics, type At, type Metric } from "../api/queries";
import { bytes } from "../time";
import { Waiting } from "./atoms";

const HEIGHT = 112;
/** A chart shows at least so much time, in seconds: a node that has just come has a corner of it. */
const LEAST_SECS = 15 * 60;

/** A value as people read it, by the unit that the service names. */
export function readable(value: number, unit: string): string {
  switch (unit) {
    case "milli": return (value / 1000).toFixed(2);
    case "permille": return `${(value / 10).toFixed(1)} %`;
    case "millipercent": return `${(value / 1000).toFixed(1)} %`;
    case "mebibytes": return bytes(value * 1024 * 1024);
    default: return `${value} ${unit}`;
  }
}

/** Hours and minutes. */
const clock = (secs: number): string => new Date(1000 * secs).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const halves = (max: number): number[] => [0, max / 2 / 1.1, max / 1.1];

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(host: HTMLElement, data: uPlot.AlignedData, unit: string): uPlot {
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px ui-sans-serif, sans-serif" };
  return new uPlot(
    {
      width: Math.max(160, host.clientWidth),
      height: HEIGHT,
      cursor: { y: false },
      legend: { show: false },
      scales: {
        x: {
          range: (chart) => {
            const [first = 0, last = 0] = [chart.data[0][0], chart.data[0].at(-1)];
            return [Math.min(first, last - LEAST_SECS), last];
          },
        },
        y: { range: (_chart, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
      },
      axes: [{ ...axis, size: 22, values: (_chart, ticks) => ticks.map(clock) }, { ...axis, size: 62, splits: (chart) => halves(chart.scales["y"]?.max ?? 1), values: (_chart, ticks) => ticks.map((tick) => readable(tick, unit)) }],
      series: [{}, { stroke: colour("--accent"), width: 1.5, fill: `${colour("--accent")}22`, points: { show: data[0].length < 2 } }],
    },
    data,
    host,
  );
}

export function MetricChart({ id, metric, title, at }: { id: string; metric: Metric; title: string; at: At }) {
  const { data, error } = useQuery(metrics(id, metric, at));
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  useEffect(() => {
    if (host.current === null || data === undefined || data.items.length === 0) return;
    const values: uPlot.AlignedData = [data.items.map((item) => Date.parse(item.at) / 1000), data.items.map((item) => item.mean)];
    if (chart.current === undefined) chart.current = draw(host.current, values, data.unit);
    else chart.current.setData(values);
  }, [data]);
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: Math.max(160, element.clientWidth), height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, []);
  const last = data?.items.at(-1);
  return (
    <figure className="min-w-0">
      <figcaption className="flex justify-between text-xs text-soft">
        <span>{title}</span>
        <span className="font-mono text-ink">{last === undefined || data === undefined ? "" : readable(last.mean, data.unit)}</span>
      </figcaption>
      {data === undefined && <Waiting error={error} />}
      {data?.items.length === 0 && <p className="py-6 text-center text-xs text-faint">nothing reported yet</p>}
      <div ref={host} aria-hidden="true" style={{ height: data === undefined || data.items.length === 0 ? 0 : HEIGHT }} />
    </figure>
  );
}
