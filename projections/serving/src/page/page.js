// Keeps the tables fresh: at once when something happens, and every few seconds, since silence is a change too.
"use strict";

const fleet = document.getElementById("fleet");
const link = document.getElementById("link");
const KINDS = [
  "heartbeat", "key", "key-status", "chain-fork", "refusal", "service", "labels", "policy", "receipt", "rollout",
  "rollout-wave", "schedule", "schedule-run", "witness-set",
];
const MOST_OFTEN_MS = 1000;
const AT_LEAST_EVERY_MS = 5000;

let due = null;
let last = 0;

function say(state, text) {
  link.dataset.state = state;
  link.textContent = text;
}

async function refresh() {
  due = null;
  last = Date.now();
  try {
    const answer = await fetch("/fleet");
    if (answer.status === 401 || answer.status === 403) {
      location.reload();
    } else if (answer.ok) {
      fleet.innerHTML = await answer.text();
    }
  } catch {
    say("lost", "the service does not answer");
  }
}

function soon() {
  due ??= setTimeout(refresh, Math.max(0, last + MOST_OFTEN_MS - Date.now()));
}

const stream = new EventSource("/events?kind=" + KINDS.join(","));
stream.onopen = () => { say("live", "live"); soon(); };
// The service's own event of this name says that the ledger is not the one the page knew.
stream.onerror = (event) => (event.data ? location.reload() : say("lost", "reconnecting"));
for (const kind of KINDS) stream.addEventListener(kind, soon);
setInterval(soon, AT_LEAST_EVERY_MS);
