// Every page and its address. What a page is filtered by stands in the address, so that it can be sent to somebody.

import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { CONSOLE } from "./base";
import type { IncidentState } from "./api/queries";
import type { BandName } from "./ui/atoms";
import { Findings } from "./pages/findings";
import { Incidents } from "./pages/incidents";
import { Ledger } from "./pages/ledger";
import { Mission } from "./pages/mission";
import { NodePage } from "./pages/node";
import { Nodes } from "./pages/nodes";
import { Verify } from "./pages/verify";
import { Shell } from "./shell";

type Given = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === "string" || typeof value === "number" ? String(value) : undefined);
const oneOf = <T extends string>(value: unknown, words: readonly T[]): T | undefined => words.find((word) => word === value);
/** Leaves out what is not given: an address says no more than it has to. */
function given<T extends object>(search: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}

const BANDS: readonly BandName[] = ["OK", "ATTN", "CRIT"];
const STATES: readonly IncidentState[] = ["open", "acked", "resolved", "all"];

const root = createRootRoute({
  component: Shell,
  validateSearch: (search: Given) => given({ at: text(search["at"]) }),
});

export const missionRoute = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: Mission,
  validateSearch: (search: Given) => given({ node: text(search["node"]), band: oneOf(search["band"], BANDS), q: text(search["q"]) }),
});
export const nodesRoute = createRoute({
  getParentRoute: () => root,
  path: "/nodes",
  component: Nodes,
  validateSearch: (search: Given) => given({ band: oneOf(search["band"], BANDS), q: text(search["q"]), sort: text(search["sort"]) }),
});
export const nodeRoute = createRoute({ getParentRoute: () => root, path: "/nodes/$id", component: NodePage });
export const incidentsRoute = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  component: Incidents,
  validateSearch: (search: Given) => given({ state: oneOf(search["state"], STATES), q: text(search["q"]), id: text(search["id"]) }),
});
export const findingsRoute = createRoute({
  getParentRoute: () => root,
  path: "/findings",
  component: Findings,
  validateSearch: (search: Given) => given({ q: text(search["q"]) }),
});
export const ledgerRoute = createRoute({
  getParentRoute: () => root,
  path: "/ledger",
  component: Ledger,
  validateSearch: (search: Given) => given({ kind: text(search["kind"]), seq: text(search["seq"]) }),
});
const verifyRoute = createRoute({ getParentRoute: () => root, path: "/verify", component: Verify });

export const router = createRouter({
  routeTree: root.addChildren([missionRoute, nodesRoute, nodeRoute, incidentsRoute, findingsRoute, ledgerRoute, verifyRoute]),
  basepath: CONSOLE,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
