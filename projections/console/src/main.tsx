import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { Refused } from "./api/client";
import { live } from "./api/live";
import { invalidate } from "./api/queries";
import { applyTheme } from "./preferences";
import { router } from "./routes";
import "./styles.css";

const queries = new QueryClient({
  defaultOptions: { queries: { retry: (count, error) => count < 2 && !(error instanceof Refused && error.status >= 400 && error.status < 500) } },
});
live.onEntries((entries) => invalidate(queries, entries));
applyTheme();
live.start();

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
