// What a page looks like when something is not as it should be.

import assert from "node:assert/strict";

export async function states(stage) {
  const { service } = stage;

  await stage.step("who only reads is told what their role may not do", async () => {
    const { token } = await service.tokenOf("viewer");
    const page = await stage.signedIn({}, token);
    await page.goto(stage.at("/tasks"));
    await page.getByText("Your role does not show this.").waitFor();
    await page.goto(stage.at("/settings"));
    await page.getByText(/Your role \(viewer\) may not manage API tokens/).waitFor();
    await page.goto(stage.at("/commands"));
    assert(await page.getByRole("button", { name: "give a command" }).isDisabled());
    await page.context().close();
  });

  await stage.step("a session that ends says so and goes on where it was", async () => {
    const { token, id } = await service.tokenOf("viewer", "short-lived");
    const page = await stage.signedIn({}, token);
    await page.goto(stage.at("/keys?status=active"));
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    await service.call("DELETE", `/api/tokens/${id}`);
    await page.getByText("Your session has ended").waitFor();
    await page.fill("#token", service.token);
    await page.click("button[type=submit]");
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    assert(page.url().endsWith("/keys?status=active"), page.url());
    await page.context().close();
  });

  await stage.step("a refusal, a failure and nothing at all each have their words", async () => {
    const page = await stage.signedIn();
    await page.goto(stage.at("/nodes/00000000-0000-4000-8000-000000000000"));
    await page.getByText("There is nothing here").waitFor();
    await page.goto(stage.at("/no-such-page"));
    await page.getByText("There is no such page").waitFor();
    let fails = true;
    await page.route("**/api/rollouts*", (route) => (fails ? route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify({ code: "internal", title: "The service failed", status: 500, type: "/problems/internal", detail: "The cause is in its log." }) }) : route.continue()));
    await page.goto(stage.at("/rollouts"));
    await page.getByText("The cause is in its log.").waitFor();
    fails = false;
    await page.getByRole("button", { name: "try again" }).click();
    await page.getByText("greet all", { exact: true }).waitFor();
    await page.route("**/api/schedules*", (route) => route.abort());
    await page.goto(stage.at("/schedules"));
    await page.getByText("The service does not answer.").waitFor();
    await page.goto(stage.at("/ledger?since=nonsense"));
    await page.getByText("400 bad-query at since").waitFor();
    await page.goto(stage.at("/usage?org=nobody"));
    await page.getByText("No use was recorded yet").waitFor();
    await page.context().close();
  });

  await stage.step("a clock that is off is told, and times go by the service's", async () => {
    const page = await stage.newPage();
    await page.clock.install({ time: Date.now() + 3 * 3_600_000 });
    await stage.signIn(page);
    await page.getByText(/this clock is [23] h ahead/).waitFor();
    // One that still reports; the worst comes first, and its key was revoked.
    await page.getByText(service.nodes[0].slice(0, 8)).first().click();
    await page.getByText(/heard of (now|\d+ s ago)/).waitFor();
    await page.context().close();
  });

  await stage.step("all tabs of a browser share one stream, and one may look away", async () => {
    const page = await stage.signedIn();
    await page.getByText("● live").waitFor();
    const streams = async () => Number(/^http_streams (\d+)/m.exec(await (await fetch(`${service.url}/metrics`)).text())[1]);
    const before = await streams();
    const second = await page.context().newPage();
    await stage.signIn(second);
    await second.getByText("● live").waitFor();
    // Streams of steps before may end meanwhile; none begins.
    assert((await streams()) <= before, "a second tab opened a second stream");
    await second.getByText("● live").click();
    await second.getByText("Paused: what is recorded meanwhile").waitFor();
    await page.getByText("● live").waitFor();
    await second.getByRole("button", { name: "go on" }).last().click();
    await second.getByText("● live").waitFor();
    await page.context().close();
  });

  await stage.step("the stream is taken up again after a restart, and after a long sleep", async () => {
    const page = await stage.signedIn();
    await page.getByText("● live").waitFor();
    await service.stop();
    await page.getByText("reconnecting").waitFor();
    await page.getByText("The service has not been reached for a while").waitFor();
    await service.start();
    await page.getByRole("button", { name: "try now" }).click();
    await page.getByText("● live").waitFor();
    await page.getByText("not been reached").waitFor({ state: "hidden" });
    await page.context().close();
  });
}
