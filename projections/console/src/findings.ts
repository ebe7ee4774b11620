// Findings across the fleet: the same one on many nodes is one.

import type { Row } from "./api/client";

type Finding = Row<"NodeFinding">;
const ORDER: Row<"Severity">[] = ["critical", "high", "medium", "low", "info"];

export interface Group {
  key: string;
  first: Finding;
  nodes: string[];
}

/** By check, subject and severity; the gravest first, then what most nodes have. */
export function grouped(all: Finding[]): Group[] {
  const groups = new Map<string, Group>();
  for (const finding of all) {
    const key = `${finding.id}\n${finding.subject}\n${finding.severity}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, first: finding, nodes: [finding.node_id] });
    else if (!group.nodes.includes(finding.node_id)) group.nodes.push(finding.node_id);
  }
  const rank = ({ first }: Group): number => ORDER.indexOf(first.severity);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.nodes.length - a.nodes.length || (a.key < b.key ? -1 : 1));
}
