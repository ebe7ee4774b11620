// A table that stays quick at any length: only the rows in sight are in the document.

import { memo, useCallback, useMemo, useRef, type ReactNode } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";

export interface Column<T> {
  name: string;
  /** A track of a CSS grid. */
  width: string;
  show: (row: T) => ReactNode;
  /** What it is sorted by; without, it is not. */
  key?: (row: T) => string | number;
}

const ROW_PX = 32;
const OVERSCAN = 8;

/** Rows by a column's name, with a minus in front the other way round. */
export function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], sort: string | undefined): readonly T[] {
  const key = columns.find(({ name }) => name === sort?.replace(/^-/, ""))?.key;
  if (key === undefined) return rows;
  const sign = sort?.startsWith("-") === true ? -1 : 1;
  const keyed = rows.map((row) => [key(row), row] as const);
  return keyed.sort(([a], [b]) => sign * (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
}

interface Props<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  id: (row: T) => string;
  sort?: string | undefined;
  onSort?: (sort: string) => void;
  chosen?: ReadonlySet<string>;
  onChoose?: (chosen: ReadonlySet<string>) => void;
  /** How wide it is at least, before it scrolls sideways. */
  least?: string;
  className?: string;
}

export function DataTable<T>({ label, rows, columns, id, sort, onSort, chosen, onChoose, least = "48rem", className = "" }: Props<T>) {
  const host = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => sorted(rows, columns, sort), [rows, columns, sort]);
  const list = useVirtualizer({ count: shown.length, getScrollElement: () => host.current, estimateSize: () => ROW_PX, overscan: OVERSCAN });
  const grid = useMemo(() => `${onChoose === undefined ? "" : "1.5rem "}${columns.map(({ width }) => width).join(" ")}`, [columns, onChoose]);
  // The same function for the whole life of the table: rows that did not change are not drawn again.
  const latest = useRef({ chosen, onChoose });
  latest.current = { chosen, onChoose };
  const choose = useCallback((one: string): void => {
    const next = new Set(latest.current.chosen);
    if (!next.delete(one)) next.add(one);
    latest.current.onChoose?.(next);
  }, []);
  const all = chosen !== undefined && shown.length > 0 && shown.every((row) => chosen.has(id(row)));
  return (
    <div ref={host} tabIndex={0} className={`min-h-0 overflow-auto rounded-lg border border-line bg-panel ${className}`}>
      <div role="table" aria-label={label} aria-rowcount={shown.length + 1} style={{ minWidth: least }}>
        <div role="row" style={{ gridTemplateColumns: grid }} className="sticky top-0 z-10 grid gap-3 border-b border-line bg-panel px-3 py-1.5 text-xs text-soft">
          {onChoose !== undefined && <span role="columnheader"><input type="checkbox" aria-label={all ? "choose none" : `choose all ${shown.length}`} checked={all} onChange={() => onChoose(all ? new Set() : new Set(shown.map(id)))} /></span>}
          {columns.map(({ name, key }) => (
            <span role="columnheader" key={name} aria-sort={sort === name ? "ascending" : sort === `-${name}` ? "descending" : undefined} className="truncate">
              {key === undefined || onSort === undefined ? name : <button type="button" onClick={() => onSort(sort === name ? `-${name}` : name)} className="hover:text-ink">{name} {sort === name ? "↑" : sort === `-${name}` ? "↓" : ""}</button>}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map(({ index, start }) => {
            const row = shown[index] as T;
            return <Line key={id(row)} row={row} columns={columns} grid={grid} top={start} index={index} name={id(row)} chosen={chosen?.has(id(row))} onChoose={onChoose === undefined ? undefined : choose} />;
          })}
        </div>
      </div>
    </div>
  );
}

interface LineProps<T> {
  row: T;
  columns: readonly Column<T>[];
  grid: string;
  top: number;
  index: number;
  name: string;
  chosen: boolean | undefined;
  onChoose: ((name: string) => void) | undefined;
}

// What a row is chosen by changes with each choice, and only the row that is touched has to know.
const Line = memo(function Line<T>({ row, columns, grid, top, index, name, chosen, onChoose }: LineProps<T>) {
  return (
    <div role="row" aria-rowindex={index + 2} style={{ gridTemplateColumns: grid, position: "absolute", top, height: ROW_PX, width: "100%" }} className="grid items-center gap-3 border-b border-line/50 px-3 text-sm hover:bg-raised">
      {onChoose !== undefined && <span role="cell"><input type="checkbox" aria-label={`choose ${name}`} checked={chosen} onChange={() => onChoose(name)} /></span>}
      {columns.map(({ name: column, show }) => <span role="cell" key={column} className="min-w-0 truncate">{show(row)}</span>)}
    </div>
  );
}) as <T>(props: LineProps<T>) => ReactNode;
