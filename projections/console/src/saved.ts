// Views that a person saved: a name for what a page is filtered by. They are kept in this browser.

const KEY = "vaultmesh.views";

export interface View {
  page: string;
  name: string;
  search: Record<string, string>;
}

export function views(page: string): View[] {
  return all().filter((view) => view.page === page);
}

function all(): View[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as View[]) : [];
  } catch {
    return [];
  }
}

/** Keeps a view; one of this name and page gives way to it. */
export function save(view: View): void {
  localStorage.setItem(KEY, JSON.stringify([...without(view), view]));
}

export function drop(view: View): void {
  localStorage.setItem(KEY, JSON.stringify(without(view)));
}

const without = ({ page, name }: View): View[] => all().filter((one) => one.page !== page || one.name !== name);
