// Links: pulled off their inputs, moved, unlinked and given points, by pointer and by keyboard, wherever they come from.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { ReroutePoint } from "@/model/document";
import { atRest, documentOf, openPage, openTemplate, settled } from "./harness";
import { browser, node, service, startStage } from "./stage";

startStage();

const select = (page: Page, ...names: string[]) => page.evaluate((all) => (window.latentgraph!.documents.select(all), window.latentgraph!.canvas!.focus()), names);
const inputsOf = async (page: Page, id: string) => (await documentOf(page)).nodes[id]!.inputs!;
const inside = async (page: Page) => (await documentOf(page)).subgraphs!["Subgraph"]!;

async function start(): Promise<{ page: Page; errors: string[]; close: () => Promise<void> }> {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
  return { page, errors, close: () => context.close() };
}

/** A second node of the same kind as one, without links, below it. */
const double = (page: Page, id: string, name: string) =>
  page.evaluate(
    ([of, called]) =>
      window.latentgraph!.documents.editGraph("Double", (graph) => {
        const { type, ui } = graph.nodes[of!]!;
        const [x, y] = ui!["pos"] as [number, number];
        return { ...graph, nodes: { ...graph.nodes, [called!]: { type, title: called!, ui: { pos: [x, y + 420] } } } };
      }),
    [id, name],
  );

/** The sampler and its latent as a subgraph, looked into. */
async function enterSubgraph(page: Page): Promise<void> {
  await select(page, "sampler", "latent");
  await page.keyboard.press("Control+Shift+g");
  await node(page, "subgraph").getByRole("button", { name: "Enter this subgraph" }).click();
  await atRest(node(page, "@inputs"));
}

async function socket(page: Page, id: string, name: string, end: "input" | "output"): Promise<{ x: number; y: number }> {
  const box = await atRest(node(page, id).locator(`[data-socket="${name}"][data-end="${end}"]`));
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

async function drag(page: Page, from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 8 });
  await page.mouse.up();
}

/** Look at some nodes so closely that what feeds them is out of view. */
async function lookAt(page: Page, ...names: string[]): Promise<void> {
  await page.evaluate((all) => window.latentgraph!.canvas!.fit(all), names);
  await expect.poll(() => node(page, "checkpoint").count()).toBe(0);
}

describe("a link pulled off its input", () => {
  test("is gone, and no node is asked for, where its source is out of view", async () => {
    const { page, errors, close } = await start();
    await lookAt(page, "decode", "save");
    const at = await socket(page, "decode", "vae", "input");
    await drag(page, at, { x: at.x - 60, y: at.y + 200 });
    await expect.poll(() => inputsOf(page, "decode")).not.toHaveProperty("vae");
    expect(await page.getByRole("combobox", { name: "Find a node" }).count()).toBe(0);
    expect(errors).toEqual([]);
    await close();
  });

  test("goes to the input it is dropped on, where its source is out of view", async () => {
    const { page, close } = await start();
    await double(page, "decode", "other");
    await lookAt(page, "decode", "other");
    await drag(page, await socket(page, "decode", "vae", "input"), await socket(page, "other", "vae", "input"));
    await expect.poll(async () => (await inputsOf(page, "other"))["vae"]).toEqual({ from: ["checkpoint", "VAE"] });
    expect(await inputsOf(page, "decode")).not.toHaveProperty("vae");
    await close();
  });

  test("leaves a form as it is: what stands there is no link", async () => {
    const { page, close } = await start();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Form", (graph) => ({ ...graph, parameters: [{ name: "vae", binds: [["decode", "vae"]] }] })));
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Free", (graph) => ({ ...graph, nodes: { ...graph.nodes, decode: { ...graph.nodes["decode"]!, inputs: { samples: graph.nodes["decode"]!.inputs!["samples"]! } } } })));
    const at = await socket(page, "decode", "vae", "input");
    await drag(page, at, { x: at.x - 60, y: at.y + 220 });
    await page.getByRole("combobox", { name: "Find a node" }).waitFor();
    expect((await documentOf(page)).parameters).toEqual([{ name: "vae", binds: [["decode", "vae"]] }]);
    await close();
  });

  test("that comes from the inputs of a subgraph, or leads to its outputs, is gone", async () => {
    const { page, errors, close } = await start();
    await enterSubgraph(page);
    const model = await socket(page, "sampler", "model", "input");
    await drag(page, model, { x: model.x - 30, y: model.y - 140 });
    await expect.poll(async () => (await inside(page)).parameters!.map((one) => one.name)).not.toContain("model");
    const output = await socket(page, "@outputs", "LATENT", "input");
    await drag(page, output, { x: output.x - 30, y: output.y - 140 });
    await expect.poll(async () => (await inside(page)).outputs).toEqual([]);
    expect(errors).toEqual([]);
    await close();
  });
});

describe("a link dropped on the body of a node", () => {
  const title = (page: Page, id: string) => atRest(node(page, id)).then((box) => ({ x: box.x + box.width / 2, y: box.y + 10 }));

  test("takes the input that fits best, from either end", async () => {
    const { page, errors, close } = await start();
    await double(page, "decode", "other");
    await drag(page, await socket(page, "checkpoint", "VAE", "output"), await title(page, "other"));
    await expect.poll(() => inputsOf(page, "other").catch(() => null)).toEqual({ vae: { from: ["checkpoint", "VAE"] } });
    await drag(page, await socket(page, "other", "samples", "input"), await title(page, "sampler"));
    await expect.poll(() => inputsOf(page, "other")).toEqual({ vae: { from: ["checkpoint", "VAE"] }, samples: { from: ["sampler", "LATENT"] } });
    expect(errors).toEqual([]);
    await close();
  });

  test("that takes nothing of its kind says so, and changes nothing", async () => {
    const { page, close } = await start();
    const before = await documentOf(page);
    await drag(page, await socket(page, "checkpoint", "CLIP", "output"), await title(page, "save"));
    await page.getByText("Nothing on this node takes CLIP").waitFor();
    expect(await documentOf(page)).toEqual(before);
    await close();
  });
});

describe("with Shift", () => {
  test("all links of an output are dragged to another, in one step", async () => {
    const { page, errors, close } = await start();
    await double(page, "checkpoint", "other");
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.evaluate(() => window.latentgraph!.canvas!.fit());
    const from = await socket(page, "checkpoint", "CLIP", "output");
    const to = await socket(page, "other", "CLIP", "output");
    await page.keyboard.down("Shift");
    await drag(page, from, await socket(page, "latent", "LATENT", "output"));
    await drag(page, from, to);
    await page.keyboard.up("Shift");
    const sources = async () => Promise.all(["positive", "negative"].map(async (id) => (await inputsOf(page, id))["clip"]));
    await expect.poll(sources).toEqual([{ from: ["other", "CLIP"] }, { from: ["other", "CLIP"] }]);
    expect((await inputsOf(page, "sampler"))["model"]).toEqual({ from: ["checkpoint", "MODEL"] });
    await page.keyboard.press("Control+z");
    await expect.poll(sources).toEqual([{ from: ["checkpoint", "CLIP"] }, { from: ["checkpoint", "CLIP"] }]);
    expect(errors).toEqual([]);
    await close();
  });
});

describe("by keyboard", () => {
  const choose = async (page: Page, id: string, words: string) => {
    await select(page, id);
    await page.keyboard.press("c");
    await page.getByLabel("Find a link").fill(words);
    await page.keyboard.press("Enter");
  };

  test("an input is unlinked", async () => {
    const { page, close } = await start();
    await choose(page, "decode", "unlink vae");
    await expect.poll(() => inputsOf(page, "decode")).not.toHaveProperty("vae");
    await close();
  });

  test("all links of an output are moved to another, in one step", async () => {
    const { page, close } = await start();
    await double(page, "checkpoint", "other");
    await choose(page, "checkpoint", "move all clip other");
    await expect.poll(async () => (await inputsOf(page, "positive"))["clip"]).toEqual({ from: ["other", "CLIP"] });
    expect((await inputsOf(page, "negative"))["clip"]).toEqual({ from: ["other", "CLIP"] });
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await inputsOf(page, "positive"))["clip"]).toEqual({ from: ["checkpoint", "CLIP"] });
    expect((await inputsOf(page, "negative"))["clip"]).toEqual({ from: ["checkpoint", "CLIP"] });
    await close();
  });

  test("a subgraph gets inputs and outputs from inside, and loses them", async () => {
    const { page, close } = await start();
    await enterSubgraph(page);
    await choose(page, "latent", "width from new");
    await expect.poll(async () => (await inside(page)).parameters!.map((one) => one.name)).toContain("width");
    await choose(page, "latent", "latent to outputs new");
    await expect.poll(async () => (await inside(page)).outputs!.map((one) => one.from)).toContainEqual(["latent", "LATENT"]);
    await choose(page, "latent", "unlink width");
    await expect.poll(async () => (await inside(page)).parameters!.map((one) => one.name)).not.toContain("width");
    await choose(page, "latent", "unlink outputs latent_2");
    await expect.poll(async () => (await inside(page)).outputs!.map((one) => one.from)).toEqual([["sampler", "LATENT"]]);
    await close();
  });
});

describe("the menu of an input", () => {
  test("takes its link away", async () => {
    const { page, close } = await start();
    await node(page, "decode").locator('[data-input="vae"]').click({ button: "right" });
    await page.getByRole("menuitem", { name: "Delete the link" }).click();
    await expect.poll(() => inputsOf(page, "decode")).not.toHaveProperty("vae");
    await close();
  });
});

describe("a link that is painted", () => {
  test.each(["double-click", "Alt-click"] as const)("gets a point with a %s, in one step", async (gesture) => {
    const { page, close } = await start();
    await page.evaluate(() => window.latentgraph!.canvas!.zoomTo(0.25));
    await page.locator('[data-testid="canvas"][data-level="far"]').waitFor();
    await settled(page);
    const at = await page.evaluate(() => {
      const { nodes } = window.latentgraph!.documents.active!.document;
      const [decode, save] = ["decode", "save"].map((name) => nodes[name]!.ui!["pos"] as [number, number]) as [[number, number], [number, number]];
      const { a, e, f } = new DOMMatrix(document.querySelector<HTMLElement>(".react-flow__viewport")!.style.transform);
      const box = document.querySelector("[data-testid=canvas]")!.getBoundingClientRect();
      // The middle of the link from the decoder to what saves its picture: their first sockets are in the middle of the first rows.
      return { x: box.left + ((decode[0] + 240 + save[0]) / 2) * a + e, y: box.top + ((decode[1] + save[1]) / 2 + 45) * a + f };
    });
    if (gesture === "double-click") await page.mouse.dblclick(at.x, at.y);
    else {
      await page.keyboard.down("Alt");
      await page.mouse.click(at.x, at.y);
      await page.keyboard.up("Alt");
    }
    const points = async () => ((await documentOf(page)).ui?.["reroutes"] as ReroutePoint[] | undefined)?.length ?? 0;
    await expect.poll(points).toBe(1);
    expect((await documentOf(page)).nodes["save"]!.ui!["via"]).toHaveProperty("images");
    expect(await page.getByRole("combobox", { name: "Find a node" }).count()).toBe(0);
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(points).toBe(0);
    await close();
  });
});
