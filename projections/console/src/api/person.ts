// People who sign in at a provider: whether there is a session, where one can sign in, invitations, and the way out.

import { SERVICE } from "../base";
import { answer, client, type Row } from "./client";
import { known, session, signOut } from "./session";

const KEPT = "vaultmesh.invitation";

/** An invitation stands behind the # of an address, as codes of sign-in links do, and is taken out of it at once. */
const found = /^#invitation=(vmi1\.[0-9a-f-]{36}\.[0-9a-f]{64})$/.exec(location.hash)?.[1];

if (found !== undefined) {
  sessionStorage.setItem(KEPT, found);
  history.replaceState(null, "", location.pathname + location.search);
}

/** The invitation with which this tab was opened, until it is taken up or put away. */
export const invitation = (): string | null => sessionStorage.getItem(KEPT);

export const putAway = (): void => sessionStorage.removeItem(KEPT);

/** The address that opens the console with an invitation. */
export const invitationLink = (secret: string): string => `${new URL("./", document.baseURI).href}#invitation=${secret}`;

/** Asks whether this browser has a session. Without a token alone: a token goes before it. */
export async function ask(): Promise<void> {
  if (session() !== "asking") return;
  const said = await fetch(`${SERVICE}/api/me`).catch(() => undefined);
  const who = said?.ok === true ? ((await said.json()) as Row<"Caller">) : undefined;
  known(who?.kind === "user" ? who.id : null);
}

export const providers = (): Promise<Row<"SignInProvider">[]> => answer(client.GET("/sign-in/providers")).then(({ items }) => items);

/** Where one signs in at a provider. */
export const signInAt = (provider: string): string => `${SERVICE}/sign-in?${new URLSearchParams({ provider }).toString()}`;

/** Where the provider ends its own session with whoever signed out here. */
let elsewhere: string | undefined;
export const endElsewhere = (): string | undefined => elsewhere;

/** Ends the session, or forgets the token. */
export async function leave(): Promise<void> {
  // A session that is over already is ended all the same.
  if (session() === "person") elsewhere = (await answer(client.POST("/sign-out")).catch(() => undefined))?.end_session ?? undefined;
  signOut();
}
