// What is shown once: whoever closes this has seen it for the last time.

export const Secret = ({ name, children }: { name: string; children: string }) => (
  <div>
    <p className="text-attn">▲ {name} is shown this once; the ledger keeps its hash alone.</p>
    <p className="mt-1 rounded bg-raised p-2 font-mono text-xs break-all select-all" data-testid="secret">{children}</p>
  </div>
);
