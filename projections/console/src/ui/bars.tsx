// Stacked bars over time. Each series has a colour and a pattern, and its sum stands beside its name.

import { useState } from "react";
import { usePreferences } from "../preferences";
import { total, type Stacks } from "../series";
import { absolute } from "../time";

const [WIDTH, HEIGHT] = [600, 120];
/** Of the six series that a chart may have; what is further behind repeats them. */
const FILLS = ["var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)"] as const;
const SHAPES = ["●", "▲", "■", "◆", "▼", "○"] as const;

export function Bars({ of: { times, series }, label, short = true }: { of: Stacks; label: string; short?: boolean }) {
  const { utc } = usePreferences();
  const [over, setOver] = useState<number>();
  const sums = times.map((_, n) => series.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0));
  const most = Math.max(1, ...sums);
  const width = WIDTH / Math.max(1, times.length);
  const y = (count: number): number => (count / most) * (HEIGHT - 2);
  const clock = (time: number | undefined): string => (time === undefined ? "" : short ? new Date(time).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(utc ? { timeZone: "UTC" } : {}) }) : new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short", ...(utc ? { timeZone: "UTC" } : {}) }));
  return (
    <figure>
      <div className="flex gap-2">
        <div className="flex w-8 flex-col justify-between text-right text-[11px] text-faint" aria-hidden="true"><span>{most}</span><span>0</span></div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="h-28 min-w-0 flex-1 rounded bg-raised/40" role="img" aria-label={`${label}: ${series.map(({ name, counts }) => `${name} ${total(counts)}`).join(", ")}`} onPointerLeave={() => setOver(undefined)}>
          {times.map((time, n) => {
            let top = HEIGHT;
            return (
              <g key={time} onPointerEnter={() => setOver(n)}>
                <rect x={n * width} width={width} height={HEIGHT} fill={over === n ? "var(--raised)" : "transparent"} />
                {series.map(({ name, counts }, at) => {
                  const high = y(counts[n] ?? 0);
                  top -= high;
                  return high > 0 && <rect key={name} x={n * width + 0.5} y={top} width={Math.max(1, width - 1)} height={high} fill={FILLS[at % FILLS.length]} />;
                })}
              </g>
            );
          })}
        </svg>
      </div>
      <div className="ml-10 flex justify-between text-[11px] text-faint" aria-hidden="true"><span>{clock(times[0])}</span><span>{over === undefined ? "" : absolute(times[over] ?? 0, utc)}</span><span>{clock(times.at(-1))}</span></div>
      <figcaption className="ml-10 mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
        {series.map(({ name, counts }, n) => <span key={name} className="text-soft"><span aria-hidden="true" style={{ color: FILLS[n % FILLS.length] }}>{SHAPES[n % SHAPES.length]}</span> {name} <b className="font-medium text-ink">{(over === undefined ? total(counts) : (counts[over] ?? 0)).toLocaleString("en")}</b></span>)}
      </figcaption>
    </figure>
  );
}
