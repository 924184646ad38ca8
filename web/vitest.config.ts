import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    include: ["tests/unit/**/*.test.{ts,tsx}"],
    environment: "node",
    maxWorkers: 2,
    // What is waited for comes soon, but on a machine that has much else to do it may take its time.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
