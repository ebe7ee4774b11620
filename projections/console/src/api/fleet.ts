// The nodes of the fleet, as many as there are: read page by page, the worst first, shown while they come, and kept up by
// the stream instead of being read again. Of each node only what lists show is kept.

import { queryOptions, useQuery, type QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { answer, client, type Row } from "./client";
import type { LiveEntry } from "./stream";

export interface Member {
  id: string;
  name: string;
  org: string;
  tenant: string | undefined;
  band: Row<"Band">;
  score: number;
  silence: Row<"Liveness">;
  /** The heaviest few. */
  reasons: Row<"AttentionReason">[];
  /** How many reasons there are beyond those. */
  more: number;
  profile: string;
  version: string;
  policy: string | undefined;
  labels: Readonly<Record<string, string>>;
  /** Whether its key is valid. */
  enrolled: boolean;
  heard: Row<"LogPosition"> | undefined;
  /** What a search looks through, in small letters. */
  text: string;
}

export interface Fleet {
  rows: Member[];
  /** Whether there are more, which are still being read. */
  partial: boolean;
}

const PAGE = 500;
const REASONS_KEPT = 4;
const BANDS: readonly Row<"Band">[] = ["CRIT", "ATTN", "OK"];
/** The present is read anew so often, for what changes without an entry; a large fleet less often. */
const AGAIN_MS = 60_000;
const AGAIN_LARGE_MS = 300_000;
const LARGE = 2_000;
/** While a list comes for the first time, it is shown so often. */
const SHOW_EVERY_MS = 300;
/** More nodes than this changed at once: the whole list is asked for. */
const MAX_SINGLE = 40;

export function member(node: Row<"Node">): Member {
  const beat = (node.heartbeat ?? {}) as Partial<Row<"Heartbeat">> & { agent_version?: string; policy_hash?: string };
  const name = node.name ?? beat.hostname ?? node.node_id.slice(0, 8);
  const labels = node.labels ?? {};
  return {
    id: node.node_id, name, org: node.org, tenant: node.tenant, band: node.band, score: node.score, silence: node.silence,
    reasons: node.reasons.slice(0, REASONS_KEPT),
    more: Math.max(0, node.reasons.length - REASONS_KEPT) + (node.more_reasons ?? 0),
    profile: beat.os_profile ?? "", version: beat.agent_version ?? "", policy: beat.policy_hash, labels,
    enrolled: node.key !== undefined && node.key.ended === undefined,
    heard: node.heard,
    text: `${name} ${node.node_id} ${node.org} ${node.tenant ?? ""} ${beat.os_profile ?? ""} ${Object.entries(labels).map((pair) => pair.join("=")).join(" ")}`.toLowerCase(),
  };
}

const key = (at: string | undefined, org: string | undefined) => ["fleet", at, org] as const;

export const fleet = (queries: QueryClient, at: string | undefined, org: string | undefined) =>
  queryOptions({
    queryKey: key(at, org),
    queryFn: async ({ signal }): Promise<Fleet> => {
      const isFirst = queries.getQueryData(key(at, org)) === undefined;
      const rows: Member[] = [];
      let shown = 0;
      for (const band of BANDS) {
        for (let cursor: string | null | undefined; cursor !== null; ) {
          const query = { band, limit: PAGE, ...(at === undefined ? {} : { as_of: at }), ...(org === undefined ? {} : { org }), ...(cursor === undefined ? {} : { cursor }) };
          const page: { items: Row<"Node">[]; next_cursor: string | null } = await answer(client.GET("/api/nodes", { params: { query }, signal }));
          page.items.forEach((node) => rows.push(member(node)));
          cursor = page.next_cursor;
          if (!isFirst || rows.length === 0 || Date.now() - shown < SHOW_EVERY_MS) continue;
          shown = Date.now();
          queries.setQueryData<Fleet>(key(at, org), { rows: [...rows], partial: true });
        }
      }
      // A node that changed its band between two pages came twice, or comes with the next change.
      const once = new Map(rows.map((row) => [row.id, row]));
      return { rows: [...once.values()], partial: false };
    },
    staleTime: at === undefined ? AGAIN_MS : Infinity,
    refetchInterval: ({ state }) => (at !== undefined ? false : (state.data?.rows.length ?? 0) > LARGE ? AGAIN_LARGE_MS : AGAIN_MS),
    // Structural sharing would compare every member of ten thousand nodes.
    structuralSharing: false,
  });

export function useFleet(queries: QueryClient, at: string | undefined, org: string | undefined): { data: Fleet | undefined; error: Error | null } {
  const { data, error } = useQuery(fleet(queries, at, org));
  return { data, error };
}

const indexes = new WeakMap<readonly Member[], ReadonlyMap<string, Member>>();

/** The nodes of a list by their ids. */
export function byId(rows: readonly Member[]): ReadonlyMap<string, Member> {
  const found = indexes.get(rows) ?? new Map(rows.map((row) => [row.id, row]));
  indexes.set(rows, found);
  return found;
}

// When each node was last heard of stands beside the list: it changes all the time, and the list's order does not.
const beats = new Map<string, Row<"LogPosition">>();
const waiting = new Map<string, Set<() => void>>();

function beat(id: string, mark: Row<"LogPosition">): void {
  beats.set(id, mark);
  waiting.get(id)?.forEach((listener) => listener());
}

/** When a node was last heard of, by the list or by the stream. */
export function useHeard(node: Pick<Member, "id" | "heard">, past: boolean): Row<"LogPosition"> | undefined {
  const live = useSyncExternalStore(
    (listener) => {
      const all = waiting.get(node.id) ?? new Set();
      waiting.set(node.id, all.add(listener));
      return () => {
        all.delete(listener);
        if (all.size === 0) waiting.delete(node.id);
      };
    },
    () => beats.get(node.id),
  );
  return past || live === undefined || (node.heard !== undefined && node.heard.seq > live.seq) ? node.heard : live;
}

const SELF = new Set(["heartbeat", "goodbye", "scan", "slo", "receipt", "chain-open", "chain-gap", "witness-key"]);
/** Kinds after which a node may stand otherwise. */
const MOVES = new Set(["attention", "acceptance", "goodbye", "key", "key-rotation", "key-status", "labels", "scan", "silence", "policy"]);

/** The node that an entry is about. */
export function about({ event, payload }: LiveEntry): string | undefined {
  if (event.node_id !== undefined) return event.node_id;
  const author = event.kind === "key" ? String((payload as { author?: string } | undefined)?.author ?? "") : event.author;
  return author.startsWith("node:") ? author.slice(5) : undefined;
}

/** Brings the present's lists up to what the stream says. */
export function follow(queries: QueryClient, entries: LiveEntry[]): void {
  const moved = new Set<string>();
  const known = queries.getQueriesData<Fleet>({ queryKey: ["fleet", undefined] }).flatMap(([, fleet]) => (fleet === undefined ? [] : [fleet]));
  // The next heartbeat of a node that was silent changes how it is shown; that of one that is new says its name.
  const isSilent = (id: string): boolean =>
    known.some(({ rows, partial }) => {
      const row = byId(rows).get(id);
      return row === undefined ? !partial : row.silence !== "live" || row.heard === undefined;
    });
  for (const entry of entries) {
    const id = about(entry);
    if (id === undefined) continue;
    if (SELF.has(entry.event.kind)) beat(id, { seq: entry.seq, recorded_at: entry.recorded_at });
    if (MOVES.has(entry.event.kind) || (entry.event.kind === "heartbeat" && isSilent(id))) moved.add(id);
  }
  if (moved.size === 0) return;
  if (moved.size > MAX_SINGLE) void queries.invalidateQueries({ queryKey: ["fleet", undefined] });
  else void Promise.all([...moved].map((id) => answer(client.GET("/api/nodes/{id}", { params: { path: { id } } })).catch(() => undefined))).then((found) => {
    const fresh = new Map(found.flatMap((one) => (one === undefined ? [] : [[one.node.node_id, member(one.node)] as const])));
    for (const [queryKey, fleet] of queries.getQueriesData<Fleet>({ queryKey: ["fleet", undefined] })) {
      if (fleet !== undefined) queries.setQueryData<Fleet>(queryKey, patched(fleet, fresh, queryKey[2] as string | undefined));
    }
  });
}

/** The fleet with some nodes as they are now; those that are new come with it. */
export function patched(fleet: Fleet, fresh: ReadonlyMap<string, Member>, org: string | undefined): Fleet {
  const rows = fleet.rows.map((row) => fresh.get(row.id) ?? row);
  const known = new Set(fleet.rows.map(({ id }) => id));
  for (const [id, row] of fresh) if (!known.has(id) && (org === undefined || org === row.org)) rows.push(row);
  return { ...fleet, rows };
}
