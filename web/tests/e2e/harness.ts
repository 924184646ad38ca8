// The real service with the embedded model on a port of its own, and a real browser to look at it.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from "playwright-core";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PYTHON = process.env["LATENTGRAPH_PYTHON"] ?? join(ROOT, ".venv/bin/python");
const BROWSERS = [process.env["LATENTGRAPH_BROWSER"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export interface Service {
  url: string;
  /** The address that it prints: with `--auth` the token of this start is in it. */
  printed: string;
  folder: string;
  /** Kill it, as a power cut would. */
  kill: () => Promise<void>;
  /** Start it again on the same port and folder. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

const FOLDERS = ["input", "output", "cache", "user"];

/** A service with folders of its own. */
export async function startService(more: string[] = []): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), "latentgraph-e2e-"));
  for (const name of FOLDERS) mkdirSync(join(folder, name));
  let port = 0;
  let printed = "";
  let process_: ChildProcess;
  const start = async () => {
    const places = FOLDERS.flatMap((name) => [`--${name}`, join(folder, name)]);
    process_ = spawn(PYTHON, ["-m", "server", "serve", "--port", String(port), "--device", "cpu", ...places, ...more], {
      cwd: ROOT,
      env: { ...process.env, OMP_NUM_THREADS: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    port = await new Promise<number>((found, failed) => {
      let said = "";
      const listen = (data: Buffer) => {
        said += data.toString();
        const match = /answers on (http:\/\/127\.0\.0\.1:(\d+)\S*)\n/.exec(said);
        if (!match) return;
        printed = match[1]!;
        found(Number(match[2]));
      };
      process_.stdout!.on("data", listen);
      process_.stderr!.on("data", listen);
      process_.on("exit", () => failed(new Error(`the service did not start:\n${said}`)));
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (process_.exitCode !== null || process_.signalCode !== null) return;
    const gone = new Promise((done) => process_.once("exit", done));
    try {
      process.kill(-process_.pid!, signal);
    } catch {
      process_.kill(signal);
    }
    await gone;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/`,
    printed,
    folder,
    kill: () => end("SIGKILL"),
    restart: start,
    stop: async () => {
      await end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function startBrowser(more: readonly string[] = []): Promise<Browser> {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("there is no Chromium here: the Makefile's test-web installs or skips");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", ...more] });
}

export interface Window {
  context: BrowserContext;
  page: Page;
  /** What the page said went wrong. */
  errors: string[];
}

/** What a user's windows share. Waits in it are long: see the configuration. */
export async function openContext(browser: Browser, size: { width: number; height: number }): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: size });
  context.setDefaultTimeout(60_000);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  return context;
}

export async function openPage(browser: Browser, url: string, size = { width: 1600, height: 900 }): Promise<Window> {
  const context = await openContext(browser, size);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  // The browser reports every answer that is no success; that an unfinished graph has no plan is no error of the page.
  page.on("console", (message) => message.type() === "error" && !message.text().startsWith("Failed to load resource") && errors.push(message.text()));
  await page.goto(url);
  return { context, page, errors };
}

/** Wait until the page knows its nodes, and takes keys. */
export async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => window.latentgraph?.library.store.getState().state === "ready");
}

export async function openTemplate(page: Page, name: string): Promise<void> {
  await page.getByTestId("rail-templates").click();
  await page.getByTestId(`template-${name}`).click();
  await atRest(page.locator("[data-node]").first());
}

export const documentOf = (page: Page) => page.evaluate(() => window.latentgraph!.documents.active!.document);

/** Drop a file on the page, as from the desktop. */
export async function drop(page: Page, name: string, content: string | Buffer, type: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([bytes, called, kind]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(bytes!), (letter) => letter.charCodeAt(0))], called!, { type: kind! }));
      return transfer;
    },
    [Buffer.from(content).toString("base64"), name, type],
  );
  await page.getByRole("main").dispatchEvent("drop", { dataTransfer: data });
}

/** Where a thing is, once it is there and has stopped moving. */
export async function atRest(target: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  await target.waitFor();
  for (let before = ""; ; ) {
    const box = await target.boundingBox();
    const now = JSON.stringify(box);
    if (box && now === before) return box;
    before = now;
    await frames(target.page(), 2);
  }
}

/** Long enough that what an action would bring about has come about: for checks that nothing does. */
export async function settled(page: Page): Promise<void> {
  await frames(page, 2);
  await page.waitForTimeout(150);
  await frames(page, 2);
}

const frames = (page: Page, count: number) =>
  page.evaluate(async (left) => {
    while (left-- > 0) await new Promise((done) => requestAnimationFrame(done));
  }, count);

/**
 * What axe finds in the page, as `rule: elements`. A colour is judged as it is seen, so what still fades in is waited for: half shown,
 * every text is too faint.
 */
export async function accessFaults(page: Page, tags?: string[]): Promise<string[]> {
  await page.evaluate(async () => {
    const ending = document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((animation) => animation.finished));
  });
  const axe = new AxeBuilder({ page });
  const { violations } = await (tags ? axe.withTags(tags) : axe).analyze();
  return violations.map((one) => `${one.id}: ${one.nodes.map((found) => found.html.slice(0, 200)).join("\n")}`);
}

/** Until what is open is kept in the browser as it is now, with the last run of it. */
export async function kept(page: Page): Promise<void> {
  const isKept = async () => {
    const { uid, document: open } = window.latentgraph!.documents.active!;
    const job = window.latentgraph!.runs.store.getState().last[uid] ?? null;
    const opening = indexedDB.open("latentgraph");
    await new Promise((done) => (opening.onsuccess = done));
    const reading = opening.result.transaction("documents").objectStore("documents").get(uid) as IDBRequest<{ document: unknown; job: string | null } | undefined>;
    await new Promise((done) => (reading.onsuccess = done));
    opening.result.close();
    return reading.result?.job === job && JSON.stringify(reading.result.document) === JSON.stringify(open);
  };
  while (!(await page.evaluate(isKept))) await frames(page, 4);
}
