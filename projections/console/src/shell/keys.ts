// What keys do on every page.

import { useEffect, useRef } from "react";
import { useNavigate } from "@tanstack/react-router";
import { PAGES } from "./pages";

export interface KeyActions {
  palette: () => void;
  shortcuts: () => void;
}

/** `g` and a letter goes to a page, `/` and Cmd-K search, `f` filters the page, `?` says all of this. */
export function useKeys({ palette, shortcuts }: KeyActions): void {
  const navigate = useNavigate();
  const afterG = useRef(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        return palette();
      }
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLSelectElement;
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
      if (afterG.current) {
        afterG.current = false;
        const page = PAGES.find(([, , key]) => key === event.key);
        if (page !== undefined) return void navigate({ to: page[0] });
      }
      afterG.current = event.key === "g";
      if (event.key === "/") {
        event.preventDefault();
        palette();
      } else if (event.key === "?") shortcuts();
      else if (event.key === "f") {
        const filter = document.querySelector<HTMLInputElement>("main input[type=search]");
        if (filter !== null) event.preventDefault();
        filter?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate, palette, shortcuts]);
}
