// A selection of nodes by their labels, with how many it is about at present.

import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { useFleet, type Member } from "../api/fleet";
import { BadSelector, selector } from "../selector";
import { Field, Text } from "./form";
import { counted } from "./page";

/** The nodes of an organisation that a selector is about; a text, if it is none. */
export function selected(rows: readonly Member[], org: string, text: string): readonly Member[] | string {
  try {
    const holds = selector(text);
    return rows.filter((node) => node.org === org && node.enrolled && holds(node.labels));
  } catch (error) {
    if (error instanceof BadSelector) return error.message;
    throw error;
  }
}

/** How many nodes of an organisation with a valid key a selector is about, in words. */
export function useSelection(org: string, text: string): { count: number | undefined; words: string } {
  const { data } = useFleet(useQueryClient(), undefined, undefined);
  if (data === undefined) return { count: undefined, words: "…" };
  const found = selected(data.rows, org, text);
  if (typeof found === "string") return { count: undefined, words: found };
  return { count: found.length, words: `${counted(found.length, "node")}${data.partial ? " or more" : ""}` };
}

export function SelectorField({ org, onCount }: { org: string; onCount?: (words: string) => void }) {
  const [typed, setTyped] = useState("");
  const { words } = useSelection(org, typed);
  return (
    <Field label="Nodes, by labels" hint={<span aria-live="polite">at present: <b>{words}</b></span>}>
      <Text name="selector" value={typed} placeholder="env=prod, tier!=db; empty: every node" onChange={({ target }) => {
        setTyped(target.value);
        onCount?.(target.value);
      }} />
    </Field>
  );
}
