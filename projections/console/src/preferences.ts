// What a person prefers, kept in the browser.

import { useSyncExternalStore } from "react";

const KEY = "vaultmesh.preferences";

export interface Preferences {
  theme: "system" | "dark" | "light";
  utc: boolean;
}

const INITIAL: Preferences = { theme: "system", utc: false };
let current: Preferences = { ...INITIAL, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>) };
const listeners = new Set<() => void>();

export function prefer(changed: Partial<Preferences>): void {
  current = { ...current, ...changed };
  localStorage.setItem(KEY, JSON.stringify(current));
  applyTheme();
  listeners.forEach((listener) => listener());
}

export function usePreferences(): Preferences {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => current);
}

/** Puts the theme on the page. */
export function applyTheme(): void {
  if (current.theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = current.theme;
}
