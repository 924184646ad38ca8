// The bar where there is little room, and links that are followed in a page that is there already.
import { expect, test } from "vitest";
import { documentOf, openPage, openTemplate, settled } from "./harness";
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
