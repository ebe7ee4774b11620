// Where one stands: from which point in time the console looks, and at which organisation.

import { useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { me, orgs, type At } from "../api/queries";

/** The point in time that the console is looked at from. */
export const useAt = (): At => useSearch({ strict: false }).at;

/** The organisation that lists are narrowed to; undefined: all that one may see. */
export const useOrgFilter = (): string | undefined => useSearch({ strict: false }).org;

/** The organisations there are to choose from; one, where the token is good for one alone. */
export function useOrgs(): string[] {
  const { data: who } = useQuery(me());
  const { data = [] } = useQuery(orgs());
  const chosen = useOrgFilter();
  // Somebody of several organisations goes from one to the other.
  if (who?.kind === "user" && who.org !== "ledger") return who.orgs.map(({ org }) => org);
  if (who?.org != null && who.org !== "ledger") return [who.org];
  const found = new Set(data);
  if (chosen !== undefined) found.add(chosen);
  if (found.size === 0) found.add("default");
  return [...found].sort();
}

/** The organisation that acts are about, where one has to be named. */
export function useOrg(): string {
  const chosen = useOrgFilter();
  const { data: who } = useQuery(me());
  const [first = "default"] = useOrgs();
  return chosen ?? (who?.kind === "user" && who.org != null && who.org !== "ledger" ? who.org : first);
}
