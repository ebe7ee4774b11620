import { Dialog } from "../ui/dialog";
import { PAGES } from "./pages";

const ALWAYS = [["/  or  Ctrl K", "search nodes, incidents, keys, entries and pages"], ["f", "filter this page"], ["?", "this list"], ["Esc", "close what is open"]] as const;

/** Every shortcut there is. */
export const Shortcuts = ({ onClose }: { onClose: () => void }) => (
  <Dialog title="Shortcuts" onClose={onClose} wide>
    <div className="p-4">
      <h2 className="mb-3 text-base font-semibold">Shortcuts</h2>
      <dl className="grid grid-cols-[8rem_1fr] gap-y-1 sm:grid-cols-[8rem_1fr_5rem_1fr]">
        {[...ALWAYS, ...PAGES.map(([, name, key]) => [`g ${key}`, name] as const)].map(([keys, what]) => (
          <div key={keys} className="contents"><dt><kbd className="rounded border border-line bg-raised px-1.5 text-xs">{keys}</kbd></dt><dd className="text-sm text-soft">{what}</dd></div>
        ))}
      </dl>
    </div>
  </Dialog>
);
