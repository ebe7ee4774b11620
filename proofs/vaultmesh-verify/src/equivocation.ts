// Equivocation files (spec/proof.md, section 13): two checkpoints that cannot both be true.

import { equal } from "./bytes.js";
import { ledgerVerifier, readAuthority } from "./authority.js";
import { claimedSize, openCheckpoint, type Witnessed } from "./checkpoint.js";
import { isHash, Members } from "./form.js";
import { readNote } from "./note.js";
import { document } from "./proofchain.js";
import { isIncluded, NATIVE } from "./tree.js";

export const FORMAT = "vaultmesh-equivocation-v1";

/** Why a file does not prove that a ledger contradicted itself. */
export class NoEquivocation extends Error {
  override readonly name = "NoEquivocation";
}

export interface Equivocation {
  ledger: string;
  a: Witnessed;
  b: Witnessed;
}

/** Checks that a file proves it. */
export function readEquivocation(bytes: Uint8Array, ledger?: string): Equivocation {
  const members = new Members(document(bytes));
  members.text("format", (text) => text === FORMAT);
  const id = members.text("ledger", isHash);
  if (ledger !== undefined && id !== ledger) throw new NoEquivocation(`of another ledger, ${id}`);
  const authority = readAuthority(members.list("authority", 1), id);
  const open = (name: string): Witnessed => {
    const note = readNote(members.text(name));
    return openCheckpoint(note, ledgerVerifier(authority, claimedSize(note)));
  };
  const [a, b] = [open("a"), open("b")];
  const proves = members.has("leaves") ? leavesDiffer(members.inner("leaves"), a, b) : textsDiffer(a, b);
  members.done();
  if (!proves) throw new NoEquivocation("the two can both be true");
  return { ledger: id, a, b };
}

const textsDiffer = (a: Witnessed, b: Witnessed): boolean => a.checkpoint.size === b.checkpoint.size && a.text !== b.text;

function leavesDiffer(members: Members, a: Witnessed, b: Witnessed): boolean {
  const index = members.integer("index");
  const [leafA, leafB] = [members.bytes("leaf_a"), members.bytes("leaf_b")];
  const [pathA, pathB] = [members.hashes("path_a"), members.hashes("path_b")];
  members.done();
  const isIn = ({ checkpoint }: Witnessed, leaf: Uint8Array, path: Uint8Array[]): boolean =>
    isIncluded(NATIVE, leaf, index, checkpoint.size, checkpoint.root, path);
  return !equal(leafA, leafB) && isIn(a, leafA, pathA) && isIn(b, leafB, pathB);
}
