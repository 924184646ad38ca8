// The editor under fingers: two of them zoom and move, one that rests opens a menu, and what is pressed is broad enough.
import type { CDPSession, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { atRest, documentOf, openTemplate, settled } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

interface Fingers {
  page: Page;
  errors: string[];
  put: (...at: [number, number][]) => Promise<void>;
  go: (...at: [number, number][]) => Promise<void>;
  lift: () => Promise<void>;
  close: () => Promise<void>;
}

async function fingers(): Promise<Fingers> {
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 }, hasTouch: true, isMobile: true });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(service.url);
  await openTemplate(page, "text_to_image");
  const session: CDPSession = await context.newCDPSession(page);
  const send = (type: "touchStart" | "touchMove" | "touchEnd", at: [number, number][]) => session.send("Input.dispatchTouchEvent", { type, touchPoints: at.map(([x, y], id) => ({ x, y, id })) });
  return {
    page,
    errors,
    put: async (...at) => void (await send("touchStart", at)),
    go: async (...at) => void (await send("touchMove", at)),
    lift: async () => void (await send("touchEnd", [])),
    close: () => context.close(),
  };
}

const zoomOf = (page: Page) => page.locator(".react-flow__viewport").evaluate((one) => new DOMMatrix(getComputedStyle(one).transform).a);
const boxOf = (page: Page, id: string) => page.locator(`[data-node="${id}"]`).boundingBox().then((box) => box!);

describe("fingers", () => {
  test("two of them on a node zoom and move what is seen, and leave the node where it is", async () => {
    const { page, errors, put, go, lift, close } = await fingers();
    const before = await atRest(page.locator('[data-node="sampler"]'));
    const zoom = await zoomOf(page);
    const places = Object.entries((await documentOf(page)).nodes).map(([id, node]) => [id, node.ui]);
    const [x, y] = [before.x + before.width / 2, before.y + 12];
    await put([x - 40, y]);
    await put([x - 40, y], [x + 40, y]);
    for (const apart of [50, 60, 70, 80]) await go([x - apart, y], [x + apart, y]);
    await expect.poll(() => zoomOf(page)).toBeCloseTo(zoom * 2, 2);
    const larger = await boxOf(page, "sampler");
    expect(larger.x + larger.width / 2).toBeCloseTo(x, 0);

    for (const step of [20, 40, 60]) await go([x - 80 + step, y + step], [x + 80 + step, y + step]);
    await expect.poll(async () => Math.round((await boxOf(page, "sampler")).x - larger.x)).toBe(60);
    expect(Math.round((await boxOf(page, "sampler")).y - larger.y)).toBe(60);
    expect(await zoomOf(page)).toBeCloseTo(zoom * 2, 2);
    await lift();
    expect(Object.entries((await documentOf(page)).nodes).map(([id, node]) => [id, node.ui])).toEqual(places);
    expect(errors).toEqual([]);
    await close();
  });

  test("one that rests on a node opens its menu, on nothing that of the canvas; one that moves opens none", async () => {
    const { page, errors, put, go, lift, close } = await fingers();
    const menu = page.getByRole("menu");
    const head = await atRest(page.locator('[data-node="sampler"]'));
    await put([head.x + 40, head.y + 8]);
    const bypass = menu.getByRole("menuitem", { name: /^Bypass/ });
    await bypass.waitFor();
    await lift();
    await expect.poll(() => page.evaluate(() => [...window.latentgraph!.documents.active!.selection])).toEqual(["sampler"]);
    await settled(page);
    await bypass.tap();
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]!.mode).toBe("bypass");
    await expect.poll(() => menu.count()).toBe(0);

    const canvas = await atRest(page.getByTestId("canvas"));
    const [x, y] = [canvas.x + canvas.width / 2, canvas.y + canvas.height - 30];
    await put([x, y]);
    await menu.waitFor();
    await lift();
    await menu.getByRole("menuitem").first().waitFor();
    await page.touchscreen.tap(x, canvas.y + 20);
    await expect.poll(() => menu.count()).toBe(0);

    await put([x, y]);
    await go([x + 30, y]);
    await page.waitForTimeout(700); // longer than a finger rests
    expect(await menu.count()).toBe(0);
    await lift();
    expect(errors).toEqual([]);
    await close();
  });

  test("what is pressed is broad enough", async () => {
    const { page, close } = await fingers();
    const narrow = (selector: string) => page.locator(selector).evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML.slice(0, 90)));
    expect(await page.locator("nav button, [data-testid^=rail-]").count()).toBeGreaterThan(4);
    expect(await narrow("nav button, [data-testid^=rail-], [data-testid=run], [data-testid=main-menu], [data-testid=save-state]")).toEqual([]);
    const reach = await page.locator("[data-socket]").first().evaluate((one) => parseFloat(getComputedStyle(one, "::after").width));
    expect(reach).toBeGreaterThanOrEqual(44);
    await close();
  });
});
