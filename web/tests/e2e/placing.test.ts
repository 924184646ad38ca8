// Where what is new goes: nodes asked for, pasted and dropped, and pictures dropped on nodes.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { atRest, documentOf, openPage, openTemplate, ready, settled } from "./harness";
import { browser, node, service, startStage } from "./stage";

startStage();

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const names = async (page: Page) => Object.keys((await documentOf(page)).nodes);
const placeOf = async (page: Page, id: string) => (await documentOf(page)).nodes[id]!.ui!["pos"] as [number, number];
const onCanvas = (page: Page, x: number, y: number) => page.evaluate((at) => window.latentgraph!.canvas!.toCanvas(at).map(Math.round), { x, y });

async function startEmpty() {
  const window_ = await openPage(browser, service.url);
  await ready(window_.page);
  await window_.page.keyboard.press("Alt+n");
  await window_.page.locator(".react-flow__pane").waitFor();
  return window_;
}

async function startTemplate() {
  const window_ = await openPage(browser, service.url);
  await openTemplate(window_.page, "text_to_image");
  return window_;
}

/** The first free place of the canvas, on the screen. */
async function emptySpot(page: Page): Promise<{ x: number; y: number }> {
  return page.evaluate(() => {
    const box = document.querySelector("[data-testid=canvas]")!.getBoundingClientRect();
    for (let y = box.top + 100; y < box.bottom; y += 20) {
      for (let x = box.left + 200; x < box.right - 300; x += 20) {
        if (document.elementFromPoint(x, y)?.classList.contains("react-flow__pane")) return { x, y };
      }
    }
    throw new Error("the canvas is full");
  });
}

describe("a new node", () => {
  test("in an empty document is where it was asked for, and the view stays", async () => {
    const { page, context } = await startEmpty();
    await page.mouse.dblclick(500, 300);
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("ksampler");
    await page.keyboard.press("Enter");
    const box = await atRest(node(page, "k_sampler"));
    expect([Math.round(box.x), Math.round(box.y)]).toEqual([500, 300]);
    await context.close();
  });

  test("asked for by Tab is at the pointer, and the next one not onto it", async () => {
    const { page, context } = await startEmpty();
    await page.mouse.move(600, 400);
    for (const count of [1, 2]) {
      await page.keyboard.press("Tab");
      await page.getByTestId("palette").waitFor();
      await page.keyboard.type("vae decode");
      await page.keyboard.press("Enter");
      await expect.poll(async () => (await names(page)).length).toBe(count);
    }
    const [x, y] = await onCanvas(page, 600, 400);
    expect(await placeOf(page, "vae_decode")).toEqual([x, y]);
    expect(await placeOf(page, "vae_decode_2")).toEqual([x! + 32, y! + 32]);
    await context.close();
  });

  test("can be a note, which is written at once", async () => {
    const { page, errors, context } = await startEmpty();
    await page.mouse.move(600, 400);
    await page.keyboard.press("Tab");
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("note");
    await page.keyboard.press("Enter");
    await page.locator(".react-flow__node-note textarea").waitFor();
    await page.keyboard.type("milk");
    await expect.poll(async () => JSON.stringify((await documentOf(page)).ui)).toContain("milk");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("for an output is one that usually takes it; for an input it lies left of the pointer", async () => {
    const { page, context } = await startTemplate();
    const first = page.getByTestId("palette").getByRole("option").first();
    const spot = await emptySpot(page);
    const pull = async (id: string, name: string, end: "input" | "output") => {
      const box = await atRest(node(page, id).locator(`[data-socket="${name}"][data-end="${end}"]`));
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(spot.x, spot.y, { steps: 8 });
      await page.mouse.up();
      await first.waitFor();
    };
    await pull("checkpoint", "MODEL", "output");
    expect(await first.innerText()).toContain("KSampler");
    await page.keyboard.press("Escape");

    await page.evaluate(() =>
      window.latentgraph!.documents.editGraph("Unlink", (graph) => {
        const { latent_image: _latent, ...inputs } = graph.nodes["sampler"]!.inputs!;
        return { ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs } } };
      }),
    );
    await pull("sampler", "latent_image", "input");
    expect(await first.innerText()).toContain("Empty Latent");
    await page.keyboard.press("Enter");
    const [x, y] = await onCanvas(page, spot.x, spot.y);
    await expect.poll(() => names(page)).toContain("empty_latent_image");
    expect(await placeOf(page, "empty_latent_image")).toEqual([x! - 240, y]);
    await context.close();
  });
});

describe("pasted nodes", () => {
  test("are at the pointer, and those pasted again not onto them", async () => {
    const { page, context } = await startTemplate();
    await node(page, "sampler").locator("[class*=head]").click();
    await page.keyboard.press("Control+c");
    const spot = await emptySpot(page);
    await page.mouse.move(spot.x, spot.y);
    const [x, y] = await onCanvas(page, spot.x, spot.y);
    await page.keyboard.press("Control+v");
    await expect.poll(() => names(page)).toContain("sampler_2");
    await page.keyboard.press("Control+v");
    await expect.poll(() => names(page)).toContain("sampler_3");
    expect(await placeOf(page, "sampler_2")).toEqual([x, y]);
    expect(await placeOf(page, "sampler_3")).toEqual([x! + 32, y! + 32]);
    await context.close();
  });
});

test("a node that is dragged with Alt stays, and a copy of it is where it is dropped", async () => {
  const { page, errors, context } = await startTemplate();
  const before = await documentOf(page);
  const head = await atRest(node(page, "latent").locator("[class*=head]"));
  await page.keyboard.down("Alt");
  await page.mouse.move(head.x + 40, head.y + 8);
  await page.mouse.down();
  await page.mouse.move(head.x + 90, head.y + 228, { steps: 8 });
  await page.mouse.up();
  await page.keyboard.up("Alt");
  await expect.poll(() => names(page)).toContain("latent_2");
  expect(await placeOf(page, "latent")).toEqual(before.nodes["latent"]!.ui!["pos"]);
  const [x, y] = await placeOf(page, "latent_2");
  expect(y).toBeGreaterThan((await placeOf(page, "latent"))[1] + 100);
  expect(x).toBeGreaterThan((await placeOf(page, "latent"))[0]);
  expect((await documentOf(page)).nodes["sampler"]).toEqual(before.nodes["sampler"]);
  expect(errors).toEqual([]);
  await context.close();
});

describe("a node dropped with a link behind it goes into the link", () => {
  const dropOnLink = async (page: Page) => {
    const head = await atRest(node(page, "added").locator("[class*=head]"));
    const [from, to] = [await atRest(node(page, "source")), await atRest(node(page, "taker"))];
    const own = await atRest(node(page, "added"));
    await page.mouse.move(head.x + 30, head.y + 8);
    await page.mouse.down();
    // Its middle, not the pointer, is on the link.
    const middle = { x: (from.x + from.width + to.x) / 2, y: (from.y + to.y) / 2 + 30 };
    await page.mouse.move(middle.x - own.width / 2 + 30, middle.y - own.height / 2 + 8, { steps: 8 });
    await page.locator("[class*=receiving]").waitFor({ state: "attached" });
    await page.mouse.up();
    await expect.poll(async () => (await documentOf(page)).nodes["taker"]!.inputs!["samples"]).toEqual({ from: ["added", "LATENT"] });
    expect((await documentOf(page)).nodes["added"]!.inputs!["samples"]).toEqual({ from: ["source", "LATENT"] });
  };

  test.each([0, 300])("with %i others that make it one of those that are painted", async (others) => {
    const { page, errors, context } = await startEmpty();
    await page.evaluate((count) => {
      const samples = { from: ["source", "LATENT"] as [string, string] };
      const many = Array.from({ length: count }, (_, index) => [`other_${index}`, { type: "VAEDecode", inputs: { samples }, ui: { pos: [400, 600 + index], collapsed: true } }] as const);
      window.latentgraph!.documents.editGraph("Add", (graph) => ({
        ...graph,
        nodes: {
          source: { type: "EmptyLatentImage", ui: { pos: [100, 100] } },
          taker: { type: "VAEDecode", inputs: { samples }, ui: { pos: [800, 100] } },
          added: { type: "LatentUpscaleBy", ui: { pos: [450, 400] } },
          ...Object.fromEntries(many),
        },
      }));
    }, others);
    await dropOnLink(page);
    expect(errors).toEqual([]);
    await context.close();
  });
});

test("the menu of a node saves and copies the picture that it shows", async () => {
  const { page, errors, context } = await startEmpty();
  await page.evaluate(async (pixel) => {
    const form = new FormData();
    form.append("image", new File([Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0))], "shown.png", { type: "image/png" }));
    await fetch("upload/image", { method: "POST", body: form });
    window.latentgraph!.documents.editGraph("Add", (graph) => ({ ...graph, nodes: { load: { type: "LoadImage", inputs: { image: "shown.png" }, ui: { pos: [300, 100] } } } }));
  }, PIXEL);
  const head = node(page, "load").locator("[class*=head]").first();
  await atRest(head);
  await head.click({ button: "right" });
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Save the picture" }).click()]);
  expect(file.suggestedFilename()).toBe("shown.png");
  await head.click({ button: "right" });
  await page.getByRole("menuitem", { name: "Copy the picture" }).click();
  await page.getByText("The picture is copied").waitFor();
  expect(await page.evaluate(async () => (await navigator.clipboard.read()).flatMap((one) => one.types))).toEqual(["image/png"]);
  expect(errors).toEqual([]);
  await context.close();
});

test("a double click on a link marks no text, so that nodes are what is copied", async () => {
  const { page, context } = await startTemplate();
  const link = await page.evaluate(() => {
    const path = document.querySelector<SVGPathElement>('path[data-link^="save"]')!;
    const at = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM()!);
    return { x: at.x, y: at.y };
  });
  await page.mouse.dblclick(link.x, link.y);
  await settled(page);
  expect(await page.evaluate(() => getSelection()!.toString())).toBe("");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+c");
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain('"KSampler"');
  await context.close();
});

describe("a picture dropped on a node that loads one", () => {
  test.each(["title", "picture"])("is what the node loads: on its %s", async (part) => {
    const { page, errors, context } = await startEmpty();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Add", (graph) => ({ ...graph, nodes: { load: { type: "LoadImage", ui: { pos: [300, 100] } } } })));
    const target = node(page, "load").locator(part === "title" ? "[class*=head]" : "[class*=picture]").first();
    await atRest(target);
    await target.evaluate((element, pixel) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0))], "dropped.png", { type: "image/png" }));
      element.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }, PIXEL);
    await expect.poll(async () => (await documentOf(page)).nodes["load"]!.inputs?.["image"]).toMatch(/^dropped.*\.png$/);
    expect(await names(page)).toEqual(["load"]);
    expect(errors).toEqual([]);
    await context.close();
  });
});
