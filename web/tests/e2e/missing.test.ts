// A workflow from elsewhere, which names what is not here: the user is told what, and takes what is nearest with one click.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessFaults, documentOf, drop, kept, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const lacks = (page: Page) => page.getByTestId("lack");

const FOREIGN = {
  format: "latentgraph/1",
  name: "From elsewhere",
  nodes: {
    load: { type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny-sd-12.safetensors" }, ui: { pos: [0, 0] } },
    positive: { type: "CLIPTextEncode", inputs: { text: "a fox", clip: { from: ["load", "text_encoder"] } }, ui: { pos: [320, 0] } },
    sampler: { type: "KSampler (Efficient)", inputs: { steps: 12, cfg: 4, positive: { from: ["positive", "CONDITIONING"] } }, ui: { pos: [700, 0] } },
    decode: { type: "VAEDecode", inputs: { samples: { from: ["sampler", "LATENT"] } }, ui: { pos: [1000, 0] } },
    latent: { type: "EmptyLatentImage", inputs: { widht: 640 }, ui: { pos: [320, 260] } },
  },
};

describe("a workflow from elsewhere", () => {
  test("tells what is missing; the nearest is taken with one click, by keyboard too; undo brings everything back", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await drop(page, "elsewhere.json", JSON.stringify(FOREIGN), "application/json");
    await expect.poll(() => lacks(page).evaluateAll((rows) => rows.map((row) => row.getAttribute("data-kind")))).toEqual(["type", "file", "output", "input"]);

    await lacks(page).filter({ hasText: "tiny-sd-12.safetensors" }).getByRole("button", { name: "Use tiny-sd-128.safetensors" }).click();
    await expect.poll(() => lacks(page).count()).toBe(3);
    await page.getByRole("button", { name: "Use KSampler", exact: true }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]).toMatchObject({ type: "KSampler", inputs: { steps: 12, cfg: 4, positive: { from: ["positive", "CONDITIONING"] } } });
    await page.getByRole("button", { name: "Take all 2 nearest" }).click();
    await page.getByText("All that this workflow names is here.").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await expect.poll(async () => [(await documentOf(page)).nodes["latent"]!.inputs, (await documentOf(page)).nodes["positive"]!.inputs!["clip"]]).toEqual([{ width: 640 }, { from: ["load", "CLIP"] }]);

    for (let step = 0; step < 3; step++) await page.keyboard.press("Control+z");
    await expect.poll(async () => (await documentOf(page)).nodes).toMatchObject(FOREIGN.nodes);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("kept as it is, a node of an unknown type shows its values, survives a reload, and can be replaced later by another", async () => {
    const { page, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await drop(page, "elsewhere.json", JSON.stringify({ ...FOREIGN, nodes: { sampler: FOREIGN.nodes.sampler } }), "application/json");
    await page.getByRole("button", { name: "Keep as it is" }).click();
    await page.locator('[data-node="sampler"]').getByText("steps: 12").waitFor();
    await expect.poll(() => page.evaluate(() => new Promise<number>((done) => (indexedDB.open("latentgraph").onsuccess = (event) => ((event.target as IDBOpenDBRequest).result.transaction("documents").objectStore("documents").count().onsuccess = (counted) => done((counted.target as IDBRequest<number>).result)))))).toBe(1);
    await page.reload();
    await page.locator('[data-node="sampler"]').getByText("steps: 12").waitFor();
    expect(await page.getByTestId("dialog").count()).toBe(0); // asked once, not at every reload

    await page.getByTestId("canvas").focus();
    await page.keyboard.press("e");
    await page.getByRole("button", { name: "What is missing here" }).click();
    await lacks(page).getByRole("combobox").click();
    await page.getByRole("tree").waitFor();
    await page.keyboard.type("KSamplerAdv");
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]!.type).toBe("KSamplerAdvanced");
    await context.close();
  });

  test("of ComfyUI: values without names are placed, what is lost is told, files have an address and a folder, and each run draws the seed at a click", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    const url = "https://example.org/fox.safetensors?download=true";
    const node = (id: number, type: string, values: unknown[], more = {}) => ({ id, type, pos: [id * 300, 0], inputs: [], outputs: [], widgets_values: values, ...more });
    const nodes = [
      node(1, "EmptySD3LatentImage", [1024, 768, 1, "loud"]),
      node(2, "CheckpointLoaderSimple", ["fox.safetensors"], { properties: { models: [{ name: "fox.safetensors", url, directory: "checkpoints" }] } }),
      node(3, "KSampler", [7, "randomize", 20, 8, "euler", "normal", 1]),
    ];
    await drop(page, "theirs.json", JSON.stringify({ nodes, links: [], version: 0.4 }), "application/json");
    await page.getByText('EmptyLatentImage takes width 1024, height 768, batch_size 1; loses "loud"').waitFor();
    const link = page.getByTestId("origin");
    expect([await link.getAttribute("href"), await link.getAttribute("target"), await link.getAttribute("rel")]).toEqual([url, "_blank", "noreferrer noopener"]);
    await page.getByText(/^Goes into .*models\/checkpoints$/).waitFor();
    expect(await page.getByTestId("toast").count()).toBe(0);
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);

    await page.getByRole("button", { name: "Use EmptyLatentImage", exact: true }).click();
    await page.getByTestId("remark").filter({ hasText: 'EmptyLatentImage has no place for "loud"' }).waitFor();
    expect((await documentOf(page)).nodes["1"]!.inputs).toEqual({ width: 1024, height: 768, batch_size: 1 });
    await page.getByRole("button", { name: "Draw a new seed for each run" }).click();
    await expect.poll(() => page.getByTestId("remark").count()).toBe(1);
    expect((await documentOf(page)).nodes["3"]!.inputs!["seed"]).toBe("random");
    expect(asked.filter((one) => !one.startsWith(service.url))).toEqual([]);

    await page.getByRole("button", { name: "Keep as it is" }).click();
    await kept(page);
    await page.reload();
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("e");
    await page.getByTestId("remark").filter({ hasText: "no place for" }).waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("tells of embeddings that prompts name; another is chosen, and every prompt names that", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await page.evaluate(() => window.latentgraph!.library.store.setState(({ models }) => ({ models: { ...models, embeddings: ["EasyNegative.safetensors"] } })));
    const prompt = (text: string, x: number) => ({ type: "CLIPTextEncode", inputs: { text }, ui: { pos: [x, 0] } });
    await drop(page, "prompts.json", JSON.stringify({ format: "latentgraph/1", nodes: { one: prompt("a fox, embedding:easy_negativ", 0), two: prompt("(embedding:easy_negativ:1.2)", 400) } }), "application/json");
    await lacks(page).getByText("in embeddings, named in a prompt · 2 nodes").waitFor();
    await lacks(page).getByRole("button", { name: "Use EasyNegative.safetensors" }).click();
    await page.getByText("All that this workflow names is here.").waitFor();
    expect(Object.values((await documentOf(page)).nodes).map((one) => one.inputs!["text"])).toEqual(["a fox, embedding:EasyNegative", "(embedding:EasyNegative:1.2)"]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("a template that names nothing unknown opens without a question", async () => {
    const { page, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
    expect(await page.getByTestId("dialog").count()).toBe(0);
    await context.close();
  });

  test.each(["dark", "light"] as const)("nothing that axe knows of is in the way (%s)", async (theme) => {
    const { page, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await page.evaluate((value) => window.latentgraph!.settings.setState({ theme: value }), theme);
    await drop(page, "elsewhere.json", JSON.stringify(FOREIGN), "application/json");
    await lacks(page).first().waitFor();
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await context.close();
  });
});
