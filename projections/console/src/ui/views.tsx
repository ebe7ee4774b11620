// The saved views of a page, as links.

import { useState } from "react";
import { Link, useSearch } from "@tanstack/react-router";
import { drop, save, views, type View } from "../saved";
import { Button } from "./atoms";

export function Views({ page }: { page: "/nodes" | "/findings" | "/incidents" | "/commands" }) {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const [kept, setKept] = useState<View[]>(() => views(page));
  const [naming, setNaming] = useState(false);
  const { at: _at, org: _org, id: _id, ...rest } = search;
  const present = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]));
  return (
    <span className="flex flex-wrap items-center gap-1 text-xs">
      {kept.map((view) => (
        <span key={view.name} className="flex items-center rounded border border-line">
          <Link to={page} search={view.search as never} className="px-2 py-1 hover:text-accent">{view.name}</Link>
          <button type="button" aria-label={`forget the view ${view.name}`} className="px-1 text-faint hover:text-crit" onClick={() => {
            drop(view);
            setKept(views(page));
          }}>×</button>
        </span>
      ))}
      {naming ? (
        <form className="flex gap-1" onSubmit={(event) => {
          event.preventDefault();
          const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
          if (name !== "") save({ page, name, search: present });
          setKept(views(page));
          setNaming(false);
        }}>
          <input name="name" autoFocus aria-label="name of the view" placeholder="name of the view" className="w-32 rounded border border-line bg-raised px-1" />
          <Button type="submit" kind="main">save</Button>
        </form>
      ) : Object.keys(present).length > 0 && <Button onClick={() => setNaming(true)}>save this view</Button>}
    </span>
  );
}
