// What pages ask of the service, by one name each. `at` is the point in time the whole console is looked at from.

import type { Json } from "vaultmesh-verify";
import { keepPreviousData, queryOptions, type QueryClient } from "@tanstack/react-query";
import { follow } from "./fleet";
import type { LiveEntry } from "./stream";
import { answer, client, type Row } from "./client";

/** A seq or a time of RFC 3339; absent: now. */
export type At = string | undefined;

const as_of = (at: At): { as_of?: string } => (at === undefined ? {} : { as_of: at });
/** The present moves; the past stays. */
const fresh = (at: At) => ({ staleTime: at === undefined ? 5_000 : Infinity, placeholderData: keepPreviousData });

export const PAGE = 500;
/** Lists that people read end here; the filter finds the rest. */
const MOST = 5_000;

/** All pages of a list, up to what anybody reads. */
async function pages<T>(one: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; next_cursor: string | null }>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null | undefined; cursor !== null && items.length < MOST; ) {
    const page: { items: T[]; next_cursor: string | null } = await one({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

const given = <T extends object>(filter: T): T => Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as T;

/** Who asks. A person's session may end by the provider's word, so that is asked again and again. */
export const me = () => queryOptions({ queryKey: ["me"], queryFn: () => answer(client.GET("/api/me")), staleTime: 30_000, refetchInterval: 30_000 });

/** Organisations that were made, and those that the first nodes name: enough to choose from; any other can be named in the address. */
export const orgs = () =>
  queryOptions({
    queryKey: ["orgs"],
    queryFn: async () => {
      const [made, nodes] = await Promise.all([answer(client.GET("/api/orgs")), answer(client.GET("/api/nodes", { params: { query: { limit: PAGE } } }))]);
      return [...new Set([...made.items.map(({ org }) => org), ...nodes.items.map(({ org }) => org)])];
    },
    staleTime: 60_000,
  });

/** Organisations that were made, with their names. */
export const organisations = () => queryOptions({ queryKey: ["orgs", "made"], queryFn: async () => (await answer(client.GET("/api/orgs"))).items });

export const members = (org: string) => queryOptions({ queryKey: ["members", org], queryFn: async () => (await answer(client.GET("/api/orgs/{org}/members", { params: { path: { org } } }))).items });

/** Who people are, as their providers have it; whoever sees the ledger's own organisation alone may know. */
export const people = () =>
  queryOptions({
    queryKey: ["members", "people"],
    queryFn: async () => {
      const found = await pages((page) => answer(client.GET("/api/events", { params: { query: { kind: "user", order: "asc", ...page } as never } })));
      return new Map(found.map(({ event, payload }) => [event.author, payload as { email?: string; name?: string; issuer: string; subject: string }] as const));
    },
  });

export const invitations = (org: string) => queryOptions({ queryKey: ["members", org, "invitations"], queryFn: async () => (await answer(client.GET("/api/orgs/{org}/invitations", { params: { path: { org } } }))).items });

export const signInRules = (org: string) => queryOptions({ queryKey: ["members", org, "rules"], queryFn: async () => (await answer(client.GET("/api/orgs/{org}/sign-in-rules", { params: { path: { org } } }))).items });

export const identityProviders = () => queryOptions({ queryKey: ["members", "providers"], queryFn: async () => (await answer(client.GET("/api/identity-providers"))).items });

export const ledger = () => queryOptions({ queryKey: ["ledger"], queryFn: () => answer(client.GET("/api/ledger")), staleTime: 5_000 });

export const witnesses = () => queryOptions({ queryKey: ["witnesses"], queryFn: () => answer(client.GET("/api/ledger/witnesses")), staleTime: 15_000 });

export const node = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, at],
    queryFn: async () => (await answer(client.GET("/api/nodes/{id}", { params: { path: { id }, query: as_of(at) } }))).node,
    ...fresh(at),
  });

export const nodeEvents = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "events", at],
    queryFn: async () => (await answer(client.GET("/api/nodes/{id}/events", { params: { path: { id }, query: { ...as_of(at), limit: 60 } } }))).items,
    ...fresh(at),
  });

export const nodeScan = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "scan", at],
    queryFn: () => answer(client.GET("/api/nodes/{id}/scans", { params: { path: { id }, query: as_of(at) } })),
    ...fresh(at),
  });

export const nodePolicy = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "policy", at],
    queryFn: async () => (await answer(client.GET("/api/nodes/{id}/policy", { params: { path: { id }, query: as_of(at) } }))).policy,
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

export const incidents = (at: At, filter: { state?: IncidentState | undefined; node_id?: string | undefined; q?: string | undefined; org?: string | undefined } = {}) =>
  queryOptions({
    queryKey: ["incidents", at, filter],
    queryFn: async () => (await answer(client.GET("/api/incidents", { params: { query: { ...as_of(at), ...given(filter), limit: PAGE } as never } }))).items,
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

export const silences = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["silences", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/silences", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

/** What scans find, the same on many nodes as one. */
export const groupedFindings = (at: At, filter: { q?: string | undefined; severity?: Row<"Severity"> | undefined; org?: string | undefined } = {}) =>
  queryOptions({
    queryKey: ["findings", "grouped", at, filter],
    queryFn: () => pages((page) => answer(client.GET("/api/findings/grouped", { params: { query: { ...as_of(at), ...given(filter), ...page } as never } }))),
    ...fresh(at),
  });

export const acceptances = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["findings", "acceptances", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/acceptances", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

export const findings = (at: At, filter: { q?: string | undefined; node_id?: string | undefined; org?: string | undefined } = {}) =>
  queryOptions({
    queryKey: ["findings", at, filter],
    queryFn: () => pages((page) => answer(client.GET("/api/findings", { params: { query: { ...as_of(at), ...given(filter), ...page } as never } }))),
    ...fresh(at),
  });

export const scans = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["scans", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/scans", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

export const commands = (at: At, filter: { org?: string | undefined; node_id?: string | undefined; state?: Row<"CommandState"> | undefined } = {}) =>
  queryOptions({
    queryKey: ["commands", at, filter],
    queryFn: async () => (await answer(client.GET("/api/commands", { params: { query: { ...as_of(at), ...given(filter), limit: PAGE } as never } }))).items,
    ...fresh(at),
  });

export const command = (hash: string, at: At) =>
  queryOptions({
    queryKey: ["commands", hash, at],
    queryFn: async () => (await answer(client.GET("/api/commands/{hash}", { params: { path: { hash }, query: as_of(at) } }))).command,
    ...fresh(at),
  });

export const rollouts = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["rollouts", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/rollouts", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

export const schedules = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["schedules", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/schedules", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

export const policies = (at: At, org: string | undefined) =>
  queryOptions({
    queryKey: ["policies", at, org],
    queryFn: () => pages((page) => answer(client.GET("/api/policies", { params: { query: { ...as_of(at), ...given({ org }), ...page } as never } }))),
    ...fresh(at),
  });

export const keys = (org: string, at: At, filter: { status?: Row<"KeyState"> | undefined; q?: string | undefined } = {}) =>
  queryOptions({
    queryKey: ["keys", org, at, filter],
    queryFn: () => pages((page) => answer(client.GET("/api/orgs/{org}/keys", { params: { path: { org }, query: { ...as_of(at), ...given(filter), ...page } as never } }))),
    ...fresh(at),
  });

export const keysSummary = (org: string, at: At) =>
  queryOptions({
    queryKey: ["keys", org, "summary", at],
    queryFn: () => answer(client.GET("/api/orgs/{org}/keys/summary", { params: { path: { org }, query: as_of(at) } })),
    ...fresh(at),
  });

export const usage = (org: string, at: At) =>
  queryOptions({
    queryKey: ["usage", org, at],
    queryFn: () => pages((page) => answer(client.GET("/api/orgs/{org}/usage/summary", { params: { path: { org }, query: { ...as_of(at), ...page } as never } }))),
    ...fresh(at),
  });

export type Step = "hour" | "day";

export const slos = (org: string, at: At, step: Step = "hour") =>
  queryOptions({
    queryKey: ["slos", org, at, step],
    queryFn: () => pages((page) => answer(client.GET("/api/orgs/{org}/slo-summary", { params: { path: { org }, query: { ...as_of(at), step, ...page } as never } }))),
    ...fresh(at),
  });

export const nodeSlos = (id: string, at: At) =>
  queryOptions({
    queryKey: ["node", id, "slos", at],
    queryFn: () => pages((page) => answer(client.GET("/api/nodes/{id}/slo-summary", { params: { path: { id }, query: { ...as_of(at), step: "hour", ...page } as never } }))),
    ...fresh(at),
  });

export const audit = (org: string, at: At, filter: { kind?: string | undefined; cursor?: string | undefined } = {}) =>
  queryOptions({
    queryKey: ["audit", org, at, filter],
    queryFn: () => answer(client.GET("/api/orgs/{org}/audit", { params: { path: { org }, query: { ...as_of(at), ...given(filter), limit: 100 } as never } })),
    ...fresh(at),
  });

export const enrolmentTokens = (org: string) =>
  queryOptions({
    queryKey: ["enrolment", org],
    queryFn: async () => (await answer(client.GET("/api/orgs/{org}/nodes/enrollment-tokens", { params: { path: { org } } }))).items,
  });

export const tokens = () => queryOptions({ queryKey: ["tokens"], queryFn: async () => (await answer(client.GET("/api/tokens"))).items });

export const webhooks = (org: string, at: At) =>
  queryOptions({
    queryKey: ["webhooks", org, at],
    queryFn: async () => (await answer(client.GET("/api/orgs/{org}/webhooks", { params: { path: { org }, query: as_of(at) } }))).items,
    ...fresh(at),
  });

const NO_RULES: { rules?: { [name: string]: Json }; seq?: number; at?: string } = {};

/** The rules of attention in force; without `rules` they are the built-in ones. */
export const ruleset = (org: string) =>
  queryOptions({
    queryKey: ["ruleset", org],
    queryFn: async () => {
      const [found] = (await answer(client.GET("/api/events", { params: { query: { kind: "ruleset", org, limit: 1, order: "desc" } } }))).items;
      return found === undefined ? NO_RULES : { rules: found.payload as { [name: string]: Json }, seq: found.seq, at: found.recorded_at };
    },
  });

export const tasks = () => queryOptions({ queryKey: ["tasks"], queryFn: async () => (await answer(client.GET("/api/tasks"))).items, refetchInterval: 5_000 });

export interface EventFilter {
  kind?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  node_id?: string | undefined;
  org?: string | undefined;
  cursor?: string | undefined;
  limit?: number;
}

export const events = (filter: EventFilter) =>
  queryOptions({
    queryKey: ["events", filter],
    queryFn: () => answer(client.GET("/api/events", { params: { query: { limit: 100, ...given(filter), order: "desc" } as never } })),
    placeholderData: keepPreviousData,
  });

/** Up to an entry or a time, as `GET /api/events` takes it. What is looked at as of N includes N. */
export const until = (at: At): { until?: string } => (at === undefined ? {} : { until: /^\d+$/.test(at) ? `seq:${Number(at) + 1}` : at });

/** Which of the present's answers entries of a kind may change, beyond what is about the node itself. */
const TOUCHES: Record<string, readonly string[]> = {
  acceptance: ["findings", "scans", "incidents"], baseline: ["scans"], scan: ["findings", "scans"],
  attention: ["incidents"], ack: ["incidents"], assign: ["incidents"], incident: ["incidents"], note: ["incidents"], reopen: ["incidents"], resolve: ["incidents"], tag: ["incidents"],
  silence: ["incidents", "silences"],
  command: ["commands", "rollouts", "schedules"], receipt: ["commands", "rollouts"],
  rollout: ["rollouts"], "rollout-wave": ["rollouts"], schedule: ["schedules"], "schedule-run": ["schedules"],
  member: ["members", "me"], org: ["orgs", "me"], "sign-in-rule": ["members"], "identity-provider": ["members"], user: ["members"],
  policy: ["policies"], key: ["keys", "enrolment", "orgs"], "key-rotation": ["keys"], "key-status": ["keys"], enrolment: ["enrolment"],
  token: ["tokens"], webhook: ["webhooks"], notice: ["webhooks"], usage: ["usage"], slo: ["slos"], ruleset: ["ruleset"],
};
/** What people and the authority do is in the audit. */
const NOT_AUDITED = new Set(["heartbeat", "slo", "usage", "receipt", "scan", "attention", "service", "notice", "seal", "goodbye"]);
/** The same answer is asked for again at most so often because of the stream. */
const AGAIN_MS = 1_000;

let touched = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Asks again for what new entries may have changed. */
export function invalidate(queries: QueryClient, entries: LiveEntry[], gap: boolean): void {
  if (gap) {
    void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey.every((part) => !isPast(part)) });
    return;
  }
  follow(queries, entries);
  if (entries.length > 0) touched.add("ledger");
  for (const { event } of entries) {
    TOUCHES[event.kind]?.forEach((name) => touched.add(name));
    if (!NOT_AUDITED.has(event.kind)) touched.add("audit");
    const node = event.node_id ?? (event.author.startsWith("node:") ? event.author.slice(5) : undefined);
    if (node !== undefined) touched.add(`node ${node}`);
  }
  if (touched.size > 0) timer ??= setTimeout(() => {
    const names = touched;
    [touched, timer] = [new Set(), undefined];
    void queries.invalidateQueries({
      predicate: ({ queryKey: [name, ...rest] }) => (names.has(String(name)) || (name === "node" && names.has(`node ${String(rest[0])}`))) && rest.every((part) => !isPast(part)),
    });
  }, AGAIN_MS);
}

const isPast = (part: unknown): boolean => typeof part === "string" && (/^\d+$/.test(part) || /^\d{4}-\d\d-\d\dT/.test(part));
