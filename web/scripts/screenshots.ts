// The pictures in docs/editor/: `make screenshots`, after a build. Each is the page itself, with a real service behind it.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { largeDocument } from "../tests/e2e/fixtures.ts";
import { drop, openPage, openTemplate, startBrowser, startService } from "../tests/e2e/harness.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const OUT = join(ROOT, "docs/editor");
mkdirSync(OUT, { recursive: true });
const service = await startService();
const browser = await startBrowser();
const { page } = await openPage(browser, service.url, { width: 1440, height: 860 });

/** Whoever looks at the pictures has the models elsewhere. */
await page.route("**/experiment/models", async (route) => {
  const told = await (await route.fetch()).text();
  await route.fulfill({ contentType: "application/json", body: told.replaceAll(ROOT, "/home/ada/latentgraph/") });
});

const shot = async (name: string) => {
  await page.mouse.move(720, 855);
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(OUT, `${name}.jpg`), type: "jpeg", quality: 82 });
};
const fit = (on: Page) => on.evaluate(() => window.latentgraph!.canvas!.fit());
const set = (change: Record<string, unknown>) => page.evaluate((to) => window.latentgraph!.view.set(to), change);
const calm = () => page.evaluate(() => window.latentgraph!.view.store.setState({ toasts: [] }));
const ended = async () => {
  await page.getByTestId("cancel").waitFor({ timeout: 10_000 }).catch(() => undefined);
  await page.getByTestId("cancel").waitFor({ state: "detached", timeout: 90_000 });
  await page.waitForTimeout(2200);
};
const sampled = (by: Record<string, number>) =>
  page.evaluate((to) => window.latentgraph!.documents.editGraph("Sampler", (graph) => ({ ...graph, nodes: { ...graph.nodes, sampler: { ...graph.nodes["sampler"]!, inputs: { ...graph.nodes["sampler"]!.inputs, ...to } } } })), by);

try {
  await openTemplate(page, "text_to_image");
  await page.getByTestId("run").click();
  await ended();
  await sampled({ seed: 11 });
  await page.waitForTimeout(500);
  await fit(page);
  await calm();
  await shot("plan");

  await sampled({ steps: 100 }); // long enough to be seen
  await page.getByTestId("run").click();
  await page.locator("[class*=livePreview]").waitFor({ timeout: 60_000 });
  await page.waitForTimeout(250);
  await page.screenshot({ path: join(OUT, "running.jpg"), type: "jpeg", quality: 82 });
  await ended();
  for (const value of [3, 21]) {
    await sampled({ seed: value, steps: 20 });
    await page.getByTestId("run").click();
    await ended();
  }
  await set({ panel: "queue", side: "form" });
  await page.waitForTimeout(500);
  await fit(page);
  await calm();
  await shot("form");

  await set({ panel: null, side: null });
  await page.evaluate((one) => window.latentgraph!.documents.open(one), largeDocument(200));
  await page.waitForTimeout(1500);
  await page.evaluate(() => window.latentgraph!.canvas!.zoomTo(0.56));
  await shot("large");

  await openTemplate(page, "text_to_image");
  await page.evaluate(() => window.latentgraph!.documents.editGraph("Break", (graph) => ({ ...graph, nodes: { ...graph.nodes, checkpoint: { ...graph.nodes["checkpoint"]!, inputs: { ckpt_name: "tiny-sd-12.safetensors" } } } })));
  await set({ panel: "problems" });
  await page.waitForTimeout(900);
  await fit(page);
  await shot("problem");

  await set({ panel: null });
  const foreign = structuredClone(JSON.parse(readFileSync(new URL("../../workflows/text_to_image.json", import.meta.url), "utf8")));
  foreign.nodes.checkpoint.inputs.ckpt_name = "tiny-sd-12.safetensors";
  foreign.nodes.sampler.type = "KSampler (Efficient)";
  foreign.nodes.latent.inputs = { widht: 128, height: 128, batch_size: 1 };
  await drop(page, "elsewhere.json", JSON.stringify(foreign), "application/json");
  await page.getByTestId("lack").first().waitFor();
  await shot("missing");
  await page.keyboard.press("Escape");

  await page.evaluate(() => window.latentgraph!.settings.setState({ theme: "light" }));
  await openTemplate(page, "inpaint");
  await page.waitForTimeout(900);
  await shot("light");

  await page.evaluate(() => window.latentgraph!.settings.setState({ theme: "dark" }));
  await page.evaluate(() => window.latentgraph!.view.set({ mask: { name: "meadow.png", done: () => undefined } }));
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(1500);
  const at = (step: number): [number, number] => [720 + Math.cos(step / 6) * 90, 480 + Math.sin(step / 6) * 60];
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let step = 1; step < 45; step++) {
    await page.mouse.move(...at(step), { steps: 2 });
    await page.waitForTimeout(15);
  }
  await page.mouse.up();
  await shot("mask");
} finally {
  await browser.close();
  await service.stop();
}
process.exit(0);
