// Pictures that lie beside model files, where models are listed.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accessFaults, kept, openPage } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const MEADOW = join(import.meta.dirname, "../../../workflows/input/meadow.png");

test("a model with a picture shows it in the panel and in the choice of a node, others a quiet place; a folder without any looks as ever", async () => {
  const folder = join(service.folder, "output/loras/styles #1");
  mkdirSync(folder, { recursive: true });
  for (const name of ["ink", "plain"]) writeFileSync(join(folder, `${name}.safetensors`), "x");
  copyFileSync(MEADOW, join(folder, "ink.preview.png"));
  const { page, errors, context } = await openPage(browser, service.url);
  await page.getByTestId("rail-models").click();
  const drawn = (within: typeof page | ReturnType<typeof page.locator>) =>
    within.getByTestId("thumbnail").evaluateAll((all) => all.map((one) => (one.querySelector("img")?.naturalWidth ?? 0) > 0));
  await expect.poll(() => drawn(page)).toEqual([true, false]);
  await page.getByRole("button", { name: "styles #1/ink.safetensors" }).click();
  await page.getByRole("combobox", { name: "lora_name" }).click();
  const list = page.getByRole("tree");
  await list.getByText("plain.safetensors").waitFor();
  await expect.poll(() => drawn(list)).toEqual([true, false]);
  expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
  await page.keyboard.type("plain");
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", { name: "lora_name: styles #1/plain.safetensors" }).waitFor();

  await page.getByRole("button", { name: "tiny-sd-128.safetensors" }).click();
  await page.getByRole("combobox", { name: "ckpt_name" }).click();
  await list.getByText("tiny-sd-128.safetensors").waitFor();
  expect(await list.getByTestId("thumbnail").count()).toBe(0);
  expect(errors).toEqual([]);
  await context.close();
});

test("pictures that are told of late come to the nodes of a document that was restored", async () => {
  const folder = join(service.folder, "output/loras");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "late.safetensors"), "x");
  copyFileSync(MEADOW, join(folder, "late.png"));
  const { page, context } = await openPage(browser, service.url);
  await page.getByTestId("rail-models").click();
  await page.getByRole("button", { name: "late.safetensors" }).click();
  await page.getByRole("combobox", { name: "lora_name: late.safetensors" }).waitFor();
  await kept(page);
  let tell = () => {};
  const told = new Promise<void>((done) => (tell = done));
  await page.route("**/api/v1/model-pictures", async (route) => (await told, route.continue()));
  await page.reload();
  await page.getByRole("combobox", { name: "lora_name: late.safetensors" }).click();
  const list = page.getByRole("tree");
  await list.getByText("late.safetensors").waitFor();
  expect(await list.getByTestId("thumbnail").count()).toBe(0);
  tell();
  await list.getByTestId("thumbnail").locator("img").first().waitFor();
  await context.close();
});
