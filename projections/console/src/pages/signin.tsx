// Signing in: with an API token, or with a link that works once.

import { useEffect, useState, type FormEvent } from "react";
import { answer, client, Refused } from "../api/client";
import { CODE, exchanged } from "../api/code";
import { hasExpired, signIn } from "../api/session";
import { Button } from "../ui/atoms";

/** An API token lets one in; it is asked about before it is kept. */
export function SignIn() {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(CODE !== undefined);
  useEffect(() => {
    if (CODE === undefined) return;
    exchanged(CODE).then(signIn, (error: unknown) => {
      setProblem(error instanceof Refused && error.status === 0 ? error.message : "This link was used before, or its time is over. Sign in with a token, or ask for another link.");
      setBusy(false);
    });
  }, []);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const value = String(new FormData(event.currentTarget).get("token") ?? "").trim();
    setBusy(true);
    try {
      await answer(client.GET("/api/me", { headers: { Authorization: `Bearer ${value}` } }));
      signIn(value);
    } catch (error) {
      setProblem(error instanceof Refused && error.status === 401 ? "This token is unknown, ended or revoked." : (error as Error).message);
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form onSubmit={(event) => void submit(event)} className="w-full max-w-md rounded-lg border border-line bg-panel p-6">
        <h1 className="text-lg font-semibold">VaultMesh</h1>
        {hasExpired() && <p role="status" className="mt-2 rounded border border-attn bg-attn/10 px-2 py-1 text-sm">▲ Your session has ended. Sign in again, and you are back on this page.</p>}
        <p className="mt-1 text-soft">Sign in with an API token. The owner's stands in <code className="text-ink">owner.token</code> of the data directory; more are made with <code className="text-ink">ledger tokens create</code>.</p>
        <label className="mt-4 block text-xs text-soft" htmlFor="token">API token</label>
        <input id="token" name="token" type="password" required autoFocus autoComplete="off" spellCheck={false} placeholder="vmt1.…" className="mt-1 w-full rounded border border-line bg-raised px-2 py-1.5 font-mono" />
        <p role="alert" className="mt-2 min-h-5 text-sm text-crit">{problem}</p>
        <Button type="submit" kind="main" disabled={busy}>{busy ? "…" : "sign in"}</Button>
      </form>
    </main>
  );
}
