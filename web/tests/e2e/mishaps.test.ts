// What goes wrong while one works, and what becomes of the work: faults, failures, hostile files, a service that dies, a crash.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { documentOf, kept, openContext, openPage, openTemplate, ready, settled, startService } from "./harness";
import { browser, idle, node, sentence, service, startStage, stateOf, writePrompt } from "./stage";

startStage();

describe("what goes wrong", () => {
  test("a fault is shown at its node and in a list that leads there", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await sentence(page).getByText(/nodes will run|all is known/).waitFor();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Break", (graph) => ({ ...graph, nodes: { ...graph.nodes, checkpoint: { ...graph.nodes["checkpoint"]!, inputs: { ckpt_name: "tiny-sd-12.safetensors" } } } })));
    await sentence(page).getByText("1 problem to solve").waitFor();
    await expect.poll(() => stateOf(page, "checkpoint")).toBe("error");
    await expect.poll(() => page.getByTestId("run").isDisabled()).toBe(true);
    await sentence(page).click();
    const problem = page.getByTestId("problem").first();
    await expect.poll(() => problem.innerText()).toContain("tiny-sd-128.safetensors");
    await problem.click();
    await expect.poll(() => page.evaluate(() => [...window.latentgraph!.documents.active!.selection])).toEqual(["checkpoint"]);
    await context.close();
  });

  test("E-12: texts of a hostile workflow are texts", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    await ready(page);
    await page.evaluate((text) => {
      window.latentgraph!.documents.open({
        format: "latentgraph/1",
        name: text,
        description: text,
        nodes: {
          [text]: { type: "CLIPTextEncode", title: text, inputs: { text }, ui: { pos: [0, 0], color: `red;background:url(javascript:alert(1))` } },
          unknown: { type: text, inputs: { [text]: text }, ui: { pos: [400, 0] } },
          load: { type: "CheckpointLoaderSimple", inputs: { ckpt_name: text }, ui: { pos: [0, 300] } },
          picture: { type: "LoadImage", inputs: { image: `javascript:alert(1)` }, ui: { pos: [400, 300] } },
        },
        parameters: [{ name: text, binds: [[text, "text"]], help: text }],
        ui: { notes: [{ id: "1", text: `# ${text}\n\n**${text}** \`${text}\``, markdown: true, pos: [0, -200], size: [300, 150] }], groups: [{ title: text, pos: [-50, -50], size: [900, 900], color: `"onmouseover="window.hacked=1` }] },
      });
    }, attack);
    await page.getByText(attack).first().waitFor();
    for (const [key, panel] of [["e", "panel-problems"], ["o", "panel-outline"], ["p", "side-form"], ["n", "side-node"], ["q", "panel-queue"]] as const) {
      await page.getByTestId("canvas").focus();
      await page.keyboard.press(key);
      await page.getByTestId(panel).waitFor();
      await settled(page);
    }
    expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked)).toBeUndefined();
    expect(await page.locator("main script, aside script, img[src=x]").count()).toBe(0);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("the service is killed while it runs and comes back: the page says so, goes on, and the run ends with its picture", async () => {
    const own = await startService();
    try {
      const { page, context } = await openPage(browser, own.url);
      await openTemplate(page, "text_to_image");
      await page.evaluate(() => window.latentgraph!.documents.editGraph("More steps", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, steps: 60 } } } })));
      await page.getByTestId("run").click();
      await expect.poll(() => stateOf(page, "sampler"), { timeout: 60_000 }).toBe("running");
      await own.kill();
      await page.getByTestId("offline").waitFor();
      await writePrompt(page, "negative", "text written while the service was away");
      await own.restart();
      await page.getByTestId("offline").waitFor({ state: "detached" });
      await idle(page);
      await node(page, "save").locator("img").waitFor();
      expect((await documentOf(page)).nodes["negative"]!.inputs!["text"]).toBe("text written while the service was away");
      await context.close();
    } finally {
      await own.stop();
    }
  });

  test("what was open is seen after a reload though the service tells of no nodes", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    expect(await page.evaluate(() => window.latentgraph!.documents.active!.views)).toEqual({});
    await kept(page);
    await page.route(/api\/v1\/nodes/, (route) => route.abort());
    await page.reload();
    await node(page, "sampler").waitFor();
    await context.close();
  });

  test("the failure of a run leads to its node, whatever is looked at by then", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const failed = await page.evaluate(() => {
      const { documents, runs } = window.latentgraph!;
      const { uid } = documents.active!;
      runs.own(uid, "failing");
      documents.open();
      runs.take({ type: "failed", job: "failing", sequence: 1, data: { error: { code: "x", message: "It went wrong", node: "sampler" } } });
      return uid;
    });
    await page.getByRole("button", { name: "Show node" }).click();
    await expect.poll(() => page.evaluate(() => [window.latentgraph!.documents.active!.uid, ...window.latentgraph!.documents.active!.selection])).toEqual([failed, "sampler"]);
    await node(page, "sampler").waitFor();
    await context.close();
  });

  test("the failure of a run is copied whole, to be told of elsewhere", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const failure = { code: "x", message: "It went wrong", node: "sampler", hint: "Try again", inputs: { steps: "20" } };
    await page.evaluate((error) => {
      const { documents, runs } = window.latentgraph!;
      runs.own(documents.active!.uid, "failing");
      runs.take({ type: "failed", job: "failing", sequence: 1, data: { error } });
    }, failure);
    await page.getByTestId("rail-problems").click();
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.getByText("Copied").waitFor();
    expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject(failure);
    await context.close();
  });

  test("two windows on one service keep their own documents, and a crash of one loses nothing", async () => {
    const context = await openContext(browser, { width: 1400, height: 900 });
    const one = await context.newPage();
    const other = await context.newPage();
    await one.goto(service.url);
    await openTemplate(one, "text_to_image");
    await other.goto(service.url);
    await openTemplate(other, "inpaint");
    await one.evaluate(() => window.latentgraph!.documents.editGraph("Edit", (graph) => ({ ...graph, nodes: { ...graph.nodes, latent: { ...graph.nodes["latent"]!, title: "Changed here" } } })));
    await kept(one);
    const tabs = (page: Page) => page.getByTestId("tab").count();
    await expect.poll(() => Promise.all([tabs(one), tabs(other)])).toEqual([1, 1]);
    await one.close();
    await expect.poll(() => other.evaluate(async () => (await navigator.locks.query()).held?.length)).toBe(1); // the window is gone
    const third = await context.newPage();
    await third.goto(service.url);
    await third.getByText("Changed here").waitFor();
    await expect.poll(() => Promise.all([tabs(third), tabs(other)])).toEqual([1, 1]);
    await context.close();
  });
});
