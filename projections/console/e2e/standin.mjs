// A service in front of a real one that has as many nodes as are asked for, each with a heartbeat every so often: its lists and its
// stream are copies of one real node's, so that the browser has all of the work and the machine little. What is proved is the
// real service's.

import { once } from "node:events";
import { createServer, request } from "node:http";

const BANDS = { CRIT: 0.01, ATTN: 0.04, OK: 0.95 };
const REASONS = ["disk-nearly-full", "offline", "finding-high", "services-failed"];
/** Between two pieces of the stream, as the service has it. */
const PACE_MS = 50;

const idOf = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

export class StandIn {
  #streams = new Set();
  #seq = 0;

  constructor(service, nodes, intervalSecs) {
    Object.assign(this, { service, nodes, intervalSecs });
  }

  async start() {
    const { items: [node] } = await this.service.call("GET", "/api/nodes?limit=1");
    const { items: [beat] } = await this.service.call("GET", "/api/events?kind=heartbeat&limit=1&order=desc");
    this.#seq = (await this.service.call("GET", "/api/ledger")).size;
    this.beat = beat;
    this.lists = Object.fromEntries(Object.entries(BANDS).map(([band, share], n) => [band, this.#list(node, band, Math.round(share * this.nodes), n * this.nodes)]));
    this.all = Object.values(this.lists).flat().map(({ node_id }) => node_id);
    const real = new URL(this.service.url);
    this.server = createServer((asked, answer) => {
      const url = new URL(asked.url, real);
      if (url.pathname === "/api/nodes") return this.#page(url.searchParams, answer);
      if (url.pathname === "/events") return this.#stream(answer);
      const onward = request({ host: real.hostname, port: real.port, method: asked.method, path: asked.url, headers: asked.headers }, (said) => {
        answer.writeHead(said.statusCode, said.headers);
        said.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      asked.pipe(onward);
    }).listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    this.timer = setInterval(() => this.#tell(), PACE_MS);
  }

  end() {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    this.server.close();
  }

  #list(node, band, count, from) {
    return Array.from({ length: count }, (_, n) => ({
      ...node, node_id: idOf(from + n), band, score: band === "OK" ? 0 : 90 - (n % 60), labels: { env: n % 3 === 0 ? "lab" : "prod", zone: "abcd"[n % 4] },
      heartbeat: { ...node.heartbeat, hostname: `host-${String(from + n).padStart(5, "0")}` },
      reasons: band === "OK" ? [] : [{ ...(node.reasons?.[0] ?? {}), reason: REASONS[n % 4], since: node.heard?.recorded_at ?? this.beat.recorded_at, weight: 40 }],
    }));
  }

  #page(asked, answer) {
    const list = asked.has("band") ? (this.lists[asked.get("band")] ?? []) : Object.values(this.lists).flat();
    const [from, limit] = [Number(asked.get("cursor") ?? 0), Number(asked.get("limit") ?? 100)];
    const next = from + limit < list.length ? String(from + limit) : null;
    answer.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    answer.end(JSON.stringify({ items: list.slice(from, from + limit), next_cursor: next }));
  }

  #stream(answer) {
    answer.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    this.#streams.add(answer);
    answer.on("close", () => this.#streams.delete(answer));
  }

  /** So many heartbeats as are due. */
  #tell() {
    this.due = (this.due ?? 0) + (this.nodes / this.intervalSecs) * (PACE_MS / 1000);
    let text = "";
    for (; this.due >= 1; this.due--) {
      const id = this.all[this.#seq % this.all.length];
      const seq = this.#seq++;
      const entry = { ...this.beat, seq, recorded_at: new Date().toISOString(), event: { ...this.beat.event, author: `node:${id}`, node_id: id } };
      text += `id: ${seq}\ndata: ${JSON.stringify(entry)}\n\n`;
    }
    this.#streams.forEach((stream) => stream.write(text));
  }
}
