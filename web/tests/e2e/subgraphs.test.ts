// Subgraphs kept for other workflows: kept, found, put into another workflow, changed, deleted.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessFaults, documentOf, openPage, openTemplate } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const select = (page: Page, ...names: string[]) => page.evaluate((all) => (window.latentgraph!.documents.select(all), window.latentgraph!.canvas!.focus()), names);

describe("a subgraph", () => {
  test("is kept under a name, found in another workflow, by what a link fits too, runs there, and goes when its file is deleted", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await select(page, "positive", "negative", "sampler", "latent", "decode");
    await page.keyboard.press("Control+Shift+g");
    await page.locator('[data-node="subgraph"]').click({ button: "right" });
    await page.getByRole("menuitem", { name: "Keep subgraph for all workflows" }).click();
    await page.getByLabel("Name", { exact: true }).fill("fox maker");
    await page.getByText("Kept by the service as workflows/subgraphs/fox maker.json").waitFor();
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.keyboard.press("Enter");
    await page.getByText("fox maker is kept").waitFor();

    await page.keyboard.press("Alt+n");
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Loader", (graph) => ({ ...graph, nodes: { load: { type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny-sd-128.safetensors" }, ui: { pos: [0, 0] } } } })));
    const socket = (await page.locator('[data-node="load"] [data-end=output][data-socket="MODEL"]').boundingBox())!;
    await page.mouse.move(socket.x + 5, socket.y + 5);
    await page.mouse.down();
    await page.mouse.move(socket.x + 300, socket.y + 200, { steps: 6 });
    await page.mouse.up();
    await page.getByLabel("Find a node").fill("fox");
    await page.getByRole("option", { name: "fox maker" }).waitFor();
    await page.keyboard.press("Enter");
    await expect.poll(async () => Object.values((await documentOf(page)).nodes).map((one) => one.type)).toEqual(["CheckpointLoaderSimple", "subgraph:Subgraph"]);
    const { nodes, subgraphs } = await documentOf(page);
    expect(nodes["subgraph"]!.inputs!["model"]).toEqual({ from: ["load", "MODEL"] });
    expect(Object.keys(subgraphs!)).toEqual(["Subgraph"]);

    await page.evaluate(() =>
      window.latentgraph!.documents.editGraph("Links", (graph) => ({
        ...graph,
        nodes: {
          ...graph.nodes,
          subgraph: { ...graph.nodes["subgraph"]!, inputs: { ...graph.nodes["subgraph"]!.inputs, clip: { from: ["load", "CLIP"] }, vae: { from: ["load", "VAE"] } } },
          save: { type: "SaveImage", inputs: { images: { from: ["subgraph", "IMAGE"] }, filename_prefix: "fox" }, ui: { pos: [0, 180] } },
        },
      })),
    );
    await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
    await page.keyboard.press("Control+Enter");
    await page.locator('[data-node="save"] img').waitFor();

    await page.getByTestId("rail-workflows").click();
    await page.getByRole("button", { name: "Delete subgraphs/fox maker" }).click();
    await page.getByText("Deleted subgraphs/fox maker").waitFor();
    await expect.poll(() => page.evaluate(() => window.latentgraph!.library.store.getState().published.length)).toBe(0);
    await page.getByRole("button", { name: "Bring it back" }).click();
    await expect.poll(() => page.evaluate(() => window.latentgraph!.library.store.getState().published.length)).toBe(1);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("has its inputs and outputs renamed from inside, and where it is used", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await select(page, "sampler", "latent");
    await page.keyboard.press("Control+Shift+g");
    await page.locator('[data-node="subgraph"]').getByRole("button", { name: "Enter this subgraph" }).click();
    const rename = async (end: string, before: string, after: string, key: string) => {
      await page.locator(`[data-node="${end}"]`).getByText(before, { exact: true }).dblclick();
      await page.getByLabel(`New name of ${before}`).fill(after);
      await page.keyboard.press(key);
      await page.getByLabel(`New name of ${before}`).waitFor({ state: "detached" });
    };
    await rename("@inputs", "seed", "chance", "Escape");
    expect((await documentOf(page)).nodes["subgraph"]!.inputs).toHaveProperty("seed");
    await rename("@inputs", "seed", "steps", "Enter");
    expect((await documentOf(page)).nodes["subgraph"]!.inputs).toHaveProperty("seed");
    await rename("@inputs", "seed", "chance", "Enter");
    await rename("@outputs", "LATENT", "latent", "Enter");
    const { nodes, subgraphs } = await documentOf(page);
    expect(nodes["subgraph"]!.inputs).toHaveProperty("chance");
    expect(nodes["decode"]!.inputs!["samples"]).toEqual({ from: ["subgraph", "latent"] });
    expect(subgraphs!["Subgraph"]!.outputs!.map((one) => one.name)).toEqual(["latent"]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("has itself, its inputs and its outputs renamed by keyboard alone", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await select(page, "sampler", "latent");
    await page.keyboard.press("Control+Shift+g");
    await page.locator('[data-node="subgraph"]').waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("Names of the subgraph");
    await page.keyboard.press("Enter");
    await page.getByLabel("Name", { exact: true }).fill("Dreaming");
    await page.getByLabel("Input seed").fill("chance");
    await page.getByLabel("Output LATENT").fill("latent");
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.keyboard.press("Enter");
    await page.locator('[data-node="subgraph"]').getByText("Dreaming").waitFor();
    const { nodes, subgraphs } = await documentOf(page);
    expect(nodes["subgraph"]!.inputs).toHaveProperty("chance");
    expect(nodes["decode"]!.inputs!["samples"]).toEqual({ from: ["subgraph", "latent"] });
    expect(subgraphs!["Subgraph"]!.name).toBe("Dreaming");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("with a long seed inside is told about in full", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await page.evaluate(() =>
      window.latentgraph!.documents.open({
        format: "latentgraph/1",
        nodes: { one: { type: "subgraph:Made" } },
        subgraphs: { Made: { name: "Made", nodes: { sampler: { type: "KSampler", inputs: { seed: 18446744073709551615n as never } } }, parameters: [{ name: "seed", binds: [["sampler", "seed"]] }] } },
      }),
    );
    await page.locator('[data-node="one"]').waitFor();
    await select(page, "one");
    await page.keyboard.press("n");
    await page.getByRole("heading", { name: "Made" }).waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("cannot be put into itself", async () => {
    const { page, context } = await openPage(browser, service.url);
    await page.waitForFunction(() => window.latentgraph?.library.store.getState().published.length === 1);
    await page.keyboard.press("Alt+n");
    const find = async () => {
      await page.getByTestId("canvas").focus();
      await page.keyboard.press("Tab");
      await page.getByLabel("Find a node").fill("fox maker");
    };
    const found = page.getByRole("option", { name: "fox maker" });
    await find();
    await found.first().waitFor();
    await page.keyboard.press("Enter");
    await page.locator('[data-node="subgraph"]').getByRole("button", { name: "Enter this subgraph" }).click();
    await page.locator('[data-node="sampler"]').waitFor();
    await find();
    await expect.poll(() => found.count()).toBe(0);
    expect(Object.keys((await documentOf(page)).subgraphs!["Subgraph"]!.nodes)).toHaveLength(5);
    await context.close();
  });

  test("shows from outside what runs in it, how far, and what failed; progress in it draws nothing else anew", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Seed", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, seed: 4711 } } } })));
    await select(page, "sampler", "decode");
    await page.keyboard.press("Control+Shift+g");
    const card = page.locator('[data-node="subgraph"]');
    await card.locator("[data-state=run]").waitFor();
    const drawn = await page.evaluate(async () => {
      const editor = window.latentgraph!;
      editor.runs.own(editor.documents.active!.uid, "inner");
      editor.runs.take({ type: "started", job: "inner", sequence: 1, data: { nodes: 10, cached: [] } });
      editor.runs.take({ type: "node_started", job: "inner", sequence: 2, data: { node: "subgraph:sampler", display: "subgraph:sampler" } });
      await new Promise((done) => setTimeout(done, 300));
      const counts = (window.latentgraphRenders = new Map<string, number>());
      for (let value = 1; value <= 20; value++) {
        editor.runs.take({ type: "progress", job: "inner", data: { node: "subgraph:sampler", display: "subgraph:sampler", value, maximum: 50 } });
        await new Promise((done) => requestAnimationFrame(done));
      }
      return [...counts.keys()];
    });
    expect(drawn).toEqual(["subgraph"]);
    await card.getByText("20/50").waitFor();
    expect(await card.locator("[data-state=running]").getAttribute("data-tip")).toBe("KSampler: running now");
    await page.evaluate(() => {
      const { runs } = window.latentgraph!;
      runs.take({ type: "node_failed", job: "inner", sequence: 3, data: { node: "subgraph:sampler", display: "subgraph:sampler", code: "memory", message: "no memory" } });
    });
    expect(await card.getByRole("alert").textContent()).toBe("KSampler: no memory");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("has what it offers to the outside edited from inside, at the instance one came in through alone", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await select(page, "sampler", "decode");
    await page.keyboard.press("Control+Shift+g");
    await page.locator('[data-node="subgraph"]').waitFor();
    await page.evaluate(() =>
      window.latentgraph!.documents.editGraph("Two", ({ nodes: { subgraph, ...others }, ...graph }) => ({
        ...graph,
        nodes: { ...others, subgraph: { ...subgraph!, title: "First", inputs: { ...subgraph!.inputs, steps: 60 } }, other: { ...subgraph!, inputs: { ...subgraph!.inputs, steps: 7 } } },
      })),
    );
    await page.evaluate(() => window.latentgraph!.documents.enter("subgraph"));
    const steps = page.locator('[data-node="sampler"] [data-input=steps]');
    await expect.poll(() => steps.locator("input").inputValue()).toBe("60");
    expect(await steps.getAttribute("data-tip")).toContain("“First”");
    expect(await page.getByRole("navigation", { name: "Subgraphs" }).locator("[aria-current]").textContent()).toBe("First");
    await steps.locator("input").fill("31");
    await steps.locator("input").press("Enter");
    await expect.poll(async () => (await documentOf(page)).nodes["subgraph"]!.inputs!["steps"]).toBe(31);
    const { nodes, subgraphs } = await documentOf(page);
    expect([nodes["other"]!.inputs!["steps"], subgraphs!["Subgraph"]!.nodes["sampler"]!.inputs!["steps"]]).toEqual([7, 20]);
    expect(errors).toEqual([]);
    await context.close();
  });
});
