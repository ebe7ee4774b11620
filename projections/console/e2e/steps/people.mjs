// People who sign in at a real provider, belong to organisations, invite others, and leave.

import assert from "node:assert/strict";

/** Fills in whatever the provider asks, until the browser is back at the console. */
async function throughProvider(page, login) {
  await page.getByRole("link", { name: /Sign in with company/ }).click();
  await page.fill("input[name=login]", login);
  await page.fill("input[name=password]", "x");
  await page.click("button[type=submit]");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.waitForURL(/\/console\//);
}

export async function people(stage) {
  const { service } = stage;
  const issuer = await service.provider();
  const ada = await stage.newPage();

  await stage.step("somebody signs in at a provider, and is back on the page they wanted", async () => {
    await ada.goto(stage.at("/keys?status=active"));
    await throughProvider(ada, "ada");
    // The provider's claims give roles in two organisations.
    await ada.getByRole("heading", { name: "Which organisation?" }).waitFor();
    await stage.photograph(ada, "which-organisation");
    await ada.getByRole("button", { name: /Acme Ltd/ }).click();
    await ada.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    const at = new URL(ada.url());
    assert.deepEqual([at.pathname, at.searchParams.get("status"), at.searchParams.get("org")], ["/console/keys", "active", "acme"]);
    await ada.getByText("● live").waitFor();
    await ada.getByRole("button", { name: /org_admin/ }).click();
    await ada.getByText("org_admin of acme").waitFor();
    await ada.keyboard.press("Escape");
  });

  await stage.step("the same person may less in another organisation, and is told so", async () => {
    await ada.goto(stage.at("/commands?org=acme"));
    assert(await ada.getByRole("button", { name: "give a command" }).isEnabled());
    await Promise.all([ada.waitForEvent("load"), ada.getByLabel("organisation").selectOption("beta")]);
    const give = ada.getByRole("button", { name: "give a command" });
    await ada.getByRole("button", { name: /viewer/ }).waitFor();
    assert(await give.isDisabled());
    assert.match(await give.getAttribute("title"), /Your role \(viewer\) may not issue commands/);
    await ada.goto(stage.at("/members?org=beta"));
    await ada.getByText("Your role (viewer) may not manage members").waitFor();
    await ada.goto(stage.at("/nodes?org=nowhere"));
    await ada.getByText("You have no role in nowhere").waitFor();
    // The one gone to last is gone to again.
    await ada.goto(stage.at("/nodes"));
    await ada.waitForURL(/org=beta/);
  });

  let link;
  await stage.step("an admin invites somebody, who takes it up with what they sign in with", async () => {
    await ada.goto(stage.at("/members?org=acme"));
    await ada.getByRole("button", { name: "invite", exact: true }).click();
    assert.deepEqual(await ada.getByRole("dialog").locator("select[name=role] option").evaluateAll((all) => all.map(({ value }) => value)), ["viewer", "auditor", "support", "node_admin", "org_admin"]);
    link = (await stage.confirm(ada, "invite", { Role: "node_admin" })).match(/http\S+#invitation=\S+/)[0];
    await ada.getByRole("region", { name: "Invitations" }).getByText("node_admin").waitFor();
    const bob = await stage.newPage();
    await bob.goto(link);
    await bob.getByText("You are invited.").waitFor();
    assert(!bob.url().includes("#"), "an invitation stays in no address");
    await throughProvider(bob, "bob");
    await bob.getByRole("button", { name: "take it up" }).click();
    await bob.getByRole("button", { name: /Acme Ltd/ }).click();
    await bob.getByText("● live").waitFor();
    await bob.getByRole("button", { name: /org_admin/ }).click();
    await bob.getByText(/node_admin.* of acme/).waitFor();
    await bob.context().close();
    // Good once.
    const eve = await stage.newPage();
    await eve.goto(link);
    await throughProvider(eve, "eve");
    await eve.getByRole("button", { name: "take it up" }).click();
    await eve.getByText("taken up").waitFor();
    await eve.getByRole("button", { name: "not now" }).click();
    await eve.getByRole("button", { name: /Acme Ltd/ }).waitFor();
    await eve.context().close();
  });

  await stage.step("roles are given and ended, but the last owner stays", async () => {
    const owner = await stage.signedIn();
    const { items } = await service.call("GET", "/api/events?kind=user&limit=10");
    const [first, second] = items.map(({ event }) => event.author);
    await owner.goto(stage.at("/members?org=acme"));
    const row = owner.getByRole("region", { name: "People" }).getByRole("listitem").filter({ hasText: "org_owner" });
    const give = async (user) => {
      await owner.getByRole("button", { name: "give a role" }).click();
      await stage.confirm(owner, "give a role", { Who: user, Role: "org_owner" });
    };
    await give(first);
    const end = row.last().getByRole("button", { name: "end" });
    await end.waitFor();
    assert(await end.isDisabled(), "the last owner can be ended");
    assert.match(await end.getAttribute("title"), /The last owner stays/);
    // By their names, for whoever may know them.
    await owner.getByText("ada@example.org").waitFor();
    await give(second);
    await row.last().getByRole("button", { name: "end" }).click();
    await stage.confirm(owner, "end");
    await owner.goto(stage.at("/orgs"));
    await owner.getByRole("button", { name: "make an organisation" }).click();
    await stage.confirm(owner, "make an organisation", { "Everything names it": "gamma", "People call it": "Gamma Ltd" });
    const gamma = owner.getByRole("listitem").filter({ hasText: "Gamma Ltd" });
    await gamma.getByRole("button", { name: "suspend" }).click();
    await stage.confirm(owner, "suspend", { Why: "unpaid" });
    await gamma.getByText("suspended").waitFor();
    await owner.context().close();
  });

  await stage.step("a session that the provider ends is over here as well", async () => {
    await ada.goto(stage.at("/audit?org=acme"));
    await ada.getByRole("heading", { name: "Audit" }).waitFor();
    const there = await ada.context().newPage();
    await there.goto(`${issuer}/session/end`);
    await there.getByRole("button", { name: "Yes, sign me out" }).click();
    await ada.getByText("Your session has ended").waitFor({ timeout: 60_000 });
    await there.close();
    await throughProvider(ada, "ada");
    await ada.getByRole("heading", { name: "Audit" }).waitFor();
    assert.match(ada.url(), /audit\?.*org=acme/);
  });

  await stage.step("whoever signs out is out, and may end the provider's session too", async () => {
    await ada.getByRole("button", { name: /org_admin|org_owner/ }).click();
    await ada.getByRole("button", { name: "sign out" }).click();
    const elsewhere = ada.getByRole("link", { name: "sign out there too" });
    await elsewhere.waitFor();
    assert((await elsewhere.getAttribute("href")).startsWith(issuer));
    await ada.reload();
    await ada.getByRole("link", { name: /Sign in with company/ }).waitFor();
    await stage.photograph(ada, "sign-in");
    await ada.goto(`${service.url}/sign-in/callback?state=x&code=y`);
    await ada.getByRole("link", { name: "Back to the console" }).click();
    await ada.getByRole("link", { name: /Sign in with company/ }).waitFor();
    await ada.context().close();
  });
}
