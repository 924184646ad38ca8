// The page that shows every widget, in a real browser: what the tests of widgets share. No service is needed.
import { type Browser, type BrowserContext, type Locator, type Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { atRest, openContext, startBrowser } from "./harness";

/** The page, a fresh one for each test of a file that uses the gallery. */
export let page: Page;
let server: ViteDevServer;
let browser: Browser;
let context: BrowserContext;
let address: string;

export function startGallery(): void {
  beforeAll(async () => {
    server = await createServer({ server: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
    await server.listen();
    address = `${server.resolvedUrls?.local[0] ?? ""}widgets.html`;
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  beforeEach(async () => {
    context = await openContext(browser, { width: 1200, height: 1400 });
    page = await context.newPage();
    await show();
  });

  afterEach(async () => {
    await context.close();
  });
}

export async function show(query = ""): Promise<void> {
  await page.goto(address + query);
  await page.waitForSelector("main");
}

export const node = (label: string): Locator => page.locator(`[data-node="${label}"]`);
export const form = (label: string): Locator => page.locator(`[data-form="${label}"]`);
export const value = async (label: string): Promise<unknown> => JSON.parse((await page.textContent(`[data-value="${label}"]`)) ?? "null");
export const steps = async (label: string): Promise<number> => Number(await page.getAttribute(`[data-value="${label}"]`, "data-steps"));

export async function drag(target: Locator, by: number, key?: "Shift" | "Alt"): Promise<void> {
  const box = await atRest(target);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  if (key) await page.keyboard.down(key);
  await page.mouse.down();
  await page.mouse.move(x + by / 2, y, { steps: 4 });
  await page.mouse.move(x + by, y, { steps: 4 });
}
