#!/usr/bin/env node
// vaultmesh-verify TARGET [--ledger ID]: a bundle, a proof chain, an equivocation file, or the directory of a log.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { readLog, type Files } from "./log.js";
import { refused, verify, type Verdict } from "./verify.js";

const USAGE = `usage: vaultmesh-verify TARGET [--ledger ID]

TARGET is a bundle, a proof chain, an equivocation file, or a directory with log/. With --ledger (64 hexadecimal
digits) it must be of that ledger; without, it only agrees with itself.
Exit codes: 0 verified, 1 does not verify, 2 usage, 3 could not read.`;

const said: string[] = [];
const say = (line: string): void => void said.push(line);

class Directory implements Files {
  constructor(private readonly path: string) {}

  names(): string[] {
    const inFolder = (folder: string): string[] => {
      const path = join(this.path, folder);
      return existsSync(path) && statSync(path).isDirectory() ? readdirSync(path).map((name) => `${folder}/${name}`) : [];
    };
    return [...readdirSync(this.path), ...inFolder("log"), ...inFolder("proofchain")];
  }

  read(name: string): Uint8Array | undefined {
    const path = join(this.path, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  }
}

function checkDirectory(path: string, ledger: string | undefined): void {
  const report = readLog(new Directory(path), ledger);
  say(`VERIFIED  ${report.size} entries of ${report.origin}`);
  say(`  ledger      ${report.ledger}${ledger === undefined ? " (not pinned: this log agrees with itself)" : ""}`);
  say(`  recorded    ${report.first} to ${report.last}`);
  say(`  covered     ${report.covered} of ${report.size} entries by signed checkpoints`);
  for (const { file, size, time, witnesses } of report.checkpoints) {
    const by = witnesses.length === 0 ? "no witness" : witnesses.join(", ");
    say(`  checkpoint  ${file}: ${size} entries, ${new Date(1000 * time).toISOString()}, ${by}`);
  }
  if (report.hasQuorum !== undefined) say(`  witnesses   ${report.hasQuorum ? "quorum" : "NO QUORUM of the ledger's witness set"}`);
  say(`  payloads    ${report.payloads}, erased ${report.erased}; seals ${report.seals}`);
  say("  not checked admission beyond keys, schemas of payloads, digests of projections");
}

function show(verdict: Verdict, ledger: string | undefined): void {
  const pin = ledger === undefined ? " (not pinned: this file agrees with itself)" : "";
  switch (verdict.kind) {
    case "bundle": {
      const { entry, checkpoint, isSuspect } = verdict.bundle;
      say(`VERIFIED  entry ${entry.seq}: ${entry.header.kind} by ${entry.header.author}, recorded ${entry.recorded_at}`);
      say(`  ledger      ${verdict.bundle.ledger}${pin}`);
      say(`  as of       ${checkpoint.checkpoint.size} entries, ${new Date(1000 * checkpoint.time).toISOString()}`);
      if (isSuspect) say("  suspect     the key is known to be compromised from before this entry on");
      return;
    }
    case "equivocation":
      say(`VERIFIED  the ledger contradicted itself at ${verdict.equivocation.a.checkpoint.size} and ${verdict.equivocation.b.checkpoint.size} entries`);
      say(`  ledger      ${verdict.equivocation.ledger}${pin}`);
      return;
    case "proof chain": {
      const { authority, rows } = verdict.chain;
      say(`VERIFIED  ${rows.length} seals, each extending the one before`);
      say(`  ledger      ${authority.ledger}${pin}`);
      say(`  sealed      ${rows.at(-1)?.checkpoint.checkpoint.size ?? 0} entries`);
      return;
    }
  }
}

function main(): number {
  let target: string | undefined;
  let ledger: string | undefined;
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { ledger: { type: "string" }, help: { type: "boolean" } } });
    if (values.help) {
      say(USAGE);
      return 0;
    }
    [target] = positionals;
    ledger = values.ledger;
    if (positionals.length !== 1 || (ledger !== undefined && !/^[0-9a-f]{64}$/.test(ledger))) throw new Error("usage");
  } catch {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  try {
    const path = target as string;
    if (statSync(path).isDirectory()) checkDirectory(path, ledger);
    else show(verify(readFileSync(path), ledger, (name) => readFileSync(join(dirname(path), name))), ledger);
    return 0;
  } catch (error) {
    const problem = refused(error);
    process.stderr.write(problem === undefined ? `could not read: ${(error as Error).message}\n` : `DOES NOT VERIFY  ${problem}\n`);
    return problem === undefined ? 3 : 1;
  }
}

process.exitCode = main();
// Whoever reads only the first lines has closed the pipe by then.
process.stdout.on("error", () => undefined);
if (said.length > 0) process.stdout.write(`${said.join("\n")}\n`);
