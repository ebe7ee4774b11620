// Gives every page something to show, over the public API alone.

const HOUR = 3_600_000;

/** Ids that follow from a number. */
const uuid = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** Outcomes of operations, as a node would report them, over the last hours. */
function outcomes(node, now) {
  return Array.from({ length: 20 }, (_, n) => ({
    kind: "slo", org: "acme", node_id: node, ts: new Date(now - n * HOUR).toISOString(),
    payload: {
      from: new Date(now - n * HOUR).toISOString(), to: new Date(now - n * HOUR + 60_000).toISOString(),
      counts: [
        { component: "gateway", operation: "admit", outcome: "allow", count: 120 - 3 * n },
        { component: "gateway", operation: "admit", outcome: "deny", count: n % 5 },
        { component: "gateway", operation: "admit", outcome: "throttle", count: n % 3 },
        { component: "store", operation: "write", outcome: "ok", count: 40 + n },
      ],
    },
  }));
}

/** What scans found: the same of all nodes, and one of one. */
function scan(node, now, more = []) {
  const findings = [
    { id: "sshd-permit-root-login", severity: "high", subject: "PermitRootLogin", title: "Root may sign in over SSH with a password", remediation: "Set PermitRootLogin to no." },
    { id: "updates-pending", severity: "low", subject: "apt", title: "Updates wait to be installed", remediation: "Install them." },
    ...more,
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  const counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };
  findings.forEach(({ severity }) => (counts[severity] += 1));
  const time = new Date(now).toISOString();
  return { kind: "scan", org: "acme", node_id: node, ts: time, payload: { counts, duration_ms: 8_120, findings, root: "/", simulated: false, started_at: time, unchecked: [] } };
}

const WORLD_WRITABLE = { id: "world-writable", severity: "medium", subject: "/srv/shared", title: "Everybody may write to a directory", remediation: "Take the right away, or set the sticky bit." };

function uses(now) {
  const metrics = [["decisions", 51_200], ["dig_files", 340], ["snapshot_exports", 7], ["storage_bytes", 12_884_901_888], ["api_calls", 8_150]];
  return ["prod", "lab"].flatMap((tenant, n) => metrics.map(([metric, quantity]) => ({ kind: "usage", org: "acme", tenant, ts: new Date(now).toISOString(), payload: { metric, product: "runtime", quantity: Math.floor(quantity / (n + 1)) } })));
}

/** Fills a service whose nodes have enrolled; `nodes` are their ids. */
export async function fill(service, nodes) {
  const now = Date.now();
  const [one, two] = nodes;
  const say = (draft) => service.call("POST", "/api/events", draft);
  await say({ kind: "labels", org: "acme", node_id: one, payload: { labels: { env: "prod", zone: "a" } } });
  await say({ kind: "labels", org: "acme", node_id: two, payload: { labels: { env: "lab", zone: "b" } } });
  await service.lines("/api/import?source=gateway", outcomes(one, now));
  await service.lines("/api/import?source=meter", uses(now));
  await service.lines("/api/import?source=scanner", nodes.map((node, n) => scan(node, now, n === 0 ? [WORLD_WRITABLE] : [])));
  await service.call("POST", "/api/orgs/acme/policies", { selector: "env=prod", document: { format: "vaultmesh-policy-v1", mode: "observe", allow: { scan: {} } } });
  await service.call("POST", "/api/commands", { node_id: two, command: "run", parameters: { template: "greet" }, text: "Does it answer?" });
  await service.call("POST", "/api/commands", { node_id: one, command: "run", parameters: { template: "greet" }, approvals: 1, ttl_secs: 3_600, text: "After the maintenance." });
  await service.call("PUT", `/api/schedules/${uuid(1)}`, { name: "nightly scan", org: "acme", command: "scan", when: { cron: "30 2 * * *" }, catch_up: "once" });
  await service.call("PUT", `/api/schedules/${uuid(2)}`, { name: "greeting of production", org: "acme", command: "run", parameters: { template: "greet" }, selector: "env=prod", when: { every_secs: 30 } });
  await service.call("POST", "/api/rollouts", { name: "greet all", org: "acme", command: "run", parameters: { template: "greet" }, waves: [{ count: 1 }, { percent: 100 }], approvals: 1 });
  await service.call("POST", "/api/orgs/acme/webhooks", { url: "https://pager.example.com/hook" });
  await service.call("POST", "/api/tokens", { org: "acme", role: "auditor", label: "the auditor's" });
  await say({ kind: "incident", org: "acme", severity: "critical", node_id: one, payload: { title: "The array has lost a disk.", text: "Slot 3." } });
  await service.call("POST", "/api/ledger/seal");
}
