// Frames, pins, colours, hidden links, sizes, and one edit for many nodes: by pointer and by keyboard, each undone.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessFaults, documentOf, openPage, openTemplate, settled } from "./harness";
import { browser, node, service, startStage } from "./stage";

startStage();

const select = (page: Page, ...names: string[]) => page.evaluate((all) => (window.latentgraph!.documents.select(all), window.latentgraph!.canvas!.focus()), names);
const ui = async (page: Page, id: string) => (await documentOf(page)).nodes[id]!.ui!;
const menuItem = (page: Page, name: string) => page.getByRole("menuitem", { name: new RegExp(`^${name}`) });

async function start(): Promise<{ page: Page; errors: string[]; close: () => Promise<void> }> {
  const { page, errors, context } = await openPage(browser, service.url);
  await openTemplate(page, "text_to_image");
  await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
  return { page, errors, close: () => context.close() };
}

describe("a frame", () => {
  test("closed hides its nodes and keeps their links; moved, it takes them along; its nodes are muted together; undo opens it", async () => {
    const { page, errors, close } = await start();
    await select(page, "positive", "negative");
    await page.keyboard.press("Control+g");
    const frame = page.locator('[data-node^="group:"]').last();
    await frame.waitFor();
    await frame.getByRole("button", { name: "Close this frame" }).click();
    await expect.poll(() => node(page, "positive").count()).toBe(0);
    await frame.getByText("2 nodes").waitFor();
    await expect.poll(() => page.locator('[data-link^="sampler"]').count()).toBe(4); // model, latent, and the two that end at the frame

    const before = await ui(page, "positive");
    const box = (await frame.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + 40, box.y + box.height / 2 + 80, { steps: 6 });
    await page.mouse.up();
    await expect.poll(async () => ((await ui(page, "positive"))["pos"] as number[])[1]).toBeGreaterThan((before["pos"] as number[])[1]!);

    await frame.click({ button: "right", position: { x: 60, y: 10 } });
    await menuItem(page, "Mute its nodes").click();
    await expect.poll(async () => Object.entries((await documentOf(page)).nodes).flatMap(([name, one]) => (one.mode === "mute" ? [name] : []))).toEqual(["positive", "negative"]);
    await page.getByTestId("canvas").focus();
    for (let step = 0; step < 3; step++) await page.keyboard.press("Control+z");
    await node(page, "positive").waitFor();
    expect((await documentOf(page)).nodes["positive"]).toMatchObject({ ui: before });
    expect(errors).toEqual([]);
    await close();
  });
});

describe("a node", () => {
  test("pinned stays where it is; unpinned it moves", async () => {
    const { page, close } = await start();
    await select(page, "sampler");
    await page.keyboard.press("Alt+p");
    await expect.poll(async () => (await ui(page, "sampler"))["pinned"]).toBe(true);
    const at = (await ui(page, "sampler"))["pos"];
    const drag = async () => {
      const box = (await node(page, "sampler").boundingBox())!;
      await page.mouse.move(box.x + 90, box.y + 8);
      await page.mouse.down();
      await page.mouse.move(box.x + 150, box.y + 88, { steps: 6 });
      await page.mouse.up();
    };
    await drag();
    await page.keyboard.press("Alt+p");
    await expect.poll(async () => (await ui(page, "sampler"))["pinned"]).toBeUndefined();
    expect((await ui(page, "sampler"))["pos"]).toEqual(at);
    await drag();
    await expect.poll(async () => (await ui(page, "sampler"))["pos"]).not.toEqual(at);
    await close();
  });

  test("is coloured and made wider, each one step of undo", async () => {
    const { page, close } = await start();
    await node(page, "sampler").locator("[class*=head]").click({ button: "right" });
    await menuItem(page, "Blue").click();
    await expect.poll(async () => (await ui(page, "sampler"))["color"]).toBe("#6b9ae8");
    const corner = page.locator('.react-flow__node[data-id="sampler"] .react-flow__resize-control');
    await corner.waitFor();
    const box = (await corner.boundingBox())!;
    const before = (await node(page, "sampler").boundingBox())!.width;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + 90, box.y + 10, { steps: 6 });
    await page.mouse.up();
    await expect.poll(async () => (await node(page, "sampler").boundingBox())!.width).toBeGreaterThan(before + 30);
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await node(page, "sampler").boundingBox())!.width).toBe(before);
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await ui(page, "sampler"))["color"]).toBeUndefined();
    await close();
  });

  test("a link is hidden: its input says where it comes from; it is shown again", async () => {
    const { page, close } = await start();
    const input = node(page, "decode").locator('[data-input="vae"]');
    await input.click({ button: "right" });
    await menuItem(page, "Hide the link").click();
    await node(page, "decode").getByText("vae ← Load Checkpoint").waitFor();
    await page.evaluate(() => window.latentgraph!.documents.select([]));
    await expect.poll(() => page.locator('[data-link^="decode"]').count()).toBe(1);
    expect((await documentOf(page)).nodes["decode"]!.inputs!["vae"]).toEqual({ from: ["checkpoint", "VAE"] });
    await input.click({ button: "right" });
    await menuItem(page, "Show the link").click();
    await expect.poll(() => page.locator('[data-link^="decode"]').count()).toBe(2);
    await close();
  });
});

describe("a node that is dragged", () => {
  test("comes to rest beside another that it comes near, and a line shows it; not with the setting off", async () => {
    const { page, errors, close } = await start();
    const drag = async (x: number, y: number) => {
      const box = (await node(page, "latent").getByText("Empty Latent Image").boundingBox())!;
      const [fromX, fromY] = [box.x + 20, box.y + box.height / 2];
      await page.mouse.move(fromX, fromY);
      await page.mouse.down();
      await page.mouse.move(fromX + 3, fromY); // where the drag begins
      await page.mouse.move(fromX + 3 + x, fromY + y, { steps: 6 });
      await settled(page);
    };
    const left = async (id: string) => ((await ui(page, id))["pos"] as number[])[0]!;
    const zoom = await page.evaluate(() => new DOMMatrix(document.querySelector<HTMLElement>(".react-flow__viewport")!.style.transform).a);
    await page.evaluate(() => window.latentgraph!.settings.setState({ snap: false }));
    // Four pixels of the screen from where its left edge is under that of the loader.
    const far = (await left("checkpoint")) - (await left("latent"));
    await drag(far * zoom + 4, 30);
    await page.locator('[data-testid="guide"][data-axis="x"]').waitFor();
    await page.mouse.up();
    await expect.poll(() => left("latent")).toBe(await left("checkpoint"));
    expect(await page.getByTestId("guide").count()).toBe(0);
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await left("checkpoint")) - (await left("latent"))).toBe(far);

    await page.evaluate(() => window.latentgraph!.settings.setState({ guides: false }));
    await drag(far * zoom + 4, 30);
    expect(await page.getByTestId("guide").count()).toBe(0);
    await page.mouse.up();
    await expect.poll(async () => Math.abs((await left("latent")) - (await left("checkpoint")))).toBeGreaterThan(1);
    expect(errors).toEqual([]);
    await close();
  });
});

describe("fields that are seldom changed", () => {
  test("are unfolded with a click, in one step", async () => {
    const { page, close } = await start();
    await page.evaluate(() => window.latentgraph!.documents.open({ format: "latentgraph/1", nodes: { clip: { type: "CLIPLoader", ui: { pos: [0, 0] } } } }));
    const more = node(page, "clip").getByRole("button", { name: "1 more" });
    await more.waitFor();
    expect(await node(page, "clip").locator("[data-input=device]").count()).toBe(0);
    await more.click();
    await node(page, "clip").locator("[data-input=device]").waitFor();
    await node(page, "clip").getByRole("button", { name: "fewer" }).waitFor();
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await more.waitFor();
    await close();
  });
});

describe("a link", () => {
  test("gets a point where it is pressed with Alt, in one step", async () => {
    const { page, close } = await start();
    const link = page.locator('[data-link^="decode"]').first();
    const at = await link.evaluate((path: SVGPathElement) => {
      const { x, y } = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM()!);
      return { x, y };
    });
    await page.keyboard.down("Alt");
    await page.mouse.click(at.x, at.y);
    await page.keyboard.up("Alt");
    const points = async () => ((await documentOf(page)).ui?.["reroutes"] as unknown[] | undefined)?.length ?? 0;
    await expect.poll(points).toBe(1);
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(points).toBe(0);
    await close();
  });
});

describe("a link that is painted, as all are from far away", () => {
  test("is told when pointed at; a click selects it, and Delete takes it away", async () => {
    const { page, errors, close } = await start();
    await page.evaluate(() => window.latentgraph!.canvas!.zoomTo(0.25));
    await page.locator('[data-testid="canvas"][data-level="far"]').waitFor();
    await settled(page);
    // The middle of the link from the decoder to what saves its picture.
    const at = await page.evaluate(() => {
      const { nodes } = window.latentgraph!.documents.active!.document;
      const [decode, save] = ["decode", "save"].map((name) => nodes[name]!.ui!["pos"] as [number, number]) as [[number, number], [number, number]];
      const { a, e, f } = new DOMMatrix(document.querySelector<HTMLElement>(".react-flow__viewport")!.style.transform);
      const box = document.querySelector("[data-testid=canvas]")!.getBoundingClientRect();
      const out = [decode[0] + 240, decode[1] + 45]; // the first socket is in the middle of the first row
      const into = [save[0], save[1] + 45];
      return { x: box.left + ((out[0]! + into[0]!) / 2) * a + e, y: box.top + ((out[1]! + into[1]!) / 2) * a + f };
    });
    await page.mouse.move(at.x, at.y);
    await page.getByTestId("pointed-link").getByText("VAE Decode · IMAGE → Save Image · images").waitFor();
    await page.mouse.move(at.x, at.y + 120);
    await expect.poll(() => page.getByTestId("pointed-link").count()).toBe(0);
    await page.mouse.click(at.x, at.y);
    await expect.poll(() => page.evaluate(() => [...window.latentgraph!.documents.active!.selection])).toEqual(["link:save\nimages"]);
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Delete");
    await expect.poll(async () => (await documentOf(page)).nodes["save"]!.inputs!["images"]).toBeUndefined();
    expect(errors).toEqual([]);
    await close();
  });
});

describe("several nodes", () => {
  test("have a field changed together, in one step", async () => {
    const { page, close } = await start();
    await select(page, "positive", "negative");
    await page.keyboard.press("n");
    const panel = page.getByTestId("shared");
    await panel.getByText("2 nodes").first().waitFor();
    await panel.getByRole("textbox", { name: "text" }).click();
    await panel.locator(".cm-content").waitFor();
    await page.keyboard.type("one prompt for both");
    await expect.poll(async () => (await documentOf(page)).nodes["negative"]!.inputs!["text"]).toBe("one prompt for both");
    expect((await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe("one prompt for both");
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await documentOf(page)).nodes["negative"]!.inputs!["text"]).not.toBe("one prompt for both");
    expect((await documentOf(page)).nodes["positive"]!.inputs!["text"]).not.toBe("one prompt for both");
    await close();
  });
});
