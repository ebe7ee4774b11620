// Files dropped here are checked in this browser: no service is asked, and none has to be trusted.

import { useEffect, useRef, useState } from "react";
import { seen } from "../api/trust";
import { usePreferences } from "../preferences";
import { absolute, bytes } from "../time";
import { Empty, Hash, Panel } from "../ui/atoms";
import type { Job, Outcome, Said } from "../verify.worker";

/** Hands jobs to a worker, one after the other. */
function useVerifier(): { done: Outcome[]; busy: string | undefined; check: (job: Job) => void } {
  const [done, setDone] = useState<Outcome[]>([]);
  const [busy, setBusy] = useState<string>();
  const worker = useRef<Worker>(undefined);
  useEffect(() => () => worker.current?.terminate(), []);
  const check = (job: Job): void => {
    worker.current ??= new Worker(new URL("../verify.worker.ts", import.meta.url), { type: "module" });
    setBusy("checking…");
    worker.current.onmessage = ({ data }: MessageEvent<Said>) => {
      if ("outcome" in data) {
        setDone((before) => [data.outcome, ...before]);
        setBusy(undefined);
      } else setBusy(data.read < data.of ? `read ${bytes(data.read)} of ${bytes(data.of)}` : "checking every entry…");
    };
    worker.current.postMessage(job);
  };
  return { done, busy, check };
}

export function Verify() {
  const [pin, setPin] = useState(seen()?.ledger ?? "");
  const { done, busy, check } = useVerifier();
  const ledger = /^[0-9a-f]{64}$/.test(pin) ? pin : undefined;
  const take = (list: File[]): void => {
    const folder = list[0]?.webkitRelativePath.split("/")[0];
    if (folder !== undefined && folder !== "") check({ ledger, folder, files: list.map((file) => [file.webkitRelativePath.split("/").slice(1).join("/"), file] as const) });
    else list.forEach((file) => check({ ledger, file }));
  };
  return (
    <div className="mx-auto flex max-w-4xl flex-col gap-3">
      <h1 className="text-lg font-semibold">Verify</h1>
      <Panel title="Files to check" aside="nothing leaves this browser">
        <label className="block text-xs text-soft" htmlFor="pin">Ledger id they must be of</label>
        <input id="pin" value={pin} onChange={(event) => setPin(event.target.value.trim())} spellCheck={false} className="mt-1 w-full rounded border border-line bg-raised px-2 py-1 font-mono text-xs" placeholder="64 hexadecimal digits; without it files only agree with themselves" />
        {pin !== "" && ledger === undefined && <p role="alert" className="mt-1 text-xs text-crit">A ledger id has 64 hexadecimal digits; this has {pin.length} characters.</p>}
        <div
          className="mt-3 rounded-lg border-2 border-dashed border-line p-6 text-center text-soft"
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            take([...event.dataTransfer.files]);
          }}
        >
          <p>Drop a bundle, a proof chain, an equivocation file or a packed segment here,</p>
          <p className="mt-2 flex flex-wrap justify-center gap-3">
            <label className="cursor-pointer text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">choose files<input type="file" multiple className="sr-only" onChange={(event) => take([...(event.target.files ?? [])])} /></label>
            <label className="cursor-pointer text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">choose an export<input type="file" ref={(element) => element?.setAttribute("webkitdirectory", "")} className="sr-only" onChange={(event) => take([...(event.target.files ?? [])])} /></label>
          </p>
        </div>
      </Panel>
      {busy !== undefined && <p role="status" className="text-center text-soft">◌ {busy}</p>}
      {done.length === 0 ? <Empty command="ledger prove --seq N --out FILE">A bundle proves one entry to somebody who trusts nobody:</Empty> : done.map((one, n) => <Result key={done.length - n} outcome={one} pinned={ledger} />)}
    </div>
  );
}

function Result({ outcome: of, pinned }: { outcome: Outcome; pinned: string | undefined }) {
  const { utc } = usePreferences();
  const when = (secs: number): string => absolute(1000 * secs, utc);
  if ("problem" in of) {
    return (
      <div role="alert" className="rounded-lg border border-crit bg-crit/10 p-3">
        <b className="text-crit">{of.unreadable === true ? "▲ Could not be read" : "◆ Does not verify"}</b> {of.name}<p className="text-sm">{of.problem}</p>
      </div>
    );
  }
  return (
    <div role="status" className="rounded-lg border border-ok bg-ok/10 p-3">
      <b className="text-ok">● Verified</b> {of.name}{pinned === undefined && " (no ledger id was pinned: it agrees with itself)"}
      <p className="text-sm">
        {"report" in of && <>A log of {of.report.size} entries, {of.report.covered} of them under signed checkpoints, recorded from {absolute(of.report.first, utc)} to {absolute(of.report.last, utc)}. Not checked here: admission beyond keys, schemas of payloads, digests of projections.</>}
        {"verdict" in of && of.verdict.kind === "bundle" && <>Entry {of.verdict.bundle.entry.seq}: {of.verdict.bundle.entry.header.kind} by {of.verdict.bundle.entry.header.author}, recorded {absolute(of.verdict.bundle.entry.recorded_at, utc)}; as of {of.verdict.bundle.checkpoint.checkpoint.size} entries, signed {when(of.verdict.bundle.checkpoint.time)}.</>}
        {"verdict" in of && of.verdict.kind === "proof chain" && <>{of.verdict.chain.rows.length} seals, each extending the one before.</>}
        {"verdict" in of && of.verdict.kind === "equivocation" && <>The ledger contradicted itself: checkpoints of {of.verdict.equivocation.a.checkpoint.size} and {of.verdict.equivocation.b.checkpoint.size} entries cannot both be true.</>}
      </p>
      <p className="mt-1 text-xs text-soft">ledger <Hash value={"report" in of ? of.report.ledger : of.verdict.kind === "bundle" ? of.verdict.bundle.ledger : of.verdict.kind === "equivocation" ? of.verdict.equivocation.ledger : of.verdict.chain.authority.ledger} chars={24} /></p>
    </div>
  );
}
