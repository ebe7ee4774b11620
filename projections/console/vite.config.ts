import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const verifier = fileURLToPath(new URL("../../proofs/vaultmesh-verify/src/index.ts", import.meta.url));
const modules = fileURLToPath(new URL("./node_modules/", import.meta.url));

export default defineConfig({
  // Relative to the page's base, which the service sets: the console works below any prefix.
  base: "./",
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: [
      { find: "vaultmesh-verify", replacement: verifier },
      { find: /^(@noble|hyparquet)\/(.*)$/, replacement: `${modules}$1/$2` },
      { find: /^(fzstd|hyparquet)$/, replacement: `${modules}$1` },
    ],
  },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  test: { setupFiles: ["./test/setup.ts"] },
  // For work on the console alone: a service on this machine.
  server: { proxy: Object.fromEntries(["/api", "/events", "/ROOT.txt"].map((path) => [path, process.env["VAULTMESH_CC_URL"] ?? "http://127.0.0.1:8088"])) },
});
