import type { Row } from "../api/client";
import { Ago } from "./atoms";

const SHOWN = 4;

/** Why something needs a look: the heaviest first. */
export function Reasons({ reasons, more = 0 }: { reasons: Row<"AttentionReason">[]; more?: number | undefined }) {
  const hidden = Math.max(0, reasons.length - SHOWN) + more;
  return (
    <ul className="mt-0.5 space-y-0.5 text-xs text-soft">
      {reasons.slice(0, SHOWN).map((reason) => (
        <li key={`${reason.reason} ${reason.subject ?? ""}`} className="flex gap-2">
          <span className="w-6 shrink-0 text-right font-mono text-faint" title="weight">{reason.weight}</span>
          <span className="min-w-0 flex-1 truncate" title={reason.subject}>{reason.reason}{reason.subject !== undefined && ` ${reason.subject}`}</span>
          <span className="shrink-0 text-faint">{reason.phase === "firing" ? <Ago time={reason.since} /> : reason.phase}</span>
        </li>
      ))}
      {hidden > 0 && <li className="pl-8 text-faint">and {hidden} more</li>}
    </ul>
  );
}
