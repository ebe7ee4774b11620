// What every step needs: a browser beside a service, and a way to say what went wrong.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export class Stage {
  problems = [];
  steps = 0;

  static async open(service, pictures) {
    const stage = new Stage();
    stage.service = service;
    stage.pictures = pictures;
    stage.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    return stage;
  }

  at(path) {
    return `${this.service.url}/console${path}`;
  }

  async step(name, work) {
    const from = Date.now();
    try {
      await work();
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    }
    this.steps += 1;
    console.log(`console: ${name}, ${Date.now() - from} ms`);
  }

  /** A page of a browser that knows nothing yet. */
  async newPage(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => this.problems.push(`an error in the page: ${error}`));
    page.on("console", (message) => {
      // What the network refuses is part of some steps; what the policy refuses is a fault.
      if (message.type() === "error" && !message.text().includes("Failed to load resource")) this.problems.push(`the page says: ${message.text()}`);
    });
    return page;
  }

  async signIn(page, token = this.service.token, path = "") {
    await page.goto(this.at(path));
    await page.fill("#token", token);
    await page.click("button[type=submit]");
    await page.locator("#page").waitFor();
  }

  /** A page that is signed in. */
  async signedIn(options, token) {
    const page = await this.newPage(options);
    await this.signIn(page, token);
    return page;
  }

  /** Fills the form of the dialog that is open, confirms it, and waits for its proof. */
  async confirm(page, button, fields = {}, proof = true) {
    const dialog = page.getByRole("dialog");
    for (const [label, value] of Object.entries(fields)) {
      const field = dialog.getByLabel(label, { exact: false }).first();
      if ((await field.evaluate((one) => one.tagName)) === "SELECT") await field.selectOption(value);
      else await field.fill(value);
    }
    await dialog.getByRole("button", { name: button, exact: true }).click();
    if (proof) await dialog.getByText("● proved").first().waitFor();
    await dialog.getByRole("button", { name: "close" }).waitFor();
    const said = await dialog.innerText();
    await dialog.getByRole("button", { name: "close" }).click();
    return said;
  }

  async photograph(page, name) {
    if (this.pictures === undefined) return;
    mkdirSync(this.pictures, { recursive: true });
    await page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** What axe finds grave on a page. */
  async grave(page) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
  }

  /** How many pixels a page is wider than its window. */
  wide(page) {
    return page.evaluate(() => Math.max(...[document.documentElement, document.querySelector("main")].map((one) => one.scrollWidth - one.clientWidth)));
  }
}
