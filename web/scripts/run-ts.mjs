// Runs a TypeScript file in Node, as the tests see it: `node scripts/run-ts.mjs bench/bench.ts`.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

await runnerImport(resolve(process.argv[2]), {
  configFile: false,
  logLevel: "error",
  resolve: { alias: { "@": fileURLToPath(new URL("../src", import.meta.url)) } },
});
