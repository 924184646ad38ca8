// The queue as its user meets it: paused, continued, reordered, cancelled; and a run on every change.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessFaults, documentOf, kept, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

/** More than the editor waits after a change before it runs. */
const AUTO_RUN_PAUSE = 800;

const waiting = (page: Page) => page.locator('[data-testid=job][data-state=queued]');
const order = (page: Page) => waiting(page).evaluateAll((rows) => rows.map((row) => row.getAttribute("data-job")));
const steps = (page: Page, count: number) =>
  page.evaluate((to) => window.latentgraph!.documents.editGraph("Steps", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, steps: to } } } })), count);

describe("the queue", () => {
  test("is paused and says so; what waits is reordered and cancelled; it continues", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
    await page.getByTestId("rail-queue").click();
    await page.getByTestId("pause").click();
    await page.getByTestId("paused").waitFor();
    for (const count of [1, 2, 3]) {
      await steps(page, count);
      await page.getByTestId("run").click();
      await expect.poll(() => waiting(page).count()).toBe(count);
    }
    const [first, second, third] = await order(page);
    expect(await waiting(page).getByTestId("job-name").allTextContents()).toEqual(Array<string>(3).fill((await documentOf(page)).name!));
    await waiting(page).nth(1).getByRole("button", { name: "Open its workflow" }).click();
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]!.inputs!["steps"]).toBe(2);
    await waiting(page).nth(2).getByRole("button", { name: "Run first" }).click();
    await expect.poll(() => order(page)).toEqual([third, first, second]);
    await waiting(page).nth(0).getByRole("button", { name: "Run later" }).click();
    await expect.poll(() => order(page)).toEqual([first, third, second]);
    await waiting(page).nth(1).getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => order(page)).toEqual([first, second]);
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);

    await page.reload();
    await page.getByTestId("paused").waitFor();
    await expect.poll(() => order(page)).toEqual([first, second]);
    await page.getByRole("button", { name: "Cancel waiting" }).click();
    await expect.poll(() => waiting(page).count()).toBe(0);
    await page.getByTestId("paused").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("paused").waitFor({ state: "detached" });
    expect(errors).toEqual([]);
    await context.close();
  });

  test("of all that waits a page that was reloaded knows: what it is, how far it is, and what comes of it", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("rail-queue").click();
    await page.getByTestId("pause").click();
    await page.getByTestId("paused").waitFor();
    for (const count of [6, 7]) {
      await steps(page, count);
      await page.getByTestId("run").click();
      await expect.poll(() => waiting(page).count()).toBe(count - 5);
    }
    await kept(page);
    await page.reload();
    const pending = () => page.evaluate(() => window.latentgraph!.runs.pending(window.latentgraph!.documents.active!.uid).length);
    await page.getByTestId("paused").waitFor();
    await expect.poll(pending).toBe(2);
    await page.getByTestId("cancel").click(); // what waits first
    await expect.poll(pending).toBe(1);
    await page.getByTestId("paused").click();
    await expect.poll(pending).toBe(0);
    await page.locator("[data-node] img").first().waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("run on change runs what an edit has changed, and nothing for a node that only moves", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await steps(page, 4);
    await page.getByTestId("auto-run").click();
    await expect.poll(() => page.getByTestId("auto-run").getAttribute("aria-checked")).toBe("true");
    await page.getByTestId("sentence").getByText("Nothing will run: all is known").waitFor({ timeout: 60_000 });
    let jobs = 0;
    page.on("request", (request) => void (request.method() === "POST" && request.url().endsWith("api/v1/jobs") && jobs++));
    await steps(page, 5);
    await expect.poll(() => jobs).toBe(1);
    await page.getByTestId("sentence").getByText("Nothing will run: all is known").waitFor({ timeout: 60_000 });
    const planned = page.waitForResponse(/api\/v1\/plan/);
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Move", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, ui: { pos: [900, 40] } } } })));
    await planned;
    await page.waitForTimeout(AUTO_RUN_PAUSE); // from the plan on: a run that the move asked for would have begun by then
    expect(jobs).toBe(1);
    expect((await documentOf(page)).nodes["sampler"]!.inputs!["steps"]).toBe(5);
    await context.close();
  });
});

describe("the history", () => {
  test("says whose run it was; an entry is taken out and brought back, all are cleared when asked, and what waits and the pictures stay", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("Control+s");
    await page.getByLabel("Name", { exact: true }).fill("mine/foxes");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as mine/foxes").waitFor();
    await page.getByTestId("rail-queue").click();
    const foxes = page.getByTestId("job").filter({ has: page.getByTestId("job-name").getByText("foxes", { exact: true }) });
    const done = foxes.and(page.locator("[data-state=done]"));
    for (const count of [1, 2]) {
      await steps(page, count);
      await page.getByTestId("run").click();
      await expect.poll(() => done.count()).toBe(count);
    }
    const first = await done.nth(0).getAttribute("data-job");
    await done.nth(0).getByRole("button", { name: "Remove from the history" }).click();
    await expect.poll(() => done.count()).toBe(1);
    await page.getByTestId("toast").getByText("foxes is out of the history. Its files stay.").waitFor();
    await page.getByRole("button", { name: "Bring it back" }).click();
    await expect.poll(() => done.count()).toBe(2);
    const isRemoval = (job: string) => page.locator(`[data-job="${job}"]`).getByRole("button", { name: "Remove from the history" }).evaluate((one) => one === document.activeElement);
    const isHeading = () => page.getByTestId("panel-queue").getByRole("heading", { name: "Queue" }).evaluate((one) => one === document.activeElement);
    expect(await isRemoval(first!)).toBe(true);

    await done.nth(0).getByRole("button", { name: "Remove from the history" }).click();
    await expect.poll(() => done.count()).toBe(1);
    expect(await done.getByRole("button", { name: "Remove from the history" }).evaluate((one) => one === document.activeElement)).toBe(true);
    await page.goto("about:blank");
    await expect.poll(async () => (await fetch(`${service.url}api/v1/jobs/${first}`)).status).toBe(404);
    await page.goto(service.url);
    await expect.poll(() => page.getByTestId("tab").count()).toBe(1);
    await expect.poll(() => done.count()).toBe(1);
    const rest = page.locator("[data-job]");
    const all = await rest.count();
    for (let left = all - 1; left >= 0; left--) {
      await rest.last().getByRole("button", { name: "Remove from the history" }).click();
      await expect.poll(() => rest.count()).toBe(left);
    }
    expect(await isHeading()).toBe(true);
    await page.getByText("What you run appears here").waitFor();
    await page.getByRole("button", { name: "Bring it back" }).last().click();
    await expect.poll(() => rest.count()).toBe(1);
    expect(await isRemoval((await rest.getAttribute("data-job"))!)).toBe(true);

    await page.getByTestId("pause").click();
    await page.getByTestId("paused").waitFor();
    await steps(page, 3);
    await page.getByTestId("run").click();
    await expect.poll(() => waiting(page).count()).toBe(1);
    await page.getByRole("button", { name: "Clear the history" }).click();
    await page.getByTestId("dialog").getByText(/entr.* removed for good/).waitFor();
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.getByRole("button", { name: "Keep it" }).click();
    expect(await done.count()).toBe(1);
    await page.getByRole("button", { name: "Clear the history" }).click();
    await page.getByTestId("dialog").getByRole("button", { name: "Clear the history" }).click();
    await expect.poll(() => page.getByTestId("job").count()).toBe(1);
    expect(await waiting(page).count()).toBe(1);
    await expect.poll(isHeading).toBe(true);
    expect(readdirSync(join(service.folder, "output")).filter((one) => one.endsWith(".png")).length).toBeGreaterThan(1);
    await page.getByRole("button", { name: "Cancel waiting" }).click();
    await page.getByTestId("paused").click();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("of thousands of jobs is a few elements; scrolled to its end it is read to its end, and stays read when a job comes to it", async () => {
    const ALL = 3000;
    const { page, errors, context } = await openPage(browser, service.url);
    const job = (number: number) => ({
      id: `job-${number}`, state: number % 7 === 0 ? "failed" : "done", number, client: null, name: `Foxes ${number}`, attempts: 1, cancelling: false, created: number, started: number, finished: number, seconds: 1,
      nodes: { ran: number, cached: 0 }, outputs: [], texts: {}, error: number % 7 === 0 ? { code: "x", message: `It failed in a way that takes ${"several ".repeat(number % 5)}words` } : null,
    });
    let earlierPages = 0; // the first may be read twice, when the connection comes late
    let latest = ALL;
    await page.route(/api\/v1\/jobs\?/, (route) => {
      const asked = new URL(route.request().url()).searchParams.get("before");
      if (asked !== null) earlierPages += 1;
      const before = Number(asked ?? latest + 1);
      const limit = 60;
      const jobs = Array.from({ length: Math.min(limit, before - 1) }, (_, index) => job(before - 1 - index));
      return route.fulfill({ json: { jobs, counts: {}, next: before - 1 > limit ? before - limit : null } });
    });
    await page.evaluate(() => window.latentgraph!.runs.refresh());
    await page.getByTestId("rail-queue").click();
    const rows = page.getByTestId("job");
    await page.getByText(`${ALL} ran`).waitFor();
    const mounted = () => rows.count();
    expect(await mounted()).toBeLessThan(45);
    const scroll = page.locator("[data-testid=job]").first().locator("xpath=../..");
    const last = page.locator('[data-job="job-1"]');
    while ((await last.count()) === 0) {
      await scroll.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      expect(await mounted()).toBeLessThan(45);
    }
    expect(earlierPages).toBe(ALL / 60 - 1);

    latest += 1;
    const at = () => scroll.evaluate((element) => element.scrollTop);
    const before = await at();
    await page.evaluate(() => window.latentgraph!.runs.refresh());
    expect(await page.evaluate(() => window.latentgraph!.runs.store.getState().jobs.length)).toBe(ALL + 1);
    expect(Math.abs((await at()) - before)).toBeLessThan(200);
    expect(errors).toEqual([]);
    await context.close();
  });
});
