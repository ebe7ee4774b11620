// Every page, in both themes and on both screens: nothing grave for people with other senses, nothing too wide.

import assert from "node:assert/strict";

export async function pages(stage) {
  const { service } = stage;
  const PAGES = [
    "", "/dashboard", "/nodes", `/nodes/${service.nodes[0]}`, "/incidents", "/findings", "/findings?view=scans", "/commands", "/rollouts", "/schedules", "/policies", "/enrol",
    "/ledger", "/ledger?view=proofs", "/audit", "/verify", "/keys", "/slos", "/usage", "/tasks", "/members", "/orgs", "/settings", "/nodes?at=1",
  ];

  await stage.step("no page has a serious fault for people with other senses or on a small screen", async () => {
    for (const [theme, width] of [["dark", 1440], ["light", 1440], ["dark", 390], ["light", 390]]) {
      const page = await stage.signedIn({ colorScheme: theme, bypassCSP: true, viewport: { width, height: width === 390 ? 844 : 900 } });
      for (const path of PAGES) {
        await page.goto(stage.at(path));
        await page.locator("main h1").first().waitFor();
        await page.waitForTimeout(400);
        await stage.photograph(page, `${path.replace(service.nodes[0], "one").replaceAll(/\W+/g, "-").replace(/^-/, "") || "mission"}-${theme}-${width}`);
        const wide = await stage.wide(page);
        assert(wide <= 0, `${path || "/"} is ${wide} px wider than ${width} px`);
        if (width === 1440 || theme === "dark") assert.deepEqual(await stage.grave(page), [], `${path || "/"} ${theme} ${width}`);
      }
      await page.context().close();
    }
  });

  await stage.step("the main paths go by keys alone", async () => {
    const page = await stage.signedIn();
    await page.getByText("● live").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await page.getByRole("heading", { name: "Ledger" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("The array");
    await page.getByRole("option", { name: /The array has lost a disk/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Incidents" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("7");
    await page.getByRole("option", { name: "entry 7" }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("n");
    await page.getByRole("heading", { name: "Nodes" }).waitFor();
    await page.keyboard.press("f");
    await page.keyboard.type("DebianVault");
    await page.getByRole("row").nth(1).waitFor();
    // From the filter to the first node, and into it.
    const name = page.getByRole("row").nth(1).getByRole("link").first();
    for (let n = 0; n < 60 && !(await name.evaluate((one) => one === document.activeElement)); n++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("What it says").waitFor();
    const give = page.getByRole("button", { name: "give a command" });
    for (let n = 0; n < 60 && !(await give.evaluate((one) => one === document.activeElement)); n++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert(await give.evaluate((one) => one === document.activeElement), "the focus comes back");
    await page.context().close();
  });
}
