// A service with its own directory, and agents that report to it: the real executable, on this machine.

import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What the agents let themselves be told: enough for a receipt that says more than a refusal. */
const POLICY = `[allow.scan]
[allow.apply-policy]
[allow.run]
templates = ["greet"]
[template.greet]
program = "/bin/echo"
arguments = ["all is well here"]
`;

export class Service {
  #processes = [];
  constructor(ledger) {
    this.ledger = resolve(ledger);
    this.work = mkdtempSync(join(tmpdir(), "vaultmesh-console-"));
    this.data = join(this.work, "data");
    this.address = "127.0.0.1:0";
    this.policy = join(this.work, "policy.toml");
    writeFileSync(this.policy, POLICY);
  }

  get token() {
    return readFileSync(join(this.data, "owner.token"), "utf8").trim();
  }

  /** Starts it, where it was before if it was started before. */
  async start(data = this.data, ...more) {
    const service = spawn(this.ledger, ["serve", "--listen", this.address, "-o", "json", "--data", data, ...more], { stdio: ["ignore", "pipe", "ignore"] });
    this.#processes.push(service);
    for await (const line of createInterface({ input: service.stdout })) {
      this.url = JSON.parse(line).listening;
      this.address = new URL(this.url).host;
      break;
    }
    if (this.url === undefined) throw new Error("the service did not start");
    this.service = service;
  }

  /** Stops it and waits for its last seal. */
  async stop() {
    const ended = new Promise((done) => this.service.once("exit", done));
    this.service.kill("SIGTERM");
    await ended;
  }

  copy() {
    const to = join(this.work, "copy");
    cpSync(this.data, to, { recursive: true, filter: (path) => !path.endsWith("admin.sock") });
    return to;
  }

  async call(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }

  /** A token of an organisation, made by the owner. */
  async tokenOf(role, label = role, org = "acme") {
    return this.call("POST", "/api/tokens", { org, role, label });
  }

  /** Sends rows as lines of JSON. */
  async lines(path, rows) {
    const answer = await fetch(this.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/x-ndjson" },
      body: rows.map((row) => JSON.stringify(row)).join("\n"),
    });
    const { results } = await answer.json();
    const refused = results?.find(({ problem }) => problem !== undefined);
    if (!answer.ok || refused !== undefined) throw new Error(`${path}: ${answer.status} ${JSON.stringify(refused)}`);
  }

  /** Enrols a node and starts its agent; the node's id. */
  async agent(name, given) {
    const token = given ?? (await this.call("POST", "/api/orgs/acme/nodes/enrollment-tokens", { uses: 1 })).token;
    const state = join(this.work, name);
    const said = execFileSync(this.ledger, ["agent", "enroll", "--url", this.url, "--token", token, "--state-dir", state], { stdio: ["ignore", "pipe", "ignore"] });
    this.#processes.push(spawn(this.ledger, ["agent", "run", "--state-dir", state], { stdio: "ignore", env: { ...process.env, VAULTMESH_HEARTBEAT_SECS: "2", VAULTMESH_SCAN_SECS: "0", VAULTMESH_POLICY: this.policy } }));
    return JSON.parse(said.toString()).node_id;
  }

  /** Starts a real provider of sign-in, and believes it: whoever is in its group has a role in two organisations. */
  async provider() {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address();
    await new Promise((done) => probe.close(done));
    // It looks for its packages from where it lies.
    const here = fileURLToPath(new URL(".", import.meta.url));
    symlinkSync(join(here, "node_modules"), join(this.work, "node_modules"));
    cpSync(join(here, "../../../ledger/cli/tests/providers/provider.mjs"), join(this.work, "provider.mjs"));
    const started = spawn("node", [join(this.work, "provider.mjs"), String(port), `${this.url}/sign-in/callback`, `${this.url}/sign-in/back-channel`], { stdio: ["ignore", "pipe", "ignore"] });
    this.#processes.push(started);
    await once(started.stdout, "data");
    started.stdout.resume();
    const issuer = `http://127.0.0.1:${port}`;
    await this.call("PUT", "/api/identity-providers/company", { issuer, audiences: ["console"], client_id: "console" });
    for (const [org, name, role, id] of [["acme", "Acme Ltd", "org_admin", 1], ["beta", "Beta Ltd", "viewer", 2]]) {
      await this.call("POST", "/api/orgs", { org, name });
      await this.call("PUT", `/api/orgs/${org}/sign-in-rules/00000000-0000-4000-8000-00000000000${id}`, { provider: "company", claim: "groups", value: "acme-admins", role });
    }
    return issuer;
  }

  end() {
    for (const one of this.#processes) one.kill("SIGKILL");
    // Whatever was killed may have been writing a moment ago.
    rmSync(this.work, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
