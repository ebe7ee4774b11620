// What pages ask of the service, by one name each. `at` is the point in time the whole console is looked at from.

import { keepPreviousData, queryOptions, type QueryClient } from "@tanstack/react-query";
import type { LiveEntry } from "./live";
import { answer, client, type Row } from "./client";

/** A seq or a time of RFC 3339; absent: now. */
export type At = string | undefined;

const as_of = (at: At): { as_of?: string } => (at === undefined ? {} : { as_of: at });
/** The present moves; the past stays. */
const fresh = (at: At) => ({ staleTime: at === undefined ? 5_000 : Infinity, placeholderData: keepPreviousData });

export const PAGE = 500;

export const me = () => queryOptions({ queryKey: ["me"], queryFn: () => answer(client.GET("/api/me")), staleTime: 60_000 });

export const ledger = () => queryOptions({ queryKey: ["ledger"], queryFn: () => answer(client.GET("/api/ledger")), staleTime: 5_000 });

/** Every node, page by page: an answer holds at most 500. */
export const nodes = (at: At, filter: { q?: string; band?: Row<"Band"> } = {}) =>
  queryOptions({
    queryKey: ["nodes", at, filter],
    queryFn: async () => {
      const items: Row<"Node">[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const query = { ...as_of(at), ...filter, limit: PAGE, ...(cursor === "" ? {} : { cursor }) };
        const page: { items: Row<"Node">[]; next_cursor: string | null } = await answer(client.GET("/api/nodes", { params: { query } }));
        items.push(...page.items);
        cursor = page.next_cursor;
      }
      return items;
    },
    ...fresh(at),
  });

export const node = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, at],
    queryFn: async () => (await answer(client.GET("/api/nodes/{id}", { params: { path: { id }, query: as_of(at) } }))).node,
    ...fresh(at),
  });

export const nodeEvents = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "events", at],
    queryFn: async () =>
      (await answer(client.GET("/api/nodes/{id}/events", { params: { path: { id }, query: { ...as_of(at), limit: 60 } } }))).items,
    ...fresh(at),
  });

export const nodeScan = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "scan", at],
    queryFn: () => answer(client.GET("/api/nodes/{id}/scans", { params: { path: { id }, query: as_of(at) } })),
    ...fresh(at),
  });

export type Metric = Row<"MetricName">;

export const metrics = (id: string, metric: Metric, at: At) =>
  queryOptions({
    queryKey: ["node", id, "metrics", metric, at],
    queryFn: () => answer(client.GET("/api/nodes/{id}/metrics", { params: { path: { id }, query: { metric, ...as_of(at) } } })),
    ...fresh(at),
  });

export type IncidentState = "open" | "acked" | "resolved" | "all";

export const incidents = (at: At, filter: { state?: IncidentState; node_id?: string; q?: string } = {}) =>
  queryOptions({
    queryKey: ["incidents", at, filter],
    queryFn: async () =>
      (await answer(client.GET("/api/incidents", { params: { query: { ...as_of(at), ...filter, limit: PAGE } } }))).items,
    ...fresh(at),
  });

// Lists leave out what was said of an incident.
export const whole_incident = (id: string, at: At) =>
  queryOptions({
    queryKey: ["incidents", at, id],
    queryFn: async () =>
      (await answer(client.GET("/api/incidents/{id}", { params: { path: { id }, query: as_of(at) } }))).incident,
    ...fresh(at),
  });

export const findings = (at: At, filter: { q?: string; node_id?: string } = {}) =>
  queryOptions({
    queryKey: ["findings", at, filter],
    queryFn: async () =>
      (await answer(client.GET("/api/findings", { params: { query: { ...as_of(at), ...filter, limit: PAGE } } }))).items,
    ...fresh(at),
  });

export const events = (query: { kind?: string; since?: string; cursor?: string }) =>
  queryOptions({
    queryKey: ["events", query],
    queryFn: () => answer(client.GET("/api/events", { params: { query: { ...query, limit: 100, order: "desc" } } })),
    placeholderData: keepPreviousData,
  });

/** Which of the present's answers entries of a kind may change. */
const TOUCHES: Record<string, readonly string[]> = {
  heartbeat: ["nodes", "node"],
  attention: ["nodes", "node", "incidents"],
  scan: ["findings", "node"],
};
const OF_INCIDENTS = new Set(["ack", "assign", "incident", "note", "reopen", "resolve", "silence", "tag"]);

/** Asks again for what new entries may have changed. */
export function invalidate(queries: QueryClient, entries: LiveEntry[]): void {
  const touched = new Set<string>(["ledger"]);
  for (const { event } of entries) {
    if (OF_INCIDENTS.has(event.kind)) touched.add("incidents");
    else (TOUCHES[event.kind] ?? ["nodes", "node"]).forEach((name) => touched.add(name));
  }
  void queries.invalidateQueries({
    predicate: ({ queryKey: [name, ...rest] }) => touched.has(String(name)) && rest.every((part) => !isPast(part)),
  });
}

const isPast = (part: unknown): boolean => typeof part === "string" && (/^\d+$/.test(part) || /^\d{4}-\d\d-\d\dT/.test(part));
