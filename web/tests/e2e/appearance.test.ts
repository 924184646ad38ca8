// How the canvas is drawn and behaves as it was chosen: links, density, the grid, and no motion where none is wanted.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { atRest, documentOf, kept, openPage, openTemplate, settled } from "./harness";
import { browser, node, service, startStage } from "./stage";

startStage();


const zoomOf = (page: Page) => page.locator(".react-flow__viewport").evaluate((one) => new DOMMatrix(getComputedStyle(one).transform).a);

async function start(): Promise<{ page: Page; errors: string[]; close: () => Promise<void> }> {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  return { page, errors, close: () => context.close() };
}

/** Choose something in the settings, by its word. */
async function choose(page: Page, word: string): Promise<void> {
  await page.keyboard.press("Control+,");
  await page.getByText(word, { exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Settings" }).waitFor({ state: "detached" });
}

describe("links", () => {
  /** The commands of the line from the decoder to what saves its picture; null where there is none. */
  const lineOf = (page: Page) => page.locator("path[data-link]").evaluateAll((all) => all.find((one) => one.getAttribute("data-link") === "save\nimages")?.getAttribute("d")!.replaceAll(/[^A-Z]/g, "") ?? null);

  test("are curves, straight, in steps, or hidden but for one that is selected; and stay so", async () => {
    const { page, errors, close } = await start();
    await expect.poll(() => lineOf(page)).toBe("MC");
    for (const [word, line] of [["Straight", "ML"], ["Steps", "MLLL"], ["Hidden", null]] as const) {
      await choose(page, word);
      await expect.poll(() => lineOf(page)).toBe(line);
    }
    await page.evaluate(() => window.latentgraph!.documents.select(["link:save\nimages"]));
    await expect.poll(() => lineOf(page)).toBe("MC");
    await kept(page);
    await page.reload();
    await atRest(node(page, "save"));
    expect(await page.locator("path[data-link]").count()).toBe(0);
    expect(errors).toEqual([]);
    await close();
  });
});

describe("density", () => {
  test("gives every row its height at once, with its sockets in their places, and stays", async () => {
    const { page, errors, close } = await start();
    await page.evaluate(() => window.latentgraph!.canvas!.zoomTo(1));
    await expect.poll(() => zoomOf(page)).toBe(1);
    const heights = async () => {
      await atRest(node(page, "sampler"));
      return node(page, "sampler").evaluate((one) => {
        const boxOf = (what: string) => one.querySelector(what)!.getBoundingClientRect();
        const [field, socket, output, card] = [boxOf('[data-input="steps"]'), boxOf('[data-socket="steps"]'), boxOf('[data-end="output"]'), one.getBoundingClientRect()];
        const away = [socket.top + socket.height / 2 - field.top - field.height / 2, socket.left + socket.width / 2 - card.left, output.left + output.width / 2 - card.right];
        return { node: Math.round(card.height), row: Math.round(field.height), widget: getComputedStyle(one).getPropertyValue("--row"), away: away.map((one) => Math.abs(Math.round(one))) };
      });
    };
    const compact = await heights();
    expect(compact).toMatchObject({ row: 20, widget: "22px", away: [0, 0, 0] });
    await choose(page, "Comfortable");
    await expect.poll(async () => (await heights()).row).toBe(24);
    const comfortable = await heights();
    expect(comfortable.widget).toBe("26px");
    expect(comfortable.away).toEqual(compact.away);
    expect(comfortable.node).toBeGreaterThan(compact.node + 4 * 8);
    await kept(page);
    await page.reload();
    await expect.poll(async () => (await heights()).row).toBe(24);
    await choose(page, "Compact");
    await expect.poll(heights).toEqual(compact);
    expect(errors).toEqual([]);
    await close();
  });
});

describe("the grid", () => {
  const placeOf = async (page: Page) => (await documentOf(page)).nodes["save"]!.ui!["pos"] as [number, number];

  test.each([
    ["nodes move in its steps", true],
    ["nodes move freely where that is not wanted", false],
  ])("%s", async (_, snap) => {
    const { page, close } = await start();
    await page.evaluate((on) => window.latentgraph!.settings.setState({ snap: on, guides: false }), snap);
    await page.evaluate(() => window.latentgraph!.canvas!.zoomTo(1));
    await expect.poll(() => zoomOf(page)).toBe(1);
    await page.evaluate(() => window.latentgraph!.canvas!.reveal("save"));
    const box = await atRest(node(page, "save"));
    const from = await placeOf(page);
    const at = { x: box.x + box.width / 2, y: box.y + 10 };
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    await page.mouse.move(at.x + 21, at.y + 45, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => placeOf(page)).not.toEqual(from);
    expect((await placeOf(page)).every((one) => one % 8 === 0)).toBe(snap);
    await close();
  });
});

describe("who asks the system for less motion", () => {
  /** What moves on the page by itself. */
  const moving = (page: Page) => page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  const runs = (page: Page) =>
    page.evaluate(() => {
      const { runs, documents } = window.latentgraph!;
      runs.nodes.set(`${documents.active!.uid}/save`, { state: "running", job: "running" });
    });

  test("sees links to a node that runs stand still, and the canvas go at once to what is to be seen", async () => {
    const { page, errors, close } = await start();
    await settled(page);
    await runs(page);
    await expect.poll(() => moving(page)).toBeGreaterThan(0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    await expect.poll(() => moving(page)).toBe(0);
    const steps = await page.evaluate(async () => {
      const viewport = document.querySelector<HTMLElement>(".react-flow__viewport")!;
      const seen = new Set<string>();
      window.latentgraph!.canvas!.zoomTo(2);
      for (let frame = 0; frame < 30; frame++) {
        await new Promise((done) => requestAnimationFrame(done));
        seen.add(viewport.style.transform);
      }
      return seen.size;
    });
    expect(steps).toBeLessThanOrEqual(2);
    expect(await zoomOf(page)).toBe(2);
    expect(errors).toEqual([]);
    await close();
  });
});
