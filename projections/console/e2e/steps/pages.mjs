// Every page, in both themes: nothing grave for people with other senses, nothing too wide.

import assert from "node:assert/strict";

export async function pages(stage) {
  const { service } = stage;
  const PAGES = [
    "", "/dashboard", "/nodes", `/nodes/${service.nodes[0]}`, "/incidents", "/findings", "/findings?view=scans", "/commands", "/rollouts", "/schedules", "/policies", "/enrol",
    "/ledger", "/ledger?view=proofs", "/audit", "/verify", "/keys", "/slos", "/usage", "/tasks", "/settings", "/nodes?at=1",
  ];

  await stage.step("no page has a serious fault for people with other senses", async () => {
    for (const [theme, width] of [["dark", 1440], ["light", 1440]]) {
      const page = await stage.signedIn({ colorScheme: theme, bypassCSP: true, viewport: { width, height: 900 } });
      for (const path of PAGES) {
        await page.goto(stage.at(path));
        await page.locator("main h1").first().waitFor();
        await page.waitForTimeout(400);
        await stage.photograph(page, `${path.replace(service.nodes[0], "one").replaceAll(/\W+/g, "-").replace(/^-/, "") || "mission"}-${theme}-${width}`);
        const wide = await stage.wide(page);
        assert(wide <= 0, `${path || "/"} is ${wide} px wider than ${width} px`);
        assert.deepEqual(await stage.grave(page), [], `${path || "/"} ${theme} ${width}`);
      }
      await page.context().close();
    }
  });
}
