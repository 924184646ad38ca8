// Says what a build was made from: one hash over the sources and the lockfile. `--write` after a build, `--check` in tests.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const INFO = join(WEB, "../server/static/build-info.json");
const MADE_FROM = ["index.html", "package-lock.json", "public", "src", "vite.config.ts"];

/** The hash over the names and contents of everything that a build is made from. */
export function sourceHash() {
  const hash = createHash("sha256");
  for (const path of MADE_FROM.flatMap((one) => files(join(WEB, one))).sort()) {
    hash.update(relative(WEB, path).split(sep).join("/") + "\0");
    hash.update(createHash("sha256").update(readFileSync(path)).digest());
  }
  return hash.digest("hex");
}

function files(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path).flatMap((name) => files(join(path, name)));
  } catch {
    return [path];
  }
}

if (process.argv[2] === "--write") {
  writeFileSync(INFO, JSON.stringify({ sources: sourceHash() }) + "\n");
} else if (process.argv[2] === "--check") {
  const built = existsSync(INFO) ? JSON.parse(readFileSync(INFO, "utf8")).sources : null;
  if (built !== sourceHash()) {
    console.error("server/static was not built from these sources. Run: make web");
    process.exit(1);
  }
}
