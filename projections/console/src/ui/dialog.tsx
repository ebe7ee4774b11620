// A dialog of the browser itself: it holds the focus, gives it back, and closes on Escape.

import { useLayoutEffect, useRef, type ReactNode } from "react";

export function Dialog({ title, onClose, children, wide = false }: { title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const host = useRef<HTMLDialogElement>(null);
  // Before it is taken off the page: a dialog that is gone can give no focus back.
  useLayoutEffect(() => {
    const dialog = host.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={host}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === host.current && onClose()}
      className={`m-auto max-h-[90dvh] w-full ${wide ? "max-w-2xl" : "max-w-lg"} overflow-auto rounded-lg border border-line bg-panel p-0 text-ink shadow-2xl backdrop:bg-black/60`}
    >
      {children}
    </dialog>
  );
}
