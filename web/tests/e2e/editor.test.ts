// The editor as its user meets it: a real browser, the real service, the embedded model. One story after the other.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { largeDocument } from "./fixtures";
import { accessFaults, atRest, documentOf, drop, kept, openPage, openTemplate, ready, settled } from "./harness";
import { browser, idle, node, sentence, service, startStage, stateOf, writePrompt } from "./stage";

startStage();

describe("the day's work", () => {
  test("a prompt takes back what is written in it, the graph what was done before; all that was written is one step of the graph", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const text = async () => (await documentOf(page)).nodes["positive"]!.inputs!["text"];
    const steps = () => page.evaluate(() => window.latentgraph!.documents.active!.history.done.map((one) => one.label));
    const before = await text();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Steps", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, title: "Mine" } } })));
    await writePrompt(page, "positive", "a red apple");
    await expect.poll(text).toBe("a red apple");
    for (let press = 0; press < 5; press++) await page.keyboard.press("Control+z"); // more often than there is something to take back
    await expect.poll(text).toBe(before);
    expect((await documentOf(page)).nodes["sampler"]!.title).toBe("Mine");
    await page.keyboard.press("Control+Shift+Z");
    await page.keyboard.press("Control+Shift+Z");
    await expect.poll(text).toBe("a red apple");
    await page.keyboard.press("Escape");
    expect(await steps()).toHaveLength(2);
    await page.keyboard.press("Control+z");
    await expect.poll(text).toBe(before);
    expect((await documentOf(page)).nodes["sampler"]!.title).toBe("Mine");
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]!.title).not.toBe("Mine");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("open a template, see the plan, run, see the picture; edit, see what reruns and why; undo; reload; nothing is lost", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await sentence(page).getByText("7 of 7 nodes will run").waitFor();
    await expect.poll(() => stateOf(page, "sampler")).toBe("run");

    await page.getByTestId("run").click();
    await page.getByTestId("cancel").waitFor();
    await idle(page);
    await sentence(page).getByText("Nothing will run: all is known").waitFor();
    await expect.poll(() => stateOf(page, "sampler")).toBe("cached");
    const picture = node(page, "save").locator("img");
    await picture.waitFor();
    await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);

    await writePrompt(page, "positive", "a red apple on a blue background");
    await sentence(page).getByText("4 of 7 nodes will run").waitFor();
    await expect.poll(() => Promise.all(["checkpoint", "positive", "negative", "sampler", "decode", "save"].map((id) => stateOf(page, id)))).toEqual(["cached", "run", "cached", "run", "run", "run"]);
    await expect.poll(() => node(page, "positive").locator("[data-state]").getAttribute("data-tip")).toContain("`text` changed");
    await expect.poll(() => node(page, "decode").locator("[data-state]").getAttribute("data-tip")).toContain("upstream");

    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+z");
    await sentence(page).getByText("Nothing will run: all is known").waitFor();
    await page.keyboard.press("Control+Shift+z");
    await sentence(page).getByText("4 of 7 nodes will run").waitFor();
    expect((await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe("a red apple on a blue background");
    await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);

    await kept(page);
    await page.reload();
    await sentence(page).getByText("4 of 7 nodes will run").waitFor();
    expect((await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe("a red apple on a blue background");
    await node(page, "save").locator("img").waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("while it runs, what is finished says so and the sentence counts down; an edit above makes it run again until it is taken back", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.evaluate(() => {
      window.latentgraph!.documents.editGraph("A run of its own", (graph) => {
        const { positive, sampler } = graph.nodes;
        const changed = { positive: { ...positive!, inputs: { ...positive!.inputs, text: "a lake" } }, sampler: { ...sampler!, inputs: { ...sampler!.inputs, steps: 800 } } };
        return { ...graph, nodes: { ...graph.nodes, ...changed } };
      });
    });
    await sentence(page).getByText(/nodes will run/).waitFor();
    await page.getByTestId("run").click();
    await expect.poll(() => stateOf(page, "sampler")).toBe("running");
    await expect.poll(() => stateOf(page, "positive")).toMatch(/^(done|cached)$/); // cached, where the plan was asked for again since
    expect(await stateOf(page, "decode")).toBe("run");
    await sentence(page).getByText("3 of 7 nodes still to run").waitFor();

    const edit = (text: string) => page.evaluate((to) => window.latentgraph!.documents.editGraph("Prompt", (graph) => ({ ...graph, nodes: { ...graph.nodes, positive: { ...graph.nodes["positive"]!, inputs: { ...graph.nodes["positive"]!.inputs, text: to } } } })), text);
    await edit("a lake at night");
    await expect.poll(() => stateOf(page, "positive")).toBe("run");
    await sentence(page).getByText("4 of 7 nodes still to run").waitFor();
    expect(await stateOf(page, "sampler")).toBe("running");
    await page.evaluate(() => window.latentgraph!.documents.undo());
    await sentence(page).getByText("3 of 7 nodes still to run").waitFor();

    await idle(page);
    await sentence(page).getByText("Nothing will run: all is known").waitFor();
    for (const id of ["positive", "sampler", "save"]) await expect.poll(() => stateOf(page, id)).toBe("cached");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("run to a node runs what it needs and nothing else", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Seed", (graph) => ({ ...graph, nodes: { ...graph.nodes, latent: { ...graph.nodes["latent"]!, inputs: { ...graph.nodes["latent"]!.inputs, width: 64, height: 64 } } } })));
    await node(page, "latent").locator("[class*=head]").click();
    await page.keyboard.press("Alt+Enter");
    await expect.poll(() => stateOf(page, "latent"), { timeout: 60_000 }).toBe("cached");
    await idle(page);
    await expect.poll(() => stateOf(page, "sampler")).toBe("run");
    expect(await page.evaluate(() => window.latentgraph!.runs.nodes.get(`${window.latentgraph!.documents.active!.uid}/sampler`))).toBeUndefined();
    await context.close();
  });
});

describe("building a graph", () => {
  test("from nothing, by keyboard and palette; a link dropped on nothing asks for a node that fits", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await ready(page);
    await page.keyboard.press("Alt+n");
    await page.getByTestId("canvas").waitFor();
    await page.keyboard.press("Tab");
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("load check");
    await page.keyboard.press("Enter");
    const loader = node(page, "checkpoint_loader_simple");
    await loader.waitFor();
    const socket = await atRest(loader.locator('[data-socket="CLIP"][data-end="output"]'));
    await page.mouse.move(socket.x + 5, socket.y + 5);
    await page.mouse.down();
    await page.mouse.move(socket.x + 200, socket.y + 120, { steps: 8 });
    await page.mouse.up();
    await page.getByTestId("palette").waitFor();
    await page.keyboard.type("text encode");
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await documentOf(page)).nodes["clip_text_encode"]?.inputs?.["clip"]).toEqual({ from: ["checkpoint_loader_simple", "CLIP"] });
    expect(errors).toEqual([]);
    await context.close();
  });

  test("who types faster than the palette draws gets what was typed", async () => {
    const { page, context } = await openPage(browser, service.url);
    await ready(page);
    await page.keyboard.press("Tab");
    await page.getByRole("combobox", { name: "Find a node" }).evaluate((field: HTMLInputElement) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(field, "vae decode");
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    });
    await expect.poll(async () => Object.values((await documentOf(page)).nodes).map((one) => one.type)).toEqual(["VAEDecode"]);
    await context.close();
  });

  test("a link that does not fit is refused and says why; pulled off its input it is gone", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const at = async (id: string, name: string, end: string) => {
      const box = await atRest(node(page, id).locator(`[data-socket="${name}"][data-end="${end}"]`));
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const from = await at("latent", "LATENT", "output");
    const wrong = await at("sampler", "model", "input");
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(wrong.x - 20, wrong.y, { steps: 6 });
    await page.mouse.move(wrong.x, wrong.y, { steps: 3 });
    await page.getByText("LATENT does not fit MODEL").waitFor();
    await page.mouse.up();
    await settled(page);
    expect((await documentOf(page)).nodes["sampler"]!.inputs!["model"]).toEqual({ from: ["checkpoint", "MODEL"] });

    await page.keyboard.press("Escape");
    const pulled = await at("decode", "samples", "input");
    await page.mouse.move(pulled.x, pulled.y);
    await page.mouse.down();
    await page.mouse.move(pulled.x + 60, pulled.y - 160, { steps: 8 });
    await page.mouse.up();
    await expect.poll(async () => (await documentOf(page)).nodes["decode"]!.inputs!["samples"]).toBeUndefined();
    await context.close();
  });

  test("bypass, mute, collapse, subgraph and undo, by their keys", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await sentence(page).getByText(/nodes will run|all is known/).waitFor();
    await node(page, "sampler").locator("[class*=head]").click();
    await page.keyboard.press("Control+b");
    await expect.poll(() => node(page, "sampler").getAttribute("data-mode")).toBe("bypass");
    await page.keyboard.press("Control+m");
    await expect.poll(() => node(page, "sampler").getAttribute("data-mode")).toBe("mute");
    await page.keyboard.press("Control+m");
    await page.keyboard.press("Alt+c");
    await expect.poll(async () => (await node(page, "sampler").boundingBox())?.height).toBeLessThan(40);
    await page.keyboard.press("Alt+c");
    await page.keyboard.press("Control+Shift+g");
    await node(page, "subgraph").waitFor();
    await sentence(page).getByText(/nodes will run|all is known/).waitFor();
    await node(page, "subgraph").getByRole("button", { name: "Enter this subgraph" }).click();
    await node(page, "sampler").waitFor();
    await page.getByRole("navigation", { name: "Subgraphs" }).getByRole("button").first().click();
    const before = await documentOf(page);
    expect(before.subgraphs).toBeDefined();
    for (let step = 0; step < 6; step++) await page.keyboard.press("Control+z");
    await expect.poll(async () => (await documentOf(page)).subgraphs).toBeUndefined();
    await expect.poll(async () => (await documentOf(page)).nodes["sampler"]?.mode).toBeUndefined();
    await context.close();
  });

  test("nodes go through the clipboard as JSON, from one window to another", async () => {
    const one = await openPage(browser, service.url);
    await openTemplate(one.page, "text_to_image");
    await node(one.page, "sampler").locator("[class*=head]").click();
    await one.page.keyboard.press("Control+c");
    await expect.poll(() => one.page.evaluate(() => navigator.clipboard.readText())).toContain('"KSampler"');
    await one.page.keyboard.press("Alt+n");
    await one.page.keyboard.press("Control+v");
    await expect.poll(async () => Object.keys((await documentOf(one.page)).nodes)).toEqual(["sampler"]);
    await one.context.close();
  });
});

describe("files", () => {
  test("saved, closed, opened again; a workflow of ComfyUI and a picture open in tabs of their own", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("Control+s");
    await page.getByLabel("Name", { exact: true }).fill("mine/first");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as mine/first").waitFor();
    await page.keyboard.press("Alt+w");
    await page.keyboard.press("w");
    await page.getByTestId("panel-workflows").getByText("mine/first").click();
    await node(page, "sampler").waitFor();
    await expect.poll(() => page.getByTestId("tab").count()).toBe(1);

    const prompt = { 3: { class_type: "EmptyLatentImage", inputs: { width: 64, height: 64, batch_size: 1 } }, 4: { class_type: "NobodyKnowsThis", inputs: { latent: ["3", 0], note: "kept" } } };
    await drop(page, "prompt.json", JSON.stringify(prompt), "application/json");
    await expect.poll(() => page.getByTestId("tab").count()).toBe(2);
    await page.getByRole("button", { name: "Keep as it is" }).click();
    const unknown = (await documentOf(page)).nodes["4"]!;
    expect([unknown.type, unknown.inputs!["note"]]).toEqual(["NobodyKnowsThis", "kept"]);
    await page.keyboard.press("e");
    await page.getByTestId("problem").first().waitFor();
    await drop(page, "text_to_image.png", readFileSync(new URL("../../../workflows/pictures/text_to_image.png", import.meta.url)), "image/png");
    await expect.poll(() => page.getByTestId("tab").count()).toBe(3);
    expect((await documentOf(page)).nodes["sampler"]!.type).toBe("KSampler");
    await context.close();
  });
});

describe("everyone", () => {
  test.each(["dark", "light"] as const)("nothing that axe knows of is in the way (%s)", async (theme) => {
    const { page, context } = await openPage(browser, service.url);
    await page.evaluate((value) => window.latentgraph!.settings.setState({ theme: value }), theme);
    await openTemplate(page, "text_to_image");
    await sentence(page).getByText(/nodes will run|all is known/).waitFor();
    for (const [key, panel] of [["q", "panel-queue"], ["o", "panel-outline"], ["p", "side-form"]] as const) {
      await page.getByTestId("canvas").focus();
      await page.keyboard.press(key);
      await page.getByTestId(panel).waitFor();
    }
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await context.close();
  });

  test("the outline walks the graph by keyboard", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("o");
    const list = page.getByRole("list", { name: "Nodes in the order of their links" });
    await list.waitFor();
    await expect.poll(() => list.getByRole("listitem").count()).toBe(7);
    await list.getByRole("button").nth(2).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => window.latentgraph!.documents.active!.selection.size)).toBe(1);
    await context.close();
  });
});

describe("exact counts", () => {
  test("the first load is small, a thousand nodes are few elements, progress draws its node alone, and all that was made is given back", async () => {
    const { page, context } = await openPage(browser, service.url);
    const requests = await page.evaluate(() => performance.getEntriesByType("resource").map((one) => one.name).filter((name) => /\/assets\//.test(name)));
    expect(requests.length).toBeLessThanOrEqual(15);
    await ready(page);
    for (const hub of [false, true]) {
      const validated = page.waitForResponse(/validate/);
      await page.evaluate((document_) => window.latentgraph!.documents.open(document_), largeDocument(1000, { hub }));
      await validated; // from here on nothing comes by itself
      for (const zoom of [1, 0.56, 0.31, 0.1]) {
        await page.evaluate((to) => window.latentgraph!.canvas!.zoomTo(to), zoom);
        await page.waitForFunction((to) => Math.abs(new DOMMatrix(document.querySelector<HTMLElement>(".react-flow__viewport")!.style.transform).a - to) < 1e-3, zoom);
        await settled(page);
        expect(await page.evaluate(() => document.querySelectorAll("*").length), `elements at ${zoom}, hub ${hub}`).toBeLessThanOrEqual(5000);
        const ofLargest = () => Math.max(...[...document.querySelectorAll(".react-flow__node")].map((one) => one.querySelectorAll("*").length));
        if (zoom === 1) expect(await page.evaluate(ofLargest), "elements of the largest node").toBeLessThanOrEqual(60);
      }
    }
    await page.evaluate(() => window.latentgraph!.canvas!.fit(["sampler_0_0"]));
    await atRest(page.locator('[data-node="sampler_0_0"]'));
    await settled(page);
    const drawn = await page.evaluate(async () => {
      const editor = window.latentgraph!;
      editor.runs.own(editor.documents.active!.uid, "counted");
      editor.runs.take({ type: "started", job: "counted", sequence: 1, data: { nodes: 10, cached: [] } });
      editor.runs.take({ type: "node_started", job: "counted", sequence: 2, data: { node: "sampler_0_0", display: "sampler_0_0" } });
      await new Promise((done) => setTimeout(done, 300));
      const counts = (window.latentgraphRenders = new Map<string, number>());
      for (let value = 1; value <= 50; value++) {
        editor.runs.take({ type: "progress", job: "counted", data: { node: "sampler_0_0", display: "sampler_0_0", value, maximum: 50 } });
        await new Promise((done) => requestAnimationFrame(done));
      }
      return [...counts.keys()];
    });
    expect(drawn).toEqual(["sampler_0_0"]);
    await context.close();
  });
});
