// The console in Debian's Chromium, against a real service and real agents.
//
//   node run.mjs [path of the executable `ledger`] [folder for screenshots]
//
// Exit code 0 if every step held. Needs `chromium` on the PATH.

import assert from "node:assert/strict";
import { fill } from "./fill.mjs";
import { Service } from "./service.mjs";
import { Stage } from "./stage.mjs";
import { acts } from "./steps/acts.mjs";
import { fleet } from "./steps/fleet.mjs";
import { pages } from "./steps/pages.mjs";
import { people } from "./steps/people.mjs";
import { proofs, rollback } from "./steps/proofs.mjs";
import { states } from "./steps/states.mjs";

const [executable = "target/debug/ledger", pictures] = process.argv.slice(2);
const service = new Service(executable);
const stage = await Stage.open(service, pictures);
try {
  await service.start(service.data, "--init");
  service.nodes = [await service.agent("one"), await service.agent("two")];
  await fill(service, service.nodes);
  const parts = { fleet, acts, proofs, people, pages, states, rollback };
  // Some of them alone, for work on them: what the others leave behind is not there then.
  const asked = process.env["PARTS"]?.split(",") ?? Object.keys(parts);
  for (const [name, part] of Object.entries(parts)) if (asked.includes(name)) await part(stage);
  assert.deepEqual(stage.problems, []);
  console.log(`console: ${stage.steps} passed, 0 failed`);
} catch (error) {
  console.error(error);
  stage.problems.forEach((problem) => console.error(problem));
  process.exitCode = 1;
} finally {
  await stage.browser.close();
  service.end();
}
