// Notes and frames: written, renamed, made larger, each gesture one step of undo; what is inside an open frame is the canvas.
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Graph, Group, Note } from "@/model/document";
import { atRest, documentOf, openPage, ready } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const note = (page: Page) => page.locator('[data-node="note:one"]');
const frame = (page: Page) => page.locator('[data-node="group:0"]');
const noteOf = async (page: Page) => ((await documentOf(page)).ui!["notes"] as Note[])[0]!;
const frameOf = async (page: Page) => ((await documentOf(page)).ui!["groups"] as Group[])[0]!;
const stepsOf = (page: Page) => page.evaluate(() => window.latentgraph!.documents.active!.history.done.map((one) => one.label));
const viewOf = (page: Page) => page.locator(".react-flow__viewport").evaluate((one) => new DOMMatrix(getComputedStyle(one).transform).e);
const select = (page: Page, ...names: string[]) => page.evaluate((all) => (window.latentgraph!.documents.select(all), window.latentgraph!.canvas!.focus()), names);

/** One note and one frame, with a node in it, seen at their size. */
async function start(): Promise<{ page: Page; errors: string[]; close: () => Promise<void> }> {
  const { page, errors, context } = await openPage(browser, service.url);
  await ready(page);
  const graph: Graph = {
    nodes: { latent: { type: "EmptyLatentImage", ui: { pos: [260, 120] } } },
    ui: {
      notes: [{ id: "one", text: "first", pos: [-400, 0], size: [240, 120] }],
      groups: [{ title: "Group 1", pos: [0, 0], size: [560, 400] }],
    },
  };
  await page.evaluate((made) => {
    const { documents } = window.latentgraph!;
    const uid = documents.open({ format: "latentgraph/1", ...made });
    documents.setView(uid, "", { x: 560, y: 200, zoom: 1 });
  }, graph);
  await atRest(note(page));
  return { page, errors, close: () => context.close() };
}

async function drag(page: Page, from: { x: number; y: number }, by: { x: number; y: number }): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + by.x, from.y + by.y, { steps: 6 });
  await page.mouse.up();
}

/** The middle of the handle at a corner of what is selected. */
async function corner(target: Locator, name: "top.left" | "bottom.right"): Promise<{ x: number; y: number }> {
  const box = await atRest(target.page().locator(`.react-flow__node:has(.react-flow__resize-control) .react-flow__resize-control.handle.${name}`));
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

describe("a note", () => {
  test("that is new takes all that is typed, as one step", async () => {
    const { page, errors, close } = await start();
    await page.mouse.click(1300, 800, { button: "right" });
    await page.getByRole("menuitem", { name: "Add note" }).click();
    await page.getByLabel("Note", { exact: true }).waitFor();
    await page.keyboard.type("hello, world");
    await page.keyboard.press("Escape");
    expect(((await documentOf(page)).ui!["notes"] as Note[]).map((one) => one.text)).toEqual(["first", "hello, world"]);
    expect(await stepsOf(page)).toEqual(["Add note", "Write note"]);
    await page.getByText("hello, world").waitFor();
    expect(errors).toEqual([]);
    await close();
  });

  test("that is empty takes all that is typed after a click on it", async () => {
    const { page, close } = await start();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Empty", (graph) => ({ ...graph, ui: { ...graph.ui, notes: [{ id: "one", text: "", pos: [-400, 0], size: [240, 120] }] } })));
    await page.getByPlaceholder("Write a note. Markdown works.").click();
    await page.keyboard.type("hello");
    expect((await noteOf(page)).text).toBe("hello");
    await close();
  });

  test.each(["Enter", "F2"])("that is selected is written in after %s, and left with Escape", async (key) => {
    const { page, close } = await start();
    await select(page, "note:one");
    await page.keyboard.press(key);
    await note(page).getByRole("textbox").waitFor();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" and more");
    await page.keyboard.press("Escape");
    await expect.poll(() => note(page).getByRole("textbox").count()).toBe(0);
    expect((await noteOf(page)).text).toBe("first and more");
    await close();
  });

  test("written as plain text stays that", async () => {
    const { page, close } = await start();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Plain", (graph) => ({ ...graph, ui: { ...graph.ui, notes: [{ id: "one", text: "*", markdown: false, pos: [-400, 0], size: [240, 120] }] } })));
    await note(page).dblclick();
    await page.keyboard.type("not a list*");
    expect(await noteOf(page)).toMatchObject({ markdown: false });
    await close();
  });

  test("made larger by its upper left corner grows with the pointer, in one step", async () => {
    const { page, close } = await start();
    await select(page, "note:one");
    const from = await corner(note(page), "top.left");
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x - 40, from.y - 24, { steps: 4 });
    await expect.poll(async () => Math.round((await note(page).boundingBox())!.width)).toBe(280);
    await page.mouse.up();
    await expect.poll(() => stepsOf(page)).toEqual(["Resize note"]);
    expect(await noteOf(page)).toMatchObject({ pos: [-440, -24], size: [280, 144] });
    await page.keyboard.press("Control+z");
    await expect.poll(() => noteOf(page)).toMatchObject({ pos: [-400, 0], size: [240, 120] });
    await close();
  });
});

describe("a frame", () => {
  test.each([
    ["top.left", { x: -40, y: -40 }, { pos: [-40, -40], size: [600, 440] }],
    ["bottom.right", { x: 56, y: 32 }, { pos: [0, 0], size: [616, 432] }],
  ] as const)("is made larger by its corner %s, in one step", async (name, by, wanted) => {
    const { page, close } = await start();
    await select(page, "group:0");
    await drag(page, await corner(frame(page), name), by);
    await expect.poll(() => frameOf(page)).toMatchObject(wanted);
    expect(await stepsOf(page)).toEqual(["Resize group"]);
    expect((await documentOf(page)).nodes["latent"]!.ui).toEqual({ pos: [260, 120] });
    await close();
  });

  test("lets the canvas be dragged, and nodes be added, where it is empty", async () => {
    const { page, errors, close } = await start();
    const box = await atRest(frame(page));
    const before = await viewOf(page);
    await drag(page, { x: box.x + 100, y: box.y + 300 }, { x: 60, y: 0 });
    await expect.poll(async () => (await viewOf(page)) - before).toBeGreaterThan(40);
    await page.mouse.dblclick(box.x + 140, box.y + 340);
    await page.getByRole("combobox", { name: "Find a node" }).waitFor();
    expect(errors).toEqual([]);
    await close();
  });

  test("is selected by its title, moved by it, and renamed after F2; Escape leaves the name as it was", async () => {
    const { page, close } = await start();
    const title = await atRest(frame(page).getByText("Group 1"));
    await drag(page, { x: title.x + 10, y: title.y + 8 }, { x: 48, y: 48 });
    await expect.poll(async () => (await frameOf(page)).pos[0]).toBeGreaterThan(30);
    await page.keyboard.press("F2");
    await page.getByLabel("Title of the group").fill("Sampling");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByLabel("Title of the group").count()).toBe(0);
    expect((await frameOf(page)).title).toBe("Group 1");
    await select(page, "group:0");
    await page.keyboard.press("F2");
    await page.getByLabel("Title of the group").fill("Sampling");
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await frameOf(page)).title).toBe("Sampling");
    await close();
  });

  test("and a note are reached by keyboard through the outline", async () => {
    const { page, close } = await start();
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("o");
    await page.getByTestId("panel-outline").getByRole("button", { name: /^Group 1/ }).focus();
    await page.keyboard.press("Enter");
    await page.locator('.react-flow__node[data-id="group:0"]:focus').waitFor();
    await page.keyboard.press("F2");
    await page.getByLabel("Title of the group").fill("Sampling");
    await page.keyboard.press("Enter");
    await page.getByTestId("panel-outline").getByRole("button", { name: /^Sampling/ }).waitFor();
    await page.getByTestId("panel-outline").getByRole("button", { name: /^first/ }).click();
    await page.locator('.react-flow__node[data-id="note:one"]:focus').waitFor();
    await page.keyboard.press("Enter");
    await note(page).getByRole("textbox").waitFor();
    await close();
  });
});

describe("arrow keys", () => {
  test("move what is selected, one step for each thing that is moved", async () => {
    const { page, close } = await start();
    const nudge = async (id: string) => {
      await select(page, id);
      await page.locator(`.react-flow__node[data-id="${id}"]`).focus();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
    };
    await nudge("latent");
    await nudge("note:one");
    await expect.poll(() => stepsOf(page)).toEqual(["Move", "Move"]);
    await close();
  });
});
