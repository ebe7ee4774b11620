// Which kind of file it is, and what comes of checking it.

import { BadAuthority } from "./authority.js";
import { BadBundle, FORMAT as BUNDLE, readBundle, type Bundle } from "./bundle.js";
import { NotCanonical } from "./canonical.js";
import { FORMAT as EQUIVOCATION, NoEquivocation, readEquivocation, type Equivocation } from "./equivocation.js";
import { BadForm, isObject } from "./form.js";
import { Damaged } from "./guard.js";
import { LogFault } from "./log.js";
import { BadNote } from "./note.js";
import { BadProofChain, document, FORMAT as PROOFCHAIN, readProofChain, type ProofChain } from "./proofchain.js";

export type Verdict =
  | { kind: "bundle"; bundle: Bundle }
  | { kind: "equivocation"; equivocation: Equivocation }
  | { kind: "proof chain"; chain: ProofChain };

/** Checks one file; `part` gives the parts of a proof chain by name. */
export function verify(bytes: Uint8Array, ledger?: string, part: (name: string) => Uint8Array = noPart): Verdict {
  const file = document(bytes);
  const format = isObject(file) ? file["format"] : undefined;
  switch (format) {
    case BUNDLE: return { kind: "bundle", bundle: readBundle(bytes, ledger) };
    case EQUIVOCATION: return { kind: "equivocation", equivocation: readEquivocation(bytes, ledger) };
    case PROOFCHAIN: return { kind: "proof chain", chain: readProofChain(bytes, ledger, part) };
    default: throw new BadForm("/format", `${JSON.stringify(format)} is no format that can be checked`);
  }
}

function noPart(name: string): Uint8Array {
  throw new BadProofChain(`${name} is not at hand`);
}

/** Why something is refused, if an error says that; undefined for errors of the machine. */
export function refused(error: unknown): string | undefined {
  const kinds = [BadAuthority, BadBundle, BadForm, BadNote, BadProofChain, Damaged, LogFault, NoEquivocation, NotCanonical];
  return kinds.some((kind) => error instanceof kind) ? (error as Error).message : undefined;
}
