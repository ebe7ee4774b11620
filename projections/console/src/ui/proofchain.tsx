// The seals of the ledger as a timeline: each commits to all that was before it, and to the seal before.

import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { readProofChain } from "vaultmesh-verify";
import { answer, client, fetchBytes, Refused } from "../api/client";
import { seen } from "../api/trust";
import { Ago, AsCommand, Empty, Hash, Mark, Panel, Waiting } from "./atoms";
import { counted } from "./page";

/** So many of the newest are drawn. */
const SHOWN = 12;

async function chain(): Promise<{ rows: number; problem?: string } | undefined> {
  const bytes = await fetchBytes("/PROOFCHAIN.json").catch((error: unknown) => {
    if (error instanceof Refused && error.status === 404) return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const parts = new Map<string, Uint8Array>();
  for (;;) {
    try {
      return { rows: readProofChain(bytes, seen()?.ledger, (name) => parts.get(name) ?? lacking(name)).rows.length };
    } catch (error) {
      if (!(error instanceof Lacking)) return { rows: 0, problem: (error as Error).message };
      parts.set(error.part, await fetchBytes(`/proofchain/${error.part.replace(/^proofchain\//, "")}`));
    }
  }
}

/** A part of the chain that was not fetched yet. */
class Lacking extends Error {
  constructor(readonly part: string) {
    super(`${part} is lacking`);
  }
}

function lacking(name: string): never {
  throw new Lacking(name);
}

export function ProofChain() {
  const { data: read, error } = useQuery({ queryKey: ["proofchain"], queryFn: chain, staleTime: 30_000 });
  const { data: seals } = useQuery({
    queryKey: ["events", "seals"],
    queryFn: async () => (await answer(client.GET("/api/events", { params: { query: { kind: "seal", limit: SHOWN, order: "desc" } } }))).items,
  });
  const rows = (seals ?? []).map(({ seq, recorded_at, payload }) => ({ seq, recorded_at, ...(payload as { index?: number; root?: string }) })).toReversed();
  return (
    <Panel title="Proof chain" aside={read === undefined ? "" : read.problem === undefined ? <Mark tone="ok">{counted(read.rows, "seal")}, each extending the one before, verified here</Mark> : <span role="alert" className="font-semibold text-crit">◆ {read.problem}</span>}>
      {error !== null && <Waiting error={error} />}
      {read === undefined && error === null && <Empty command="ledger seal">Nothing was sealed yet.</Empty>}
      <ol className="flex gap-0 overflow-x-auto pb-2" tabIndex={0} aria-label="seals">
        {rows.map(({ seq, recorded_at, index, root }, n) => (
          <li key={seq} className="flex shrink-0 items-center">
            {n > 0 && <span aria-hidden="true" className="h-px w-6 bg-accent" />}
            <span className="flex flex-col gap-0.5 rounded border border-line bg-raised px-2 py-1 text-xs">
              <span className="font-medium">seal {index ?? "?"}</span>
              <Link to="/ledger" search={{ seq: String(seq) }} className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid">entry {seq}</Link>
              {root !== undefined && <Hash value={root} chars={8} />}
              <span className="text-faint"><Ago time={recorded_at} /></span>
            </span>
          </li>
        ))}
      </ol>
      <AsCommand>ledger verify PROOFCHAIN.json</AsCommand>
    </Panel>
  );
}
