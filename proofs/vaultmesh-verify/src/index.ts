// Checks what a VaultMesh ledger says, from its specification alone (spec/ of the repository): no code is shared with the
// program that wrote it.

export { fromHex, toHex } from "./bytes.js";
export { readBundle, BadBundle, type Bundle } from "./bundle.js";
export { NotCanonical, parse, write, type Json } from "./canonical.js";
export { CHECKPOINT, COSIGNATURE, openCheckpoint, readCheckpoint, type Checkpoint, type Witnessed } from "./checkpoint.js";
export { readEquivocation, NoEquivocation, type Equivocation } from "./equivocation.js";
export { BadInvoice, readInvoice, type Proved } from "./invoice.js";
export { BadForm } from "./form.js";
export { readLog, LogFault, type Files, type LogReport } from "./log.js";
export { BadNote, readNote, readVkey, type Verifier } from "./note.js";
export { Damaged } from "./guard.js";
export { unpack } from "./packed.js";
export { readProofChain, BadProofChain, type ProofChain } from "./proofchain.js";
export { isExtended, isIncluded, leafHash, NATIVE, STANDARD, Tree } from "./tree.js";
export { verify, refused, type Verdict } from "./verify.js";
