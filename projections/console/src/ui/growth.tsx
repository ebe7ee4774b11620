// That the ledger only grew since this browser's first visit, as a picture: what was there is a part of what is there.

import { useQuery } from "@tanstack/react-query";
import { answer, client } from "../api/client";
import { ledger } from "../api/queries";
import { firstSeen } from "../api/trust";
import { usePreferences } from "../preferences";
import { absolute } from "../time";
import { Empty, Hash, Mark, Panel } from "./atoms";

const [WIDTH, HIGH] = [600, 16];

export function Growth() {
  const { data: about } = useQuery(ledger());
  const { utc } = usePreferences();
  const first = firstSeen();
  const old = first?.size;
  const { data: proof } = useQuery({
    queryKey: ["consistency", old, about?.size],
    queryFn: () => answer(client.GET("/api/ledger/proof/consistency", { params: { query: { old: old ?? 0, new: about?.size ?? 0 } } })),
    enabled: old !== undefined && old > 0 && about !== undefined && about.size > old,
  });
  if (about === undefined || first === undefined) return null;
  const share = Math.max(0.02, Math.min(1, first.size / Math.max(1, about.size)));
  return (
    <Panel title="It only grew" aside={<Mark tone="ok">every checkpoint since was proved by this browser</Mark>}>
      {about.size <= first.size && <Empty>Nothing was recorded since this browser came first.</Empty>}
      <svg viewBox={`0 0 ${WIDTH} ${3 * HIGH}`} preserveAspectRatio="none" className="my-1 h-16 w-full" role="img" aria-label={`The first ${first.size} entries of ${about.size} are those that this browser saw first.`}>
        <rect x="0" y={HIGH * 1.9} width={WIDTH} height={HIGH} rx="4" fill="var(--raised)" stroke="var(--line)" />
        <rect x="0" y={HIGH * 1.9} width={WIDTH * share} height={HIGH} rx="4" fill="var(--raised)" stroke="var(--accent)" strokeWidth="2" />
        <rect x="0" y="2" width={WIDTH * share} height={HIGH} rx="4" fill="var(--raised)" stroke="var(--accent)" strokeWidth="2" />
        <path d={`M1 ${HIGH + 4}V${HIGH * 1.9 - 2}M${WIDTH * share - 1} ${HIGH + 4}V${HIGH * 1.9 - 2}`} stroke="var(--accent)" strokeDasharray="3 3" />
      </svg>
      <p className="flex flex-wrap justify-between gap-2 text-xs"><span><b>{first.size.toLocaleString("en")}</b> entries, seen {absolute(1000 * first.time, utc)}</span><span><b>{about.size.toLocaleString("en")}</b> entries now</span></p>
      {proof !== undefined && (
        <p className="mt-2 text-xs text-soft">
          {proof.proof.length} hashes prove that the first {proof.old} entries are the same in both: from them the page computes the old root and the new one, and each bears the ledger's signature.{" "}
          <span className="inline-flex flex-wrap gap-1">{proof.proof.slice(0, 12).map((hash) => <Hash key={hash} value={hash} chars={8} />)}</span>
        </p>
      )}
    </Panel>
  );
}
