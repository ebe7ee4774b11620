// Something a person does: it says first what it will do and to how many, and afterwards what was recorded, with its proof.

import { useEffect, useId, useState, useSyncExternalStore, type ReactNode } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { me } from "../api/queries";
import { useAt } from "../shell/place";
import { AsCommand, Button } from "./atoms";
import { Dialog } from "./dialog";
import { Check } from "./entry";

/** What was recorded; what is shown once; how it is undone. */
export interface Done {
  seq?: number | undefined;
  says?: ReactNode;
}

/** What a role allows, as `GET /api/me` names it. */
export type Action = "read" | "write notes" | "write events" | "issue commands" | "manage enrolment tokens" | "manage API tokens" | "manage members" | "manage rules" | "govern keys";

/** Whether somebody may do something here and now; otherwise why not. */
export function useMay(action: Action): string | undefined {
  const at = useAt();
  const { data } = useQuery(me());
  if (at !== undefined) return "The past cannot be changed; go back to now.";
  if (data === undefined) return "One moment: what you may do is being asked.";
  if (!data.actions.includes(action)) return `Your role (${data.roles.join(", ") || data.kind}) may not ${action}.`;
  return undefined;
}

/** Whether somebody belongs to the ledger's own organisation, and so sees all others. */
export function useEverywhere(): boolean {
  const { data } = useQuery(me());
  return data !== undefined && (data.org === null || data.org === "ledger") && data.roles.some((role) => role !== "support");
}

export interface ActProps {
  /** What the button says. */
  label: string;
  kind?: "plain" | "main" | "grave";
  may: Action;
  /** Why it cannot be done at present, beside the role. */
  unless?: string | undefined;
  title: string;
  /** What it will do, and to how many. */
  says: ReactNode;
  /** The same from a terminal. */
  command?: string | ((form: FormData) => string);
  run: (form: FormData) => Promise<Done>;
  children?: ReactNode;
  onDone?: () => void;
}

type Asked = Omit<ActProps, "may" | "unless">;

// The dialog stands at the end of the page and not where its button is: what was done may take the button away, and the
// receipt is to be seen all the same.
let current: { id: string; act: Asked } | undefined;
const listeners = new Set<() => void>();

function show(next: typeof current): void {
  current = next;
  listeners.forEach((listener) => listener());
}

export function Act({ label, kind = "plain", may, unless, ...rest }: ActProps) {
  const id = useId();
  const hindrance = useMay(may) ?? unless;
  const act: Asked = { label, kind, ...rest };
  // What it says may change while it is open, with what is typed.
  useEffect(() => {
    if (current?.id === id) show({ id, act });
  });
  return <Button kind={kind} disabled={hindrance !== undefined} title={hindrance} onClick={() => show({ id, act })}>{label}</Button>;
}

/** Where the dialog of an act is shown. */
export function ActHost() {
  const open = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => current);
  return open === undefined ? null : <ActDialog key={open.id} {...open.act} onClose={() => show(undefined)} />;
}

function ActDialog({ label, kind, title, says, command, run, children, onDone, onClose }: Asked & { onClose: () => void }) {
  const queries = useQueryClient();
  const [filled, setFilled] = useState(() => new FormData());
  const act = useMutation({
    mutationFn: run,
    onSuccess: () => {
      void queries.invalidateQueries();
      onDone?.();
    },
  });
  const text = typeof command === "function" ? command(filled) : command;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onChange={(event) => setFilled(new FormData(event.currentTarget))}
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate(new FormData(event.currentTarget));
        }}
        className="flex flex-col gap-3 p-4"
      >
        <h2 className="text-base font-semibold">{title}</h2>
        {act.data === undefined ? (
          <>
            <div className="text-sm text-soft">{says}</div>
            {children}
            {text !== undefined && <AsCommand>{text}</AsCommand>}
            {act.error !== null && <p role="alert" className="text-sm text-crit">◆ {act.error.message}</p>}
            <div className="flex justify-end gap-2">
              <Button onClick={onClose}>cancel</Button>
              <Button type="submit" kind={kind === "grave" ? "grave" : "main"} disabled={act.isPending}>{act.isPending ? "…" : label}</Button>
            </div>
          </>
        ) : (
          <>
            <Outcome done={act.data} />
            <div className="flex justify-end"><Button kind="main" onClick={onClose}>close</Button></div>
          </>
        )}
      </form>
    </Dialog>
  );
}

/** What came of it: the entry, proved by this browser. */
export const Outcome = ({ done }: { done: Done }) => (
  <div role="status" className="flex flex-col gap-2 text-sm">
    {done.says}
    {done.seq !== undefined && <p className="text-soft">Recorded as entry {done.seq}. <Check seq={done.seq} auto /></p>}
  </div>
);
