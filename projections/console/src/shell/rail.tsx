// Where one can go.

import { Link } from "@tanstack/react-router";
import { GROUPS } from "./pages";

export function Rail({ onGo }: { onGo?: () => void }) {
  return (
    <nav aria-label="pages" className="flex flex-col gap-3 p-2">
      {GROUPS.map(([group, pages]) => (
        <div key={group}>
          <h2 className="px-2 text-[11px] uppercase tracking-wider text-faint">{group}</h2>
          <ul>
            {pages.map(([to, name, key]) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={onGo}
                  activeOptions={{ exact: to === "/", includeSearch: false }}
                  activeProps={{ className: "bg-raised text-ink", "aria-current": "page" }}
                  className="group flex justify-between rounded px-2 py-1 text-soft hover:text-ink"
                >
                  {name}
                  <kbd aria-hidden="true" className="hidden text-[11px] text-faint group-hover:inline">g {key}</kbd>
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
