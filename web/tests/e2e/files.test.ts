// Workflow files of the service: renamed, deleted, brought back; pictures of the history compared; the graph itself as a picture.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { atRest, documentOf, drop, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

describe("files of the service", () => {
  test("a workflow is renamed, its tab follows; it is deleted and brought back", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("Control+s");
    await page.getByLabel("Name", { exact: true }).fill("mine/first");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as mine/first").waitFor();
    await page.getByTestId("rail-workflows").click();
    const panel = page.getByTestId("panel-workflows");
    await panel.getByRole("button", { name: "Rename mine/first" }).click();
    await page.getByLabel("New name of mine/first").fill("mine/second");
    await page.keyboard.press("Enter");
    await panel.getByText("mine/second").waitFor();
    await expect.poll(() => panel.getByText("mine/first").count()).toBe(0);
    await page.getByTestId("tab").getByText("second").waitFor();
    await expect.poll(() => page.evaluate(() => window.latentgraph!.documents.active!.file?.name)).toBe("mine/second");

    await panel.getByRole("button", { name: "Delete mine/second" }).click();
    await expect.poll(() => panel.getByText("mine/second").count()).toBe(0);
    await page.getByRole("button", { name: "Bring it back" }).click();
    await panel.getByText("mine/second").waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("a name that is taken is told where it is asked for; there it can be replaced, or another be tried", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    const theirs = { format: "latentgraph/1", name: "Theirs", nodes: {} };
    expect((await fetch(`${service.url}api/v1/workflows/taken`, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(theirs) })).ok).toBe(true);
    await openTemplate(page, "text_to_image");
    const dialog = page.getByTestId("dialog");
    const save = async (name: string) => {
      await page.keyboard.press("Control+Shift+S");
      await dialog.getByLabel("Name", { exact: true }).fill(name);
      await dialog.getByRole("button", { name: "Save", exact: true }).click();
    };
    await save("taken");
    await dialog.getByRole("alert").getByText("There is a workflow called taken already").waitFor();
    await dialog.getByLabel("Name", { exact: true }).fill("free");
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as free").waitFor();
    await save("taken");
    await dialog.getByRole("button", { name: "Replace it" }).click();
    await page.getByText("Saved as taken").waitFor();
    await expect.poll(() => dialog.count()).toBe(0);
    const { document } = (await (await fetch(`${service.url}api/v1/workflows/taken`)).json()) as { document: { nodes: object } };
    expect(Object.keys(document.nodes)).toContain("sampler");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("a picture of the history is compared with the one before it", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    for (const seed of [1, 2]) {
      await page.evaluate((value) => window.latentgraph!.documents.editGraph("Quick", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, steps: 1, seed: value } } } })), seed);
      await page.getByTestId("sentence").getByText(/nodes will run/).waitFor();
      await page.getByTestId("run").click();
      await page.getByTestId("sentence").getByText("Nothing will run: all is known").waitFor({ timeout: 60_000 });
    }
    await page.getByTestId("rail-queue").click();
    await page.locator('[data-testid=job][data-state=done] img').nth(1).waitFor();
    await page.getByRole("button", { name: /^Look at/ }).and(page.getByTestId("panel-queue").getByRole("button")).first().click();
    await page.getByTestId("picture-viewer").getByRole("button", { name: "Compare", exact: true }).click();
    await page.getByTestId("picture-viewer").getByRole("slider").waitFor();
    await expect.poll(() => page.getByTestId("picture-viewer").getByRole("img").evaluateAll((all) => new Set(all.map((one) => (one as HTMLImageElement).src)).size)).toBeGreaterThanOrEqual(2);
    await context.close();
  });

  test("every template shows its picture, one without any a sketch of its graph", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    const own = { format: "latentgraph/1", name: "Own", nodes: { one: { type: "EmptyLatentImage", ui: { pos: [0, 0] } }, two: { type: "VAEDecode", inputs: { samples: { from: ["one", "LATENT"] } }, ui: { pos: [320, 40] } } } };
    expect((await fetch(`${service.url}api/v1/workflows/drawn/by_nobody`, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(own) })).ok).toBe(true);
    await page.getByTestId("rail-templates").click();
    const shipped = ["text_to_image", "inpaint", "training/lora", "training/embedded_model", "training/sitting"];
    for (const name of shipped) {
      const picture = page.getByTestId(`template-${name}`).locator("img");
      await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
    }
    const sketch = page.getByTestId("template-drawn/by_nobody").getByTestId("sketch");
    await expect.poll(() => sketch.locator("rect").count()).toBe(2);
    expect(await sketch.locator("path").count()).toBe(1);
    await expect.poll(() => page.locator("[data-testid^=template-] img").evaluateAll((all) => all.filter((one) => !(one as HTMLImageElement).naturalWidth).length)).toBe(0);
    const order = await page.locator("[data-testid^=template-], h3").evaluateAll((all) => all.map((one) => one.getAttribute("data-testid") ?? one.textContent));
    const yours = order.slice(order.indexOf("Yours"));
    expect(yours).toContain("template-drawn/by_nobody");
    expect(yours.filter((one) => shipped.includes(one!.replace("template-", "")))).toEqual([]);
    expect(order.indexOf("Yours")).toBeGreaterThan(shipped.length);
    await page.getByTestId("template-drawn/by_nobody").click();
    await expect.poll(() => page.evaluate(() => window.latentgraph!.documents.active?.file?.name)).toBe("drawn/by_nobody");
    expect(errors).toEqual([]);
    await context.close();
  });
});

describe("a model file", () => {
  test("dropped becomes the node that loads it; one that the service has not got is told where to put", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().files);
    await drop(page, "tiny-sd-128.safetensors", "whatever is in it", "");
    await expect.poll(async () => Object.values((await documentOf(page)).nodes)).toMatchObject([{ type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny-sd-128.safetensors" } }]);
    const header = JSON.stringify({ "lora_unet_mid_block.lora_down.weight": { dtype: "F16", shape: [1], data_offsets: [0, 2] } });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await drop(page, "new_style.safetensors", Buffer.concat([length, Buffer.from(`${header}ab`)]), "");
    await page.getByText(/^The service has no new_style.safetensors. It belongs in \/.*models\/loras; once/).waitFor();
    expect(Object.keys((await documentOf(page)).nodes)).toHaveLength(1);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("dragged from the list of models is loaded where it is let go", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("rail-models").click();
    const model = page.getByRole("button", { name: "tiny-sd-128.safetensors" });
    await atRest(model);
    const canvas = (await page.getByTestId("canvas").boundingBox())!;
    await model.dragTo(page.getByTestId("canvas"), { targetPosition: { x: 300, y: canvas.height - 150 } });
    await expect.poll(() => page.evaluate(() => [...window.latentgraph!.documents.active!.selection])).toEqual(["checkpoint_loader_simple"]);
    const at = await page.locator('[data-node="checkpoint_loader_simple"]').boundingBox();
    expect([at!.x - canvas.x, at!.y - canvas.y].map((one, index) => Math.abs(one - [300, canvas.height - 150][index]!) < 12)).toEqual([true, true]);
    expect(errors).toEqual([]);
    await context.close();
  });
});

describe("the graph as a picture", () => {
  test("has the workflow in it: dropped on the editor it opens; as a drawing every program reads it", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const download = async (name: RegExp) => {
      await page.keyboard.press("Control+k");
      await page.getByPlaceholder("What to do?").fill("download");
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("option", { name }).click()]);
      return { name: file.suggestedFilename(), content: readFileSync(await file.path()) };
    };
    const picture = await download(/picture of the graph/);
    expect(picture.name).toBe("Text to image.png");
    const [width, height] = [picture.content.readUInt32BE(16), picture.content.readUInt32BE(20)];
    expect(Math.min(width, height)).toBeGreaterThan(500);
    const before = await documentOf(page);
    await drop(page, picture.name, picture.content, "image/png");
    await expect.poll(() => page.getByTestId("tab").count()).toBe(2);
    expect(await documentOf(page)).toEqual(before);

    const drawing = (await download(/drawing of the graph/)).content.toString();
    const shown = await page.evaluate((svg) => {
      const read = new DOMParser().parseFromString(svg, "image/svg+xml");
      return { fault: read.querySelector("parsererror") !== null, nodes: read.querySelectorAll("g").length, size: read.documentElement.getAttribute("width") };
    }, drawing);
    expect(shown).toEqual({ fault: false, nodes: Object.keys(before.nodes).length, size: String(width / 2) });
    expect(errors).toEqual([]);
    await context.close();
  });
});
