// Signing in: at a provider, with an API token, or with a link that works once.

import { useEffect, useRef, useState, type FormEvent } from "react";
import { useQuery } from "@tanstack/react-query";
import { answer, client, Refused } from "../api/client";
import { CODE, exchanged } from "../api/code";
import { endElsewhere, invitation, providers, signInAt } from "../api/person";
import { hasExpired, leaveFor, signIn } from "../api/session";
import { Button } from "../ui/atoms";

/** An API token lets one in; it is asked about before it is kept. */
export function SignIn() {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(CODE !== undefined);
  const field = useRef<HTMLInputElement>(null);
  const { data: choices = [], isFetched } = useQuery({ queryKey: ["sign-in"], queryFn: providers, staleTime: Infinity });
  useEffect(() => {
    if (CODE === undefined) return;
    exchanged(CODE).then(signIn, (error: unknown) => {
      setProblem(error instanceof Refused && error.status === 0 ? error.message : "This link was used before, or its time is over. Sign in with a token, or ask for another link.");
      setBusy(false);
    });
  }, []);
  // Where there is a provider, nobody begins with a token.
  useEffect(() => {
    if (isFetched && choices.length === 0) field.current?.focus();
  }, [isFetched, choices.length]);
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
  const elsewhere = endElsewhere();
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="flex w-full max-w-md flex-col gap-4 rounded-lg border border-line bg-panel p-6">
        <h1 className="text-lg font-semibold">VaultMesh</h1>
        {hasExpired() && <p role="status" className="rounded border border-attn bg-attn/10 px-2 py-1 text-sm">▲ Your session has ended. Sign in again, and you are back on this page.</p>}
        {elsewhere !== undefined && <p role="status" className="rounded border border-line bg-raised px-2 py-1 text-sm">You are signed out here. The provider may still know you: <a href={elsewhere} rel="noreferrer" className="text-accent underline underline-offset-2">sign out there too</a>.</p>}
        {invitation() !== null && <p role="status" className="rounded border border-accent bg-raised px-2 py-1 text-sm">You are invited. Sign in at a provider to take the invitation up.</p>}
        {choices.length > 0 && (
          <ul className="flex flex-col gap-2">
            {choices.map(({ id, issuer }) => (
              <li key={id}>
                <a href={signInAt(id)} onClick={leaveFor} className="flex flex-wrap items-baseline justify-between gap-x-3 rounded border border-accent bg-raised px-3 py-2 hover:bg-accent hover:text-ground">
                  <b className="font-semibold">Sign in with {id}</b>
                  <span className="text-xs">{hostOf(issuer)}</span>
                </a>
              </li>
            ))}
          </ul>
        )}
        <form onSubmit={(event) => void submit(event)} className={choices.length > 0 ? "border-t border-line pt-4" : ""}>
          <p className="text-soft">{choices.length > 0 ? "Or sign in" : "Sign in"} with an API token. The owner's stands in <code className="text-ink">owner.token</code> of the data directory; more are made with <code className="text-ink">ledger tokens create</code>.</p>
          <label className="mt-4 block text-xs text-soft" htmlFor="token">API token</label>
          <input id="token" name="token" type="password" required ref={field} autoComplete="off" spellCheck={false} placeholder="vmt1.…" className="mt-1 w-full rounded border border-line bg-raised px-2 py-1.5 font-mono" />
          <p role="alert" className="mt-2 min-h-5 text-sm text-crit">{problem}</p>
          <Button type="submit" kind={choices.length > 0 ? "plain" : "main"} disabled={busy}>{busy ? "…" : "sign in"}</Button>
        </form>
      </div>
    </main>
  );
}

/** The host of an issuer, which people recognise. */
function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).host : issuer;
}
