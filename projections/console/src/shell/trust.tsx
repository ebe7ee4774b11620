// Whether the ledger is the one that this browser has seen.

import { useEffect, useState } from "react";
import { Link } from "@tanstack/react-router";
import { check, type Trust } from "../api/trust";
import { duration } from "../time";
import { useNow } from "../ui/atoms";

/** How often the newest checkpoint is checked against what this browser has seen. */
const CHECK_EVERY_MS = 15_000;

/** How soon it is asked for again where there was no answer. */
const ASK_AGAIN_MS = 2_000;

export function useTrust(): Trust {
  const [trust, setTrust] = useState<Trust>({ state: "checking" });
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      // Not reached, or not readable: nothing is said against the ledger.
      const found = await check().catch(() => undefined);
      if (stopped) return;
      if (found !== undefined) setTrust((before) => (before.state === "contradicts" ? before : found));
      timer = setTimeout(() => void look(), found === undefined ? ASK_AGAIN_MS : CHECK_EVERY_MS);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, []);
  return trust;
}

/** What cannot be dismissed. */
export function Contradiction({ trust }: { trust: Trust }) {
  if (trust.state !== "contradicts") return null;
  return (
    <div role="alert" className="bg-crit px-4 py-2 font-semibold text-ground">
      ◆ The ledger's history is not the one this browser has seen. {trust.problem} Keep this tab, and ask your auditor.
    </div>
  );
}

export function Proved({ trust }: { trust: Trust }) {
  const now = useNow();
  if (trust.state === "checking") return <span className="text-faint">checking the checkpoint…</span>;
  if (trust.state === "contradicts") return <span className="font-semibold text-crit">◆ contradicts</span>;
  const age = duration(now - 1000 * trust.time) ?? "now";
  const words = trust.state === "first" ? "the first that this browser sees" : "proved here to extend what this browser saw before";
  return (
    <Link to="/ledger" className="whitespace-nowrap text-soft hover:text-ink" title={`checkpoint of ${trust.size} entries, signed ${age}${age === "now" ? "" : " ago"}; ${words}`}>
      <span aria-hidden="true" className={trust.state === "extends" ? "text-ok" : "text-faint"}>{trust.state === "extends" ? "●" : "○"}</span>{" "}
      {trust.size.toLocaleString("en")} entries<span className="hidden sm:inline">, {trust.state === "extends" ? "proved" : "first seen"} {age}</span>
    </Link>
  );
}
