// What nodes made, in them: words, and the pictures of a batch.
import { expect, test } from "vitest";
import { accessFaults, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

test("words are shown as text, in the history too, and each picture of a batch, after a reload as before; a click looks at that one", async () => {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.evaluate(() =>
    window.latentgraph!.documents.editGraph("Batch", ({ nodes, ...graph }) => ({
      ...graph,
      nodes: {
        ...nodes,
        latent: { ...nodes["latent"]!, inputs: { ...nodes["latent"]!.inputs, batch_size: 4 } },
        sampler: { ...nodes["sampler"]!, inputs: { ...nodes["sampler"]!.inputs, steps: 2 } },
        words: { type: "PrimitiveStringMultiline", inputs: { value: "<b>one</b>\ntwo" }, ui: { pos: [300, 700] } },
        told: { type: "PreviewAny", inputs: { source: { from: ["words", "STRING"] } }, ui: { pos: [700, 700] } },
      },
    })),
  );
  await page.keyboard.press("Control+Enter");
  const [words, pictures] = [page.locator('[data-node="told"] textarea'), page.locator('[data-node="save"] button img')];
  const areShown = async () => {
    await pictures.nth(3).waitFor();
    await page.evaluate(() => window.latentgraph!.canvas!.fit());
    await expect.poll(() => words.inputValue()).toBe("<b>one</b>\ntwo");
  };
  await areShown();
  await page.reload();
  await areShown();
  await page.getByTestId("rail-queue").click();
  await page.getByTestId("job").getByText("<b>one</b> two").waitFor();
  expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
  const third = await pictures.nth(2).getAttribute("alt");
  await pictures.nth(2).click();
  await page.getByText("3 of 4").waitFor();
  await page.getByRole("dialog").getByText(third!).first().waitFor();
  expect(errors).toEqual([]);
  await context.close();
});

test("what is known already is shown where a workflow is opened anew, without a run", async () => {
  const { page, errors, context } = await openPage(browser, service.url);
  const saved = page.locator('[data-node="save"] button img');
  await openTemplate(page, "text_to_image");
  await page.keyboard.press("Control+Enter");
  await saved.waitFor();
  const name = await saved.getAttribute("alt");
  await page.evaluate(() => window.latentgraph!.documents.close(window.latentgraph!.documents.active!.uid));
  await openTemplate(page, "text_to_image");
  await saved.waitFor();
  expect(await saved.getAttribute("alt")).toBe(name);
  expect(await page.evaluate(() => Object.keys(window.latentgraph!.runs.store.getState().running))).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});
