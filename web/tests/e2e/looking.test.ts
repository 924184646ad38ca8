// Where the canvas is looked at from: all that is there is seen, and stays where it is seen while panels open beside it.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { atRest, kept, openPage, openTemplate, settled } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const nodes = (page: Page) => page.locator("[data-node]");
const corner = (page: Page) => atRest(nodes(page).first());

test("what is seen stays where it is while a panel opens, changes and closes", async () => {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  const before = await corner(page);
  const panel = (id: string) => page.getByTestId(`panel-${id}`);
  const stays = async (key: string, shown: () => Promise<void>) => {
    await page.keyboard.press(key);
    await shown();
    await settled(page);
    expect(await corner(page)).toEqual(before);
  };
  await stays("o", () => panel("outline").waitFor());
  await stays("q", () => panel("queue").waitFor());
  await stays("q", () => panel("queue").waitFor({ state: "detached" }));
  await stays("p", () => page.getByTestId("side-form").waitFor());
  expect(errors).toEqual([]);
  await context.close();
});

test("a page that is loaded anew has the same panels open, and all is seen where it was", async () => {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.keyboard.press("q");
  await page.getByTestId("panel-queue").waitFor();
  const before = await corner(page);
  await settled(page);
  await kept(page);
  await page.reload();
  await page.getByTestId("panel-queue").waitFor();
  expect(await corner(page)).toEqual(before);
  expect(errors).toEqual([]);
  await context.close();
});

test("a field to search in is a line high, wherever it is", async () => {
  const { page, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.keyboard.press("Control+f");
  expect((await atRest(page.getByTestId("panel-find").locator("input"))).height).toBeLessThan(40);
  await page.getByTestId("rail-workflows").click();
  const { width, height } = await atRest(page.getByTestId("panel-workflows").locator("input").first());
  expect(height).toBeLessThan(40);
  expect(width).toBeGreaterThan(200);
  await context.close();
});

test("what is shown whole lies under no map", async () => {
  const { page, context } = await openPage(browser, service.url, { width: 1100, height: 620 });
  await openTemplate(page, "text_to_image");
  await page.evaluate(() =>
    window.latentgraph!.documents.editGraph("Add", (graph) => ({ ...graph, nodes: { first: { type: "VAEDecode", ui: { pos: [0, 0] } }, last: { type: "VAEDecode", ui: { pos: [1600, 800] } } } })),
  );
  await page.keyboard.press(".");
  await settled(page);
  const map = await atRest(page.getByTestId("minimap"));
  const last = await atRest(page.locator("[data-node=last]"));
  expect(last.x + last.width <= map.x || last.y + last.height <= map.y).toBe(true);
  expect((await atRest(page.locator("[data-node=first]"))).x).toBeGreaterThan(44);
  await context.close();
});
