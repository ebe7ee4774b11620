// Every page and its address. What a page is filtered by stands in the address, so that it can be sent to somebody. A page
// is loaded when it is gone to.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, retainSearchParams } from "@tanstack/react-router";
import { CONSOLE } from "./base";
import type { IncidentState, Step } from "./api/queries";
import type { Row } from "./api/client";
import type { BandName } from "./ui/atoms";
import { Lost } from "./pages/lost";
import { Mission } from "./pages/mission";
import { Shell } from "./shell";

type Given = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const oneOf = <T extends string>(value: unknown, words: readonly T[]): T | undefined => words.find((word) => word === value);
/** Leaves out what is not given: an address says no more than it has to. */
function given<T extends object>(search: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}

const BANDS: readonly BandName[] = ["OK", "ATTN", "CRIT"];
const STATES: readonly IncidentState[] = ["open", "acked", "resolved", "all"];
const SEVERITIES: readonly Row<"Severity">[] = ["critical", "high", "medium", "low"];
const COMMANDS: readonly Row<"CommandState">[] = ["issued", "approved", "running", "succeeded", "failed", "refused", "cancelled", "expired"];
const KEYS: readonly Row<"KeyState">[] = ["active", "superseded", "revoked", "compromised"];
const STEPS: readonly Step[] = ["hour", "day"];

/** From when, and of which organisation, stays the same from page to page. */
interface Everywhere {
  at?: string | undefined;
  org?: string | undefined;
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: Lost,
  validateSearch: (search: Given): Everywhere => given({ at: text(search["at"]), org: text(search["org"]) }),
  search: { middlewares: [retainSearchParams(["at", "org"])] },
});

const missionRoute = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: Mission,
  validateSearch: (search: Given) => given({ node: text(search["node"]), band: oneOf(search["band"], BANDS) }),
});
const dashboardRoute = createRoute({ getParentRoute: () => root, path: "/dashboard", component: lazyRouteComponent(() => import("./pages/dashboard"), "Dashboard") });
const nodesRoute = createRoute({
  getParentRoute: () => root,
  path: "/nodes",
  component: lazyRouteComponent(() => import("./pages/nodes"), "Nodes"),
  validateSearch: (search: Given) => given({ band: oneOf(search["band"], BANDS), q: text(search["q"]), labels: text(search["labels"]), sort: text(search["sort"]) }),
});
const nodeRoute = createRoute({ getParentRoute: () => root, path: "/nodes/$id", component: lazyRouteComponent(() => import("./pages/node"), "NodePage") });
const incidentsRoute = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  component: lazyRouteComponent(() => import("./pages/incidents"), "Incidents"),
  validateSearch: (search: Given) => given({ state: oneOf(search["state"], STATES), q: text(search["q"]), id: text(search["id"]) }),
});
const findingsRoute = createRoute({
  getParentRoute: () => root,
  path: "/findings",
  component: lazyRouteComponent(() => import("./pages/findings"), "Findings"),
  validateSearch: (search: Given) => given({ q: text(search["q"]), severity: oneOf(search["severity"], SEVERITIES), view: oneOf(search["view"], ["findings", "scans", "accepted"]), sort: text(search["sort"]), id: text(search["id"]) }),
});
const commandsRoute = createRoute({
  getParentRoute: () => root,
  path: "/commands",
  component: lazyRouteComponent(() => import("./pages/commands"), "Commands"),
  validateSearch: (search: Given) => given({ state: oneOf(search["state"], COMMANDS), q: text(search["q"]), id: text(search["id"]) }),
});
const filtered = (search: Given) => given({ q: text(search["q"]) });
const rolloutsRoute = createRoute({ getParentRoute: () => root, path: "/rollouts", component: lazyRouteComponent(() => import("./pages/rollouts"), "Rollouts"), validateSearch: filtered });
const schedulesRoute = createRoute({ getParentRoute: () => root, path: "/schedules", component: lazyRouteComponent(() => import("./pages/schedules"), "Schedules"), validateSearch: filtered });
const policiesRoute = createRoute({ getParentRoute: () => root, path: "/policies", component: lazyRouteComponent(() => import("./pages/policies"), "Policies") });
const enrolRoute = createRoute({ getParentRoute: () => root, path: "/enrol", component: lazyRouteComponent(() => import("./pages/enrol"), "Enrol") });
const ledgerRoute = createRoute({
  getParentRoute: () => root,
  path: "/ledger",
  component: lazyRouteComponent(() => import("./pages/ledger"), "Ledger"),
  validateSearch: (search: Given) => given({ view: oneOf(search["view"], ["entries", "proofs"]), kind: text(search["kind"]), seq: text(search["seq"]), since: text(search["since"]), node: text(search["node"]) }),
});
const auditRoute = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  component: lazyRouteComponent(() => import("./pages/audit"), "Audit"),
  validateSearch: (search: Given) => given({ kind: text(search["kind"]) }),
});
const verifyRoute = createRoute({ getParentRoute: () => root, path: "/verify", component: lazyRouteComponent(() => import("./pages/verify"), "Verify") });
const keysRoute = createRoute({
  getParentRoute: () => root,
  path: "/keys",
  component: lazyRouteComponent(() => import("./pages/keys"), "Keys"),
  validateSearch: (search: Given) => given({ status: oneOf(search["status"], KEYS), q: text(search["q"]), id: text(search["id"]) }),
});
const slosRoute = createRoute({
  getParentRoute: () => root,
  path: "/slos",
  component: lazyRouteComponent(() => import("./pages/slos"), "Slos"),
  validateSearch: (search: Given) => given({ step: oneOf(search["step"], STEPS), q: text(search["q"]) }),
});
const usageRoute = createRoute({ getParentRoute: () => root, path: "/usage", component: lazyRouteComponent(() => import("./pages/usage"), "Usage"), validateSearch: filtered });
const tasksRoute = createRoute({ getParentRoute: () => root, path: "/tasks", component: lazyRouteComponent(() => import("./pages/tasks"), "Tasks") });
const membersRoute = createRoute({ getParentRoute: () => root, path: "/members", component: lazyRouteComponent(() => import("./pages/members"), "Members") });
const orgsRoute = createRoute({ getParentRoute: () => root, path: "/orgs", component: lazyRouteComponent(() => import("./pages/organisations"), "Organisations") });
const settingsRoute = createRoute({ getParentRoute: () => root, path: "/settings", component: lazyRouteComponent(() => import("./pages/settings"), "Settings") });

export const router = createRouter({
  routeTree: root.addChildren([
    missionRoute, dashboardRoute, nodesRoute, nodeRoute, incidentsRoute, findingsRoute, commandsRoute, rolloutsRoute, schedulesRoute,
    policiesRoute, enrolRoute, ledgerRoute, auditRoute, verifyRoute, keysRoute, slosRoute, usageRoute, tasksRoute, membersRoute, orgsRoute, settingsRoute,
  ]),
  basepath: CONSOLE,
  // Every parameter is a text, and stands in the address as it is.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === "string")).toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
