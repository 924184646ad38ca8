// What was opened in the browser is not lost: beside other windows, after closing, and where browsers have no locks.
import { expect, test } from "vitest";
import type { BrowserContext, Page } from "playwright-core";
import { documentOf, kept, openContext, openPage, openTemplate, settled } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const uidsIn = (page: Page) => page.evaluate(() => [...window.latentgraph!.documents.store.getState().order]);
const write = (page: Page, description: string) =>
  page.evaluate((words) => window.latentgraph!.documents.edit(window.latentgraph!.documents.active!.uid, "Edit", (document) => ({ ...document, description: words })), description);

const withLocks = () => openContext(browser, { width: 1400, height: 900 });

/** A browser as on pages without encryption. */
async function withoutLocks(): Promise<BrowserContext> {
  const context = await withLocks();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  return context;
}

async function openWindow(context: BrowserContext, description: string | null): Promise<Page> {
  const page = await context.newPage();
  await page.goto(service.url);
  if (description === null) return page;
  await openTemplate(page, "text_to_image");
  await write(page, description);
  await kept(page);
  return page;
}

/** How many closed documents the browser keeps. */
async function closedKept(): Promise<number> {
  const opening = indexedDB.open("latentgraph");
  await new Promise((done) => (opening.onsuccess = done));
  const reading = opening.result.transaction("documents").objectStore("documents").getAll() as IDBRequest<{ closed?: number }[]>;
  await new Promise((done) => (reading.onsuccess = done));
  opening.result.close();
  return reading.result.filter((one) => one.closed !== undefined).length;
}

const described = (page: Page) => page.evaluate(() => Object.values(window.latentgraph!.documents.store.getState().open).map((one) => one.document.description));

test.each([
  ["with locks", false],
  ["without locks", true],
])("windows that reload together have each document once (%s)", async (_, bare) => {
  const context = await (bare ? withoutLocks() : withLocks());
  const pages = [await openWindow(context, "one"), await openWindow(context, "two"), await openWindow(context, "three")];
  await Promise.all(pages.map((page) => page.reload()));
  const all = async () => (await Promise.all(pages.map(described))).flat().sort();
  await expect.poll(all).toEqual(["one", "three", "two"]);
  const uids = (await Promise.all(pages.map(uidsIn))).flat();
  expect(new Set(uids).size).toBe(3);
  await context.close();
});

test("a window without locks that is gone leaves its work to the next, not to one beside it", async () => {
  const context = await withoutLocks();
  const gone = await openWindow(context, "left behind");
  const other = await openWindow(context, "beside");
  expect(await described(other)).toEqual(["beside"]);
  await gone.close();
  const next = await openWindow(context, null);
  await expect.poll(() => described(next)).toEqual(["left behind"]);
  await context.close();
});

test("a workflow that was closed unsaved is opened again, by a key and in another window", async () => {
  const { page, context, errors } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await write(page, "unsaved");
  await page.keyboard.press("Alt+w");
  await expect.poll(() => page.getByTestId("tab").count()).toBe(0);
  await page.keyboard.press("Alt+Shift+W");
  await expect.poll(() => page.getByTestId("tab").count()).toBe(1);
  expect((await documentOf(page)).description).toBe("unsaved");
  await page.keyboard.press("Alt+w");
  await expect.poll(() => page.evaluate(closedKept)).toBe(1);
  await page.close();
  const next = await context.newPage();
  await next.goto(service.url);
  await next.getByTestId("run").waitFor();
  await settled(next);
  await next.keyboard.press("Control+k");
  await next.getByPlaceholder("What to do?").fill("reopen closed");
  await next.keyboard.press("Enter");
  await expect.poll(() => next.getByTestId("tab").count()).toBe(1);
  expect((await documentOf(next)).description).toBe("unsaved");
  expect(errors).toEqual([]);
  await context.close();
});

const nameOf = (page: Page) => page.evaluate(() => sessionStorage.getItem("latentgraph.tab"));
/** More than a page is given to let go of its name before it is asked whether it lives. */
const ASKED_BY_THEN = 2500;

test("a window that comes back while the page before it still lets go has its documents, however long that takes", async () => {
  const context = await withLocks();
  const page = await openWindow(context, "mine");
  const lock = `latentgraph tab ${await nameOf(page)}`;
  const slow = await openWindow(context, null);
  await slow.evaluate((name) => void navigator.locks.request(name, () => new Promise<void>((done) => Object.assign(window, { letGo: done }))), lock);
  await page.goto("about:blank");
  await slow.waitForFunction(() => "letGo" in window);
  await page.goto(service.url, { waitUntil: "commit" });
  await expect.poll(() => slow.evaluate(async () => (await navigator.locks.query()).pending!.map((one) => one.name))).toContain(lock);
  await page.waitForTimeout(ASKED_BY_THEN);
  await slow.evaluate(() => (window as unknown as { letGo: () => void }).letGo());
  await expect.poll(() => described(page)).toEqual(["mine"]);
  expect(`latentgraph tab ${await nameOf(page)}`).toBe(lock);
  await context.close();
});

test("a window whose page is slow to start holds its name and has its documents", async () => {
  const context = await withLocks();
  const page = await openWindow(context, "mine");
  const name = await nameOf(page);
  await page.addInitScript((time) => {
    const { request } = LockManager.prototype;
    LockManager.prototype.request = function (this: LockManager, ...given: unknown[]) {
      const asked = Reflect.apply(request, this, given) as Promise<unknown>;
      for (const until = performance.now() + time; performance.now() < until; );
      return asked;
    } as typeof request;
  }, ASKED_BY_THEN);
  await page.reload();
  await expect.poll(() => described(page)).toEqual(["mine"]);
  expect(await nameOf(page)).toBe(name);
  expect(await page.evaluate(async () => (await navigator.locks.query()).held!.map((one) => one.name))).toContain(`latentgraph tab ${name}`);
  await context.close();
});

test.each([
  ["with locks", false],
  ["without locks", true],
])("a copy of a window has another name and leaves it its documents (%s)", async (_, bare) => {
  const context = await (bare ? withoutLocks() : withLocks());
  const page = await openWindow(context, "mine");
  const name = await nameOf(page);
  const copy = await context.newPage();
  await copy.addInitScript((copied) => void (sessionStorage.getItem("latentgraph.tab") ?? sessionStorage.setItem("latentgraph.tab", copied!)), name);
  await copy.goto(service.url);
  await expect.poll(() => nameOf(copy)).not.toBe(name);
  await settled(copy);
  expect(await described(copy)).toEqual([]);
  expect(await nameOf(page)).toBe(name);
  await page.reload();
  await expect.poll(() => described(page)).toEqual(["mine"]);
  await context.close();
});
