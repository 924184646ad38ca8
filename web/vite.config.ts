// Builds the editor into server/static/, where the service finds it. Names carry hashes, so browsers keep them for good.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { proxyTo } from "./scripts/dev-proxy";

const service = process.env["LATENTGRAPH_SERVICE"] ?? "http://127.0.0.1:8188";

export default defineConfig({
  base: "./",
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../server/static",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  server: { proxy: proxyTo(service) },
});
