// Nodes in a line: a name that leads to the node, when it was heard of.

import { Link } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { byId, useFleet, useHeard, type Member } from "../api/fleet";
import { useAt } from "../shell/place";
import { Ago } from "./atoms";

/** What people call a node, as a link to it; the beginning of its id where it never said. */
export function NodeName({ id }: { id: string }) {
  const { data } = useFleet(useQueryClient(), useAt(), undefined);
  const name = byId(data?.rows ?? []).get(id)?.name ?? id.slice(0, 8);
  return <Link to="/nodes/$id" params={{ id }} title={id} className="text-accent underline decoration-line underline-offset-2 hover:decoration-accent">{name}</Link>;
}

export function Heard({ node }: { node: Pick<Member, "id" | "heard"> }) {
  const mark = useHeard(node, useAt() !== undefined);
  return mark === undefined ? <>never</> : <Ago time={mark.recorded_at} />;
}
