// How quick the console is with a large fleet. Not part of CI: figures are of the machine and of what else it does.
//
//   node measure.mjs [path of the executable `ledger`] [nodes: 10000] [minutes of memory: 3]
//
// A heartbeat of each node every 30 s. Says as JSON: what was loaded first and how long until one can work, how long frames
// took while scrolling and typing, and the memory over time. A built console is in the executable.

import { loadavg } from "node:os";
import { Service } from "./service.mjs";
import { Stage } from "./stage.mjs";
import { StandIn } from "./standin.mjs";

const [executable = "target/debug/ledger", nodes = "10000", minutes = "3"] = process.argv.slice(2);
const INTERVAL_SECS = 30;
/** How long one scrolls, and types. */
const WORK_MS = 15_000;

const load = () => Number(loadavg()[0].toFixed(1));
const quantile = (sorted, part) => Number((sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0).toFixed(1));

/** The times between frames while something is done, in milliseconds. */
async function frames(page, work) {
  await page.evaluate(() => {
    const seen = (globalThis.frameTimes = []);
    let before = performance.now();
    const next = (now) => {
      seen.push(now - before);
      before = now;
      globalThis.frame = requestAnimationFrame(next);
    };
    globalThis.frame = requestAnimationFrame(next);
  });
  const until = Date.now() + WORK_MS;
  while (Date.now() < until) await work();
  const times = await page.evaluate(() => (cancelAnimationFrame(globalThis.frame), globalThis.frameTimes));
  const sorted = times.slice(1).sort((a, b) => a - b);
  return { frames: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), worst: quantile(sorted, 1), load: load() };
}

const service = new Service(executable);
const stage = await Stage.open(service);
const said = { nodes: Number(nodes), load: load() };
let standIn;
try {
  await service.start(service.data, "--init");
  await service.agent("one");
  await new Promise((done) => setTimeout(done, 3_000));
  standIn = new StandIn({ url: service.url, call: service.call.bind(service) }, Number(nodes), INTERVAL_SECS);
  await standIn.start();
  const page = await stage.newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  let bytes = 0;
  const own = new Set();
  devtools.on("Network.responseReceived", ({ requestId, response }) => new URL(response.url).pathname.startsWith("/console") && own.add(requestId));
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => (bytes += own.has(requestId) ? encodedDataLength : 0));
  const token = service.token;
  await page.addInitScript((value) => sessionStorage.setItem("vaultmesh.token", value), token);
  let from = Date.now();
  await page.goto(`${standIn.url}/console/`);
  await page.getByText("host-00000").first().waitFor();
  Object.assign(said, { usable_ms: Date.now() - from, first_load_kib: Math.round(bytes / 1024) });
  from = Date.now();
  await page.goto(`${standIn.url}/console/nodes`);
  await page.getByText(`${Number(nodes).toLocaleString("en")} nodes`, { exact: true }).waitFor({ timeout: 60_000 });
  said.all_nodes_ms = Date.now() - from;
  await page.getByText("● live").waitFor();
  const table = page.getByRole("table", { name: "nodes" });
  await table.hover();
  said.scrolling = await frames(page, () => page.mouse.wheel(0, 600).then(() => page.waitForTimeout(30)));
  const filter = page.getByLabel("filter nodes");
  await filter.focus();
  let n = 0;
  said.typing = await frames(page, async () => {
    await page.keyboard.press(n++ % 12 < 6 ? "host-0"[n % 6] : "Backspace");
    await page.waitForTimeout(80);
  });
  await filter.fill("");
  said.heap_mib = [];
  for (let minute = 0; minute <= Number(minutes); minute++) {
    if (minute > 0) await page.waitForTimeout(60_000);
    await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    said.heap_mib.push(Number((usedSize / 1024 / 1024).toFixed(1)));
  }
  said.load_at_the_end = load();
  said.problems = stage.problems;
  console.log(JSON.stringify(said, null, 2));
} catch (error) {
  console.error(error, said);
  process.exitCode = 1;
} finally {
  standIn?.end();
  await stage.browser.close();
  service.end();
}
