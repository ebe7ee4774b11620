// The console in Debian's Chromium, against a real service and real agents.
//
//   node run.mjs [path of the executable `ledger`] [folder for screenshots]
//
// Exit code 0 if every step held. Needs `chromium` on the PATH.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Service } from "./service.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [executable = "target/debug/ledger", pictures] = process.argv.slice(2);
const service = new Service(executable);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const problems = [];
let steps = 0;

async function step(name, work) {
  const from = Date.now();
  await work();
  steps += 1;
  console.log(`console: ${name}, ${Date.now() - from} ms`);
}

async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(`an error in the page: ${error}`));
  page.on("console", (message) => {
    // What the network refuses is part of some steps; what the policy refuses is a fault.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) problems.push(`the page says: ${message.text()}`);
  });
  return page;
}

const at = (path) => `${service.url}/console${path}`;

async function signIn(page) {
  await page.goto(at(""));
  await page.fill("#token", service.token);
  await page.click("button[type=submit]");
  await page.getByText("Needs a look").waitFor();
}

const PAGES = ["", "/nodes", "/incidents", "/findings", "/ledger", "/verify"];

async function photograph(page, name) {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

try {
  await service.start(service.data, "--init");
  await service.agent("one");
  await service.agent("two");
  const page = await newPage();
  let bundle;

  await step("a wrong token is told, the right one leads to the fleet", async () => {
    await page.goto(at(""));
    await page.fill("#token", "vmt1.00000000-0000-4000-8000-000000000000." + "0".repeat(64));
    await page.click("button[type=submit]");
    await page.getByText("unknown, ended or revoked").waitFor();
    await signIn(page);
    await page.getByText("Total").locator("..").getByText("2", { exact: true }).waitFor();
    await page.getByText("● live").waitFor();
  });

  await step("a heartbeat that is recorded now is in the feed and proved by the page", async () => {
    await page.getByLabel("heartbeats").check();
    await page.getByText("heartbeat", { exact: true }).first().waitFor();
    await page.getByText("everything about it").click();
    await page.getByText("check", { exact: true }).first().click();
    await page.getByText("● proved").first().waitFor();
  });

  await step("an incident is acknowledged with a remark and resolved, each act proved", async () => {
    await service.call("POST", "/api/events", { kind: "incident", org: "acme", severity: "high", payload: { title: "The disk is loud." } });
    await page.goto(at("/incidents"));
    await page.getByText("The disk is loud.").first().click();
    await page.getByLabel("remark").fill("On my way.");
    await page.getByRole("button", { name: "acknowledge" }).click();
    await page.getByText("Nothing is open.").waitFor();
    await page.getByRole("link", { name: "acked", exact: true }).click();
    await page.getByText("Acked", { exact: true }).waitFor();
    await page.getByRole("button", { name: "resolve" }).click();
    await page.getByText("There is none.").waitFor();
    await page.getByRole("link", { name: "resolved", exact: true }).click();
    await page.getByText("Resolved", { exact: true }).waitFor();
    await page.getByText("check", { exact: true }).last().click();
    await page.getByText("● proved").first().waitFor();
  });

  await step("a bundle that is saved verifies, and a changed one does not", async () => {
    await page.goto(at("/ledger?seq=1"));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "save its bundle" }).click()]);
    bundle = readFileSync(await download.path());
    const changed = Buffer.from(bundle);
    const place = changed.indexOf('"recorded_at":"') + 20;
    changed[place] ^= 1;
    const [good, bad] = ["good.json", "bad.json"].map((name) => join(service.work, name));
    writeFileSync(good, bundle);
    writeFileSync(bad, changed);
    await page.goto(at("/verify"));
    await page.setInputFiles("input[type=file][multiple]:not([webkitdirectory])", good);
    await page.getByText("● Verified").waitFor();
    await page.setInputFiles("input[type=file][multiple]:not([webkitdirectory])", bad);
    await page.getByText("◆ Does not verify").waitFor();
  });

  await step("the past is marked and has no nodes", async () => {
    await page.goto(at("/nodes?at=1"));
    await page.getByText("nothing here is how it is now").waitFor();
    await page.getByText("No node is enrolled yet").waitFor();
    await page.getByRole("button", { name: "back to now" }).click();
    await page.getByText("2 nodes").waitFor();
  });

  await step("keys lead from page to page and to the search", async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.getByRole("heading", { name: "Ledger" }).waitFor();
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "search");
  });

  await step("no page has a serious fault for people with other senses or on a small screen", async () => {
    for (const [theme, width] of [["dark", 1440], ["light", 1440], ["dark", 390], ["light", 390]]) {
      const other = await newPage({ colorScheme: theme, bypassCSP: true, viewport: { width, height: width === 390 ? 844 : 900 } });
      await signIn(other);
      for (const path of PAGES) {
        await other.goto(at(path));
        await other.locator("main").waitFor();
        await other.waitForTimeout(700);
        await photograph(other, `${path.slice(1) || "mission"}-${theme}-${width}`);
        // The list of nodes has more columns than a small screen; it scrolls by itself.
        const wide = await other.evaluate(() => Math.max(...[document.documentElement, document.querySelector("main")].map((one) => one.scrollWidth - one.clientWidth)));
        assert(wide <= 0, `${path || "/"} is ${wide} px wider than ${width} px`);
        if (width !== 1440) continue;
        await other.evaluate(AXE);
        const { violations } = await other.evaluate(() => globalThis.axe.run());
        const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        assert.deepEqual(grave.map(({ id, nodes }) => `${path || "/"} ${theme}: ${id}: ${nodes[0].html}`), []);
      }
      await other.context().close();
    }
  });

  await step("the stream is taken up again after a restart", async () => {
    await page.goto(at(""));
    await page.getByText("● live").waitFor();
    await service.stop();
    await page.getByText("reconnecting").waitFor();
    await service.start();
    await page.getByText("● live").waitFor();
  });

  await step("a ledger that was put back is seen by the browser that comes back", async () => {
    await service.stop();
    const old = service.copy();
    await service.start();
    const { size } = await service.call("GET", "/api/ledger");
    await page.getByText("proved here to extend").waitFor();
    await page.waitForFunction((least) => Number(/checkpoint of (\d+)/.exec(document.body.innerText)?.[1] ?? 0) > least, size);
    await service.stop();
    // Its agents would make it grow again.
    await service.start(old);
    await page.reload();
    await page.getByText("not the one this browser has seen").waitFor();
  });

  assert.deepEqual(problems, []);
  console.log(`console: ${steps} passed, 0 failed`);
} catch (error) {
  console.error(error);
  problems.forEach((problem) => console.error(problem));
  process.exitCode = 1;
} finally {
  await browser.close();
  service.end();
}
