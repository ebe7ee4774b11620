// Who is signed in: an API token that lives as long as the tab. The content security policy lets no foreign script near it.

const KEY = "vaultmesh.token";
const listeners = new Set<() => void>();
let ended = false;

export const token = (): string | null => sessionStorage.getItem(KEY);

/** Whether somebody was signed in until the token counted no longer. */
export const hasExpired = (): boolean => ended;

function changed(): void {
  listeners.forEach((listener) => listener());
}

export function signIn(value: string): void {
  sessionStorage.setItem(KEY, value);
  ended = false;
  changed();
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  ended = false;
  changed();
}

/** The service knows the token no longer. The page stays where it is, to be gone on with after a new sign-in. */
export function expire(): void {
  if (token() === null) return;
  sessionStorage.removeItem(KEY);
  ended = true;
  changed();
}

/** Calls back when somebody signs in or out; returns how to stop. */
export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
