// A service with its own directory, and agents that report to it: the real executable, on this machine.

import { spawn, execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export class Service {
  #processes = [];
  constructor(ledger) {
    this.ledger = resolve(ledger);
    this.work = mkdtempSync(join(tmpdir(), "vaultmesh-console-"));
    this.data = join(this.work, "data");
    this.address = "127.0.0.1:0";
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
    return answer.json();
  }

  /** Enrols a node and starts its agent. */
  async agent(name) {
    const { token } = await this.call("POST", "/api/orgs/acme/nodes/enrollment-tokens", { uses: 1 });
    const state = join(this.work, name);
    execFileSync(this.ledger, ["agent", "enroll", "--url", this.url, "--token", token, "--state-dir", state], { stdio: "ignore" });
    this.#processes.push(spawn(this.ledger, ["agent", "run", "--state-dir", state], { stdio: "ignore", env: { ...process.env, VAULTMESH_INTERVAL: "2" } }));
  }

  end() {
    for (const one of this.#processes) one.kill("SIGKILL");
    rmSync(this.work, { recursive: true, force: true });
  }
}
