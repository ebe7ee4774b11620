// In front of the pages, for people who came from a provider: which organisation they mean, or that they belong to none.

import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { client, type Row } from "../api/client";
import { invitation, leave, putAway } from "../api/person";
import { me } from "../api/queries";
import { addressed, person } from "../api/session";
import { Button, Mark, Waiting } from "../ui/atoms";
import { Text } from "../ui/form";

const LAST = "vaultmesh.org";

/** Goes to an organisation as what one is there: the page begins anew, since nothing of before is to be seen. */
export function goTo(org: string): void {
  localStorage.setItem(LAST, org);
  const to = new URL(location.href);
  to.searchParams.set("org", org);
  location.assign(to);
}

export function Belonging({ children }: { children: ReactNode }) {
  const { data, error, refetch } = useQuery(me());
  const [invited, setInvited] = useState(invitation);
  useEffect(() => {
    // Another tab has signed in as somebody else.
    if (data !== undefined && data.id !== person()) location.reload();
  }, [data]);
  const last = localStorage.getItem(LAST);
  const remembered = data?.org === null && addressed() === undefined && data.orgs.some(({ org, suspended }) => org === last && !suspended) ? last : null;
  useEffect(() => {
    if (remembered !== null) goTo(remembered);
  }, [remembered]);
  if (data === undefined) return error === null || error.name !== "Refused" ? <Waiting error={error} again={() => void refetch()} /> : <Suspended problem={error} />;
  if (remembered !== null) return <Waiting error={null} />;
  if (invited !== null || data.roles.length === 0) return <Choice who={data} invited={invited} onDone={() => setInvited(null)} />;
  return children;
}

const Frame = ({ children }: { children: ReactNode }) => (
  <main className="grid min-h-dvh place-items-center p-4">
    <div className="flex w-full max-w-md flex-col gap-4 rounded-lg border border-line bg-panel p-6">
      <h1 className="text-lg font-semibold">VaultMesh</h1>
      {children}
      <div className="flex justify-end border-t border-line pt-3"><Button onClick={() => void leave()}>sign out</Button></div>
    </div>
  </main>
);

/** The organisation in the address keeps its people out, or the service does not answer. */
const Suspended = ({ problem }: { problem: Error }) => (
  <Frame>
    <p role="alert" className="text-crit">◆ {problem.message}</p>
    <Button onClick={() => location.assign(new URL("./", document.baseURI))}>choose another organisation</Button>
  </Frame>
);

function Choice({ who, invited, onDone }: { who: Row<"Caller">; invited: string | null; onDone: () => void }) {
  const asked = addressed();
  return (
    <Frame>
      <Invited secret={invited} onDone={onDone} />
      {who.roles.length === 0 && asked !== undefined && <p role="alert" className="text-attn">▲ You have no role in {asked}.</p>}
      {who.orgs.length === 0 ? <p className="text-soft">You are signed in, and belong to no organisation yet. Somebody who manages members can invite you, or give you a role by this id: <code className="text-xs break-all text-ink">{who.id}</code></p> : (
        <>
          <h2 className="text-sm text-soft">Which organisation?</h2>
          <ul className="flex flex-col gap-2">
            {who.orgs.map(({ org, name, roles, suspended }) => (
              <li key={org}>
                <button type="button" disabled={suspended} onClick={() => goTo(org)} className="flex w-full flex-wrap items-baseline justify-between gap-x-3 rounded border border-line bg-raised px-3 py-2 text-left hover:border-accent disabled:cursor-not-allowed disabled:opacity-60">
                  <b className="font-medium">{name ?? org}</b>
                  <span className="text-xs text-soft">{suspended ? <Mark tone="attn">suspended</Mark> : roles.join(", ")}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Frame>
  );
}

/** Takes up an invitation: the one in the address, or one that is typed. */
function Invited({ secret, onDone }: { secret: string | null; onDone: () => void }) {
  const queries = useQueryClient();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const take = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const typed = String(new FormData(event.currentTarget).get("invitation") ?? "").trim();
    // A refusal is about the invitation, and not about who asks.
    const said = await client.POST("/api/invitations/accept", { body: { invitation: secret ?? typed } }).catch(() => undefined);
    setBusy(false);
    if (said?.response.ok !== true) return setProblem((said?.error as Partial<Row<"Problem">> | undefined)?.detail ?? "The service does not answer.");
    putAway();
    await queries.invalidateQueries({ queryKey: me().queryKey });
    onDone();
  };
  return (
    <form onSubmit={(event) => void take(event)} className="flex flex-col gap-2">
      {secret === null ? <label className="text-xs text-soft">An invitation<Text name="invitation" required placeholder="vmi1.…" className="font-mono" /></label> : <p>You are invited to an organisation.</p>}
      {problem !== "" && <p role="alert" className="text-sm text-crit">◆ {problem}</p>}
      <div className="flex gap-2">
        <Button type="submit" kind={secret === null ? "plain" : "main"} disabled={busy}>{busy ? "…" : "take it up"}</Button>
        {secret !== null && <Button onClick={() => { putAway(); onDone(); }}>not now</Button>}
      </div>
    </form>
  );
}
