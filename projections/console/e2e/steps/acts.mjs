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
  await page.context().close();
}
