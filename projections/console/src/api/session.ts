// Who is signed in: an API token that lives as long as the tab. The content security policy lets no foreign script near it.

const KEY = "vaultmesh.token";
const listeners = new Set<() => void>();

export const token = (): string | null => sessionStorage.getItem(KEY);

export function signIn(value: string): void {
  sessionStorage.setItem(KEY, value);
  listeners.forEach((listener) => listener());
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  listeners.forEach((listener) => listener());
}

/** Calls back when somebody signs in or out; returns how to stop. */
export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
