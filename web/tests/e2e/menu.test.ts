// The menu of the bar: everything that can be done, by pointer, by keyboard and by finger; and the state of saving beside it.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "@/i18n/en";
import { accessFaults, documentOf, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const button = (page: Page) => page.getByRole("button", { name: "Menu", exact: true });
const menu = (page: Page) => page.getByRole("menu");
const item = (page: Page, name: string) => menu(page).getByRole("menuitem", { name: new RegExp(`^${name}`) });
const select = (page: Page, ...names: string[]) => page.evaluate((all) => window.latentgraph!.documents.select(all), names);
const labels = (page: Page) => menu(page).getByRole("menuitem").evaluateAll((all) => all.map((one) => one.firstChild!.textContent!.trim()));

async function start(): Promise<{ page: Page; errors: string[]; close: () => Promise<void> }> {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  return { page, errors, close: () => context.close() };
}

describe("the menu of the bar", () => {
  test("has every command in it", async () => {
    const { page, errors, close } = await start();
    const found: string[] = [];
    for (const group of Object.values(en.commandGroups)) {
      await button(page).click();
      await item(page, group).click();
      found.push(...(await labels(page)));
      await page.keyboard.press("Escape");
    }
    expect(new Set(found)).toEqual(new Set([...Object.values(en.commands), ...Object.values(en.commandGroups)]));
    expect(errors).toEqual([]);
    await close();
  });

  test("aligns what is selected, and undoes it", async () => {
    const { page, close } = await start();
    const before = await documentOf(page);
    await select(page, "positive", "sampler");
    await button(page).click();
    await item(page, "Arrange").click();
    await item(page, "Align left").click();
    const left = async (id: string) => ((await documentOf(page)).nodes[id]!.ui!["pos"] as number[])[0];
    await expect.poll(() => left("sampler")).toBe(await left("positive"));
    await button(page).click();
    await item(page, "Undo").click();
    await expect.poll(() => documentOf(page)).toEqual(before);
    await close();
  });

  test("goes by arrows into a group and out again; Escape leads back to its button, and a second click closes it", async () => {
    const { page, close } = await start();
    await button(page).focus();
    await page.keyboard.press("Enter");
    await item(page, "Arrange").focus();
    await page.keyboard.press("ArrowRight");
    await item(page, "Tidy up").waitFor();
    await page.keyboard.press("ArrowLeft");
    await item(page, "Save as").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.firstChild?.textContent)).toBe("Arrange");
    await page.keyboard.press("Escape");
    await expect.poll(() => menu(page).count()).toBe(0);
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Menu");
    await button(page).click();
    await menu(page).waitFor();
    await button(page).click();
    await expect.poll(() => menu(page).count()).toBe(0);
    await close();
  });

  test.each(["dark", "light"] as const)("is no hindrance that axe knows of (%s)", async (theme) => {
    const { page, close } = await start();
    await page.evaluate((value) => window.latentgraph!.settings.setState({ theme: value }), theme);
    await button(page).click();
    await item(page, "Edit").click();
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await close();
  });
});

describe("the state of saving", () => {
  test("is told in the bar, and saves when pressed", async () => {
    const { page, errors, close } = await start();
    const state = page.getByTestId("save-state");
    await state.getByText("Not saved").waitFor();
    await state.click();
    await page.getByLabel("Name", { exact: true }).fill("told");
    await page.keyboard.press("Enter");
    await state.getByText("Saved", { exact: true }).waitFor();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Rename", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, title: "Mine" } } })));
    await state.getByText("Not saved").waitFor();
    await state.click();
    await state.getByText("Saved", { exact: true }).waitFor();
    expect(errors).toEqual([]);
    await close();
  });
});
