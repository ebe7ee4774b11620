// What a person prefers, kept in the browser.

import { useSyncExternalStore } from "react";

const KEY = "vaultmesh.preferences";

export interface Preferences {
  theme: "system" | "dark" | "light";
  utc: boolean;
  /** Columns of the list of nodes that are not shown. */
  hidden: readonly string[];
}

const INITIAL: Preferences = { theme: "system", utc: false, hidden: ["Version", "Policy", "Labels"] };
let current: Preferences = { ...INITIAL, ...kept() };

function kept(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>;
  } catch {
    return {};
  }
}

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
