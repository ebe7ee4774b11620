import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Refused } from "./api/client";
import { live } from "./api/live";
import { invalidate } from "./api/queries";
import { ask } from "./api/person";
import { onChange } from "./api/session";
import { applyTheme } from "./preferences";
import { router } from "./routes";
import "./styles.css";

const queries = new QueryClient({
  defaultOptions: { queries: { retry: (count, error) => count < 2 && !(error instanceof Refused && error.status >= 400 && error.status < 500), refetchOnWindowFocus: false } },
});
live.onEntries((entries, gap) => invalidate(queries, entries, gap));
// What one person saw is nothing for the next.
onChange(() => queries.clear());
applyTheme();
live.start();
void ask();

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
