// What people do: each act says what it will do, and is proved afterwards.

import assert from "node:assert/strict";

export async function acts(stage) {
  const { service } = stage;
  const page = await stage.signedIn();
  const [one] = service.nodes;

  await stage.step("a command is given, carried out, and its receipt proved", async () => {
    await page.goto(stage.at(`/nodes/${one}`));
    await page.getByRole("button", { name: "give a command" }).click();
    await page.locator("select[name=command]").selectOption("run");
    await page.getByLabel("Parameters").fill("template=greet");
    const says = await page.getByRole("dialog").innerText();
    assert.match(says, /ledger commands issue \w+ run --param template=greet/);
    await stage.confirm(page, "give a command");
    await page.goto(stage.at("/commands?state=succeeded"));
    await page.getByText("all is well here").waitFor();
    await page.getByRole("region", { name: "receipt" }).getByRole("button", { name: "check" }).click();
    await page.getByRole("region", { name: "receipt" }).getByText("● proved").waitFor();
  });

  await stage.step("a command that needs approval is approved by somebody else, not by whoever gave it", async () => {
    await page.goto(stage.at("/commands?state=issued"));
    await page.getByRole("button", { name: "approve", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "approve", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    const { token } = await service.tokenOf("node_admin");
    const other = await stage.newPage();
    await stage.signIn(other, token, "/commands?state=issued");
    await other.getByRole("button", { name: "approve", exact: true }).click();
    await stage.confirm(other, "approve");
    await other.goto(stage.at("/rollouts"));
    await other.getByRole("button", { name: "approve", exact: true }).click();
    await stage.confirm(other, "approve");
    await other.getByText("waiting", { exact: true }).waitFor({ state: "hidden" });
    await other.context().close();
  });

  await stage.step("an incident is answered with the browser's own key, each act proved", async () => {
    await page.goto(stage.at("/incidents"));
    await page.getByRole("button", { name: "org_owner" }).click();
    await page.getByRole("button", { name: "make a device key" }).click();
    await stage.confirm(page, "make a device key");
    await page.keyboard.press("Escape");
    await page.getByText("The array has lost a disk.").first().click();
    await page.getByText("You sign this with the key of this browser.").waitFor();
    await page.getByLabel("remark").fill("On my way.");
    await page.getByRole("button", { name: "acknowledge", exact: true }).click();
    await page.getByRole("list", { name: "incidents" }).getByText("The array has lost a disk.").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "acked", exact: true }).click();
    await page.getByText("The array has lost a disk.").first().click();
    await page.getByText(/by user:/).waitFor();
    await page.getByRole("button", { name: "resolve", exact: true }).click();
    await page.getByRole("button", { name: "resolved", exact: true }).click();
    await page.getByText("The array has lost a disk.").first().click();
    await page.getByText("Resolved", { exact: true }).waitFor();
    await page.getByRole("button", { name: "check" }).last().click();
    await page.getByText("● proved").first().waitFor();
    await page.getByRole("button", { name: "reopen", exact: true }).click();
    await page.getByRole("button", { name: "open", exact: true }).click();
    await page.getByText("The array has lost a disk.").first().waitFor();
    const [{ event }] = (await service.call("GET", "/api/events?kind=reopen")).items;
    assert(event.author.startsWith("user:") && event.chain.seq === 2, JSON.stringify(event));
  });

  await stage.step("a finding of many nodes is one, is accepted and counts again", async () => {
    await page.goto(stage.at("/findings"));
    await page.getByText("Root may sign in over SSH").click();
    await page.getByText("2 nodes").first().waitFor();
    await page.getByRole("button", { name: "accept it" }).first().click();
    await stage.confirm(page, "accept it", { Why: "The bastion does it." });
    await page.goto(stage.at("/findings?view=accepted"));
    await page.getByText("The bastion does it.").waitFor();
    await page.getByRole("button", { name: "withdraw", exact: true }).click();
    await stage.confirm(page, "withdraw");
    await page.getByText("Nothing is accepted").waitFor();
  });

  await stage.step("a schedule is made and ended", async () => {
    await page.goto(stage.at("/schedules"));
    await page.getByRole("button", { name: "make a schedule" }).click();
    await page.getByRole("dialog").getByText(/at present 3 nodes of acme/).waitFor();
    await stage.confirm(page, "make a schedule", { Name: "weekly scan", "Times, in UTC": "0 4 * * 0" });
    await page.getByText("weekly scan", { exact: true }).waitFor();
    await page.getByRole("region", { name: "weekly scan" }).getByRole("button", { name: "end it" }).click();
    await stage.confirm(page, "end it");
    await page.getByText("weekly scan", { exact: true }).waitFor({ state: "hidden" });
  });

  await stage.step("a policy is assigned with the number of its nodes, and withdrawn", async () => {
    await page.goto(stage.at("/policies"));
    await page.getByRole("button", { name: "assign a policy" }).click();
    await page.getByLabel("Nodes, by labels").fill("env=lab");
    await page.getByRole("dialog").getByText("at present: 1 node").waitFor();
    await stage.confirm(page, "assign a policy");
    await page.getByText("2 assignments", { exact: true }).waitFor();
    await page.getByRole("button", { name: "withdraw", exact: true }).first().click();
    await stage.confirm(page, "withdraw");
    await page.getByText("1 assignment", { exact: true }).waitFor();
  });

  await stage.step("a token is shown once, a webhook made, rules rehearsed before they are saved", async () => {
    await page.goto(stage.at("/settings"));
    await page.getByRole("button", { name: "make a token" }).click();
    const said = await stage.confirm(page, "make a token", { "What it is for": "a dashboard", Organisation: "acme" });
    assert.match(said, /vmt1\.[0-9a-f-]{36}\.[0-9a-f]{64}/);
    await page.getByText("a dashboard").waitFor();
    assert(!(await page.content()).includes(/vmt1\.[0-9a-f-]{36}\.[0-9a-f]{64}/.exec(said)[0]), "the token is still there");
    const rules = page.getByLabel("All rules that are not as built in");
    await rules.fill('{"reasons":{"boredom":{"weight":1}}}');
    await page.getByRole("button", { name: "rehearse", exact: true }).click();
    await page.getByText("no reason is called boredom").waitFor();
    await rules.fill('{"posture_cap": 40}');
    assert(await page.getByRole("button", { name: "save", exact: true }).isDisabled());
    await page.getByRole("button", { name: "rehearse", exact: true }).click();
    await page.getByText("Over the whole history").waitFor();
    await page.getByRole("button", { name: "save", exact: true }).click();
    await stage.confirm(page, "save");
    await page.getByText(/set .* entry \d+/).waitFor();
  });

  await stage.step("a key is revoked, and its node is warned of", async () => {
    const last = service.nodes.at(-1);
    await page.goto(stage.at(`/keys?q=${last}`));
    await page.getByRole("button", { name: "revoke or compromise" }).click();
    await stage.confirm(page, "revoke or compromise", { Why: "The machine was sold." });
    await page.getByText(/without a valid key/).waitFor();
    await page.goto(stage.at(`/nodes/${last}`));
    await page.getByText("Its key is valid no longer").waitFor();
    await page.goto(stage.at("/audit?kind=key-status"));
    await page.getByRole("button", { name: /check all/ }).click();
    await page.getByText("● proved").first().waitFor();
  });
  await page.context().close();
}
