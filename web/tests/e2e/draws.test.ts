// What a workflow leaves open and each run draws: seeds, and words of prompts. The document never changes by it.
import { describe, expect, test } from "vitest";
import { documentOf, openPage, openTemplate } from "./harness";
import { browser, idle, node, service, startStage } from "./stage";

startStage();


describe("each run", () => {
  test("a random seed is drawn by the service, shown, and kept with one click; the document is never changed", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Few steps", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, steps: 1, seed: "random" } } } })));
    await expect.poll(() => node(page, "sampler").locator("[data-state]").getAttribute("data-tip")).toContain("draws a new seed at every run");
    await page.getByTestId("run").click();
    const seed = () => page.evaluate(() => window.latentgraph!.runs.store.getState().draws[window.latentgraph!.documents.active!.uid]?.["sampler"]?.seeds["seed"] ?? -1);
    await expect.poll(seed).toBeGreaterThanOrEqual(0);
    const drawn = await seed();
    await idle(page);
    expect((await documentOf(page)).nodes["sampler"]!.inputs!["seed"]).toBe("random");
    await expect.poll(() => node(page, "sampler").locator("[data-input=seed]").innerText()).toContain(String(drawn));

    await page.evaluate(() => window.latentgraph!.view.set({ side: "form" }));
    const field = page.getByRole("complementary").getByRole("group", { name: "seed" });
    await expect.poll(() => field.innerText()).toContain(String(drawn));
    await field.getByRole("button", { name: "keep the last seed" }).click();
    expect((await documentOf(page)).nodes["sampler"]!.inputs!["seed"]).toBe(drawn);
    await context.close();
  });

  test("words that a prompt leaves open are drawn by the seed: known once run, and anew where that is random, as the plan says before", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    const prompt = page.locator('[data-node="positive"]').getByRole("textbox");
    await prompt.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("a {red|blue} fox");
    await page.keyboard.press("Escape");
    const written = "a {red|blue} fox";
    await expect.poll(async () => (await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe(written);
    const drawn = page.locator('[data-node="positive"]').getByRole("img", { name: /^The last run drew: a (red|blue)/ });
    await page.getByTestId("sentence").getByText(/nodes will run/).waitFor();
    await page.keyboard.press("Control+Enter");
    await drawn.waitFor();
    await page.getByTestId("sentence").getByText("Nothing will run").waitFor();
    await page.evaluate(() => window.latentgraph!.documents.editGraph("Random", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, seed: "random" } } } })));
    await expect.poll(() => page.locator('[data-node="positive"] [data-state="run"]').getAttribute("data-tip")).toContain("draws its words anew at every run");
    await page.keyboard.press("Control+Enter");
    await idle(page);
    await drawn.waitFor();
    expect((await documentOf(page)).nodes["positive"]!.inputs!["text"]).toBe(written);
    expect(errors).toEqual([]);
    await context.close();
  });
});
