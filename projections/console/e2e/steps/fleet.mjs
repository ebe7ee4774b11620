// Signing in, letting nodes in, looking at them, doing something to many.

import assert from "node:assert/strict";

export async function fleet(stage) {
  const { service } = stage;
  const page = await stage.newPage();

  await stage.step("a wrong token is told, the right one leads to the fleet", async () => {
    await page.goto(stage.at(""));
    await page.fill("#token", "vmt1.00000000-0000-4000-8000-000000000000." + "0".repeat(64));
    await page.click("button[type=submit]");
    await page.getByText("unknown, ended or revoked").waitFor();
    await stage.signIn(page);
    await page.getByText("Total").locator("..").getByText("2", { exact: true }).waitFor();
    await page.getByText("● live").waitFor();
  });

  await stage.step("a heartbeat that is recorded now is in the feed and proved by the page", async () => {
    await page.getByLabel("heartbeats").check();
    await page.getByText("heartbeat", { exact: true }).first().waitFor();
    await page.getByText("everything about it").click();
    await page.getByText("check", { exact: true }).first().click();
    await page.getByText("● proved").first().waitFor();
  });

  await stage.step("a node is let in by the wizard and appears while one looks", async () => {
    await page.goto(stage.at("/enrol"));
    await page.getByLabel("Organisation", { exact: true }).fill("acme");
    await page.getByRole("button", { name: "make a token" }).click();
    const line = await page.getByTestId("line").innerText();
    await page.getByText("waiting for 1 node").waitFor();
    service.nodes.push(await service.agent("three", /--token (\S+)/.exec(line)[1]));
    await page.getByText("it reports").waitFor();
    await page.getByText("● proved").nth(1).waitFor();
  });

  await stage.step("nodes are filtered by text, band and labels, and the view is kept", async () => {
    await page.goto(stage.at("/nodes"));
    await page.getByText("3 nodes", { exact: true }).waitFor();
    await page.getByLabel("labels: env=prod").fill("env=prod");
    await page.getByText("1 node of 3").waitFor();
    assert(page.url().includes("labels=env"), page.url());
    await page.getByRole("button", { name: "save this view" }).click();
    await page.getByLabel("name of the view").fill("production");
    await page.keyboard.press("Enter");
    await page.getByLabel("labels: env=prod").fill("env=(");
    await page.getByRole("alert").waitFor();
    await page.goto(stage.at("/nodes"));
    await page.getByRole("link", { name: "production" }).click();
    await page.getByText("1 node of 3").waitFor();
  });

  await stage.step("an act on many says of how many, and what became of each", async () => {
    await page.goto(stage.at("/nodes"));
    await page.getByLabel("choose all 3").check();
    await page.getByText("3 nodes chosen").waitFor();
    await page.getByRole("button", { name: "label", exact: true }).click();
    const said = await stage.confirm(page, "label", { Labels: "team=core" }, false);
    assert.match(said, /Done for 3 nodes/);
    await page.goto(stage.at("/nodes?labels=team%3Dcore"));
    await page.getByText("3 nodes", { exact: true }).waitFor();
  });

  await stage.step("the past is marked, says what changed since, and cannot be changed", async () => {
    await page.goto(stage.at("/nodes?at=1"));
    await page.getByText("nothing here is how it is now").waitFor();
    await page.getByText("No node is enrolled yet").waitFor();
    await page.getByText("3 have come").waitFor();
    await page.getByText("▲ as of", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Commands" }).click();
    assert(page.url().includes("at=1"), page.url());
    assert(await page.getByRole("button", { name: "give a command" }).isDisabled());
    await page.getByRole("button", { name: "back to now" }).click();
    await page.getByRole("link", { name: "Nodes" }).click();
    await page.getByText("3 nodes", { exact: true }).waitFor();
  });
  await page.context().close();
}
