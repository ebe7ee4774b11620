// What the page proves by itself, and that it says so where something does not hold.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export async function proofs(stage) {
  const { service } = stage;
  const page = await stage.signedIn();
  const files = "input[type=file][multiple]:not([webkitdirectory])";

  await stage.step("a bundle that is saved verifies, and a changed one does not", async () => {
    await page.goto(stage.at("/ledger?seq=1"));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "save its bundle" }).click()]);
    const bundle = readFileSync(await download.path());
    const changed = Buffer.from(bundle);
    changed[changed.indexOf('"recorded_at":"') + 20] ^= 1;
    const [good, bad] = ["good.json", "bad.json"].map((name) => join(service.work, name));
    writeFileSync(good, bundle);
    writeFileSync(bad, changed);
    await page.goto(stage.at("/verify"));
    await page.setInputFiles(files, good);
    await page.getByText("● Verified").waitFor();
    await page.setInputFiles(files, bad);
    await page.getByText("◆ Does not verify").waitFor();
  });

  await stage.step("an export with packed segments is verified in the page, and a damaged one is not", async () => {
    const out = join(service.work, "export");
    execFileSync(service.ledger, ["export", "--data", service.data, "--out", out], { stdio: "ignore" });
    const [packed] = readdirSync(join(out, "log")).filter((name) => name.endsWith(".parquet"));
    await page.goto(stage.at("/verify"));
    await page.setInputFiles("input[webkitdirectory]", out);
    await page.getByText("● Verified").waitFor();
    await page.getByText(/A log of \d+ entries/).waitFor();
    const bytes = readFileSync(join(out, "log", packed));
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(out, "log", packed), bytes);
    await page.setInputFiles("input[webkitdirectory]", out);
    await page.getByText("◆ Does not verify").waitFor();
    await page.getByText(/is not as it was written/).waitFor();
  });

  await stage.step("the seals are verified as a chain, and the ledger is seen to have grown", async () => {
    await page.goto(stage.at("/ledger?view=proofs"));
    await page.getByText(/seals?, each extending the one before, verified here/).waitFor();
    await page.getByText("It only grew").waitFor();
    await page.getByText(/hashes prove that the first/).waitFor();
  });

  await stage.step("every row of the audit is checked", async () => {
    await page.goto(stage.at("/audit?kind=token"));
    await page.getByRole("button", { name: /check all/ }).click();
    await page.getByText("● proved").first().waitFor();
    await page.getByText("checking…").first().waitFor({ state: "hidden" });
  });
  await page.context().close();
}

/** The last step: the ledger is put back, and nobody can go on after that. */
export async function rollback(stage) {
  const { service } = stage;
  const page = await stage.signedIn();
  await stage.step("a ledger that was put back is seen by the browser that comes back", async () => {
    await service.stop();
    const old = service.copy();
    await service.start();
    const { size } = await service.call("GET", "/api/ledger");
    await page.waitForFunction((least) => Number(/([\d,]+) entries, proved/.exec(document.body.innerText)?.[1]?.replace(",", "") ?? 0) > least, size, { timeout: 40_000 });
    await service.stop();
    // Its agents would make it grow again.
    await service.start(old);
    await page.reload();
    await page.getByText("not the one this browser has seen").waitFor();
  });
  await page.context().close();
}
