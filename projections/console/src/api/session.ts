// Who is signed in: by an API token that lives as long as the tab, or as a person who came from a provider and has a
// session that the service keeps. The content security policy lets no foreign script near a token; a session's name is in
// a cookie that no script can read.

import { CONSOLE } from "../base";

const KEY = "vaultmesh.token";

/** Where somebody was who went to a provider to sign in. */
const BACK = "vaultmesh.back";

export type Session = "asking" | "token" | "person" | "nobody";

const listeners = new Set<() => void>();
let ended = false;
/** The person's id; undefined until the service was asked whether the browser has a session. */
let own: string | null | undefined;

export const token = (): string | null => sessionStorage.getItem(KEY);

/** The id of whoever has a session, where no token is used. */
export const person = (): string | undefined => (token() === null ? (own ?? undefined) : undefined);

export function session(): Session {
  if (token() !== null) return "token";
  if (own === undefined) return "asking";
  return own === null ? "nobody" : "person";
}

/** Whether somebody was signed in until it counted no longer. */
export const hasExpired = (): boolean => ended;

/** The organisation in the address. Somebody of several names with each request the one that is meant. */
export const addressed = (): string | undefined => new URLSearchParams(location.search).get("org") ?? undefined;

/** The headers that say who asks. A session needs none: its cookie goes along by itself. */
export function credentials(): Record<string, string> {
  const bearer = token();
  if (bearer !== null) return { Authorization: `Bearer ${bearer}` };
  const org = person() === undefined ? undefined : addressed();
  return org === undefined ? {} : { "x-org-id": org };
}

function changed(): void {
  listeners.forEach((listener) => listener());
}

export function signIn(value: string): void {
  sessionStorage.setItem(KEY, value);
  ended = false;
  changed();
}

/** What the service says of the browser's session: the person's id, or nobody's. */
export function known(id: string | null): void {
  if (own === id) return;
  own = id;
  if (id !== null) ended = false;
  changed();
}

/** Forgets who was signed in. A person's session at the service is ended by `leave`. */
export function signOut(): void {
  sessionStorage.removeItem(KEY);
  own = null;
  ended = false;
  changed();
}

/** The service knows the token or the session no longer. The page stays where it is, to be gone on with after a new sign-in. */
export function expire(): void {
  if (token() === null && person() === undefined) return;
  sessionStorage.removeItem(KEY);
  own = null;
  ended = true;
  changed();
}

/** Calls back when somebody signs in or out; returns how to stop. */
export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Keeps where one is while one is at the provider. */
export const leaveFor = (): void => sessionStorage.setItem(BACK, location.href);

// The provider sends everybody to the first page. Back to where one was, before anything reads the address.
const back = sessionStorage.getItem(BACK);
if (back !== null && location.pathname === CONSOLE) {
  sessionStorage.removeItem(BACK);
  const to = new URL(back, location.href);
  if (to.origin === location.origin) history.replaceState(null, "", to.pathname + to.search);
}
