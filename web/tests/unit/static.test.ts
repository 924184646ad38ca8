// What is committed as the built editor is what the page can ask for, and nothing that an earlier build left behind.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const STATIC = fileURLToPath(new URL("../../../server/static", import.meta.url));
const NOT_OF_THE_PAGE = ["build-info.json"];

test("every built file is reached from the page", () => {
  const files = readdirSync(STATIC, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(STATIC, name)).isFile());
  const reached = new Set(["index.html"]);
  for (const name of reached) {
    if (!/\.(html|js|css)$/.test(name)) continue;
    const text = readFileSync(join(STATIC, name), "utf8");
    for (const other of files) if (text.includes(other.split("/").at(-1)!)) reached.add(other);
  }
  expect(files.filter((name) => !reached.has(name) && !NOT_OF_THE_PAGE.includes(name))).toEqual([]);
});
