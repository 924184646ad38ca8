// The bar where there is little room, and links that are followed in a page that is there already.
import { expect, test } from "vitest";
import { accessFaults, atRest, documentOf, openPage, openTemplate, settled } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

test("on a telephone all that runs a workflow is whole and inside the window, and so is its tab", async () => {
  const { page } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.setViewportSize({ width: 400, height: 800 });
  await settled(page);
  for (const part of [page.getByTestId("run"), page.getByTestId("auto-run"), page.getByTestId("tab").first()]) {
    const seen = await part.evaluate((one) => ({ cut: one.scrollWidth > one.clientWidth + 1, left: one.getBoundingClientRect().left, right: one.getBoundingClientRect().right }));
    expect(seen.cut).toBe(false);
    expect(seen.left).toBeGreaterThanOrEqual(0);
    expect(seen.right).toBeLessThanOrEqual(400);
  }
  await page.close();
});

test("a link to a form that is followed in a page that has the editor fills in the form", async () => {
  const { page, errors } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  const document = await documentOf(page);
  const put = await page.evaluate((body) => fetch("/api/v1/workflows/boats", { method: "PUT", headers: { "Content-Type": "application/json" }, body }).then((answer) => answer.status), JSON.stringify(document));
  expect(put).toBeLessThan(300);
  await page.evaluate(() => (window.location.hash = `form=boats&values=${encodeURIComponent('{"prompt":"a boat"}')}`));
  await expect.poll(async () => (await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe("a boat");
  expect(new URL(page.url()).hash).toBe("");
  expect(errors).toEqual([]);
  await page.close();
});

test("of more workflows than there is room for, the one that is looked at is seen whole, and all are named in a list", async () => {
  const { page, errors, context } = await openPage(browser, service.url, { width: 1200, height: 700 });
  const names = Array.from({ length: 12 }, (_, index) => `d${index + 1}`);
  await page.evaluate((all) => all.forEach((name) => window.latentgraph!.documents.open({ format: "latentgraph/1", name, nodes: {} })), names);
  const strip = page.getByTestId("tab-strip");
  const tab = (name: string) => strip.getByTestId("tab").filter({ has: page.getByRole("button", { name, exact: true }) });
  const isWhole = async (name: string) => {
    const [one, all] = [await atRest(tab(name)), await atRest(strip)];
    return one.x >= all.x - 1 && one.x + one.width <= all.x + all.width + 1;
  };
  await expect.poll(() => isWhole("d12")).toBe(true);
  expect((await atRest(tab("d1"))).width).toBeGreaterThanOrEqual(120);
  expect(await isWhole("d1")).toBe(false);
  const more = page.getByTestId("all-tabs");
  await more.click();
  expect(await page.getByRole("menuitemradio").count()).toBe(12);
  expect(await accessFaults(page, ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"])).toEqual([]);
  await page.getByRole("menuitemradio", { name: "d1", exact: true }).click();
  await expect.poll(() => isWhole("d1")).toBe(true);
  await page.getByRole("button", { name: "New workflow", exact: true }).click();
  await expect.poll(() => isWhole("Untitled")).toBe(true);
  await page.setViewportSize({ width: 390, height: 700 });
  await expect.poll(() => isWhole("Untitled")).toBe(true);
  await page.setViewportSize({ width: 2200, height: 700 });
  await expect.poll(() => more.count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});
