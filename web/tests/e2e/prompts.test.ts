// Prompts: their marks, their editor, its completions.
import { describe, expect, it } from "vitest";
import { settled } from "./harness";
import { form, page, steps, value, startGallery } from "./gallery";

startGallery();

describe("a prompt", () => {
  const START = "a (red:1.3) fox in ((deep)) snow, (blurry:0.7) trees, embedding:easynegative, {dawn|dusk}, 35mm photograph, \\(untitled\\)";

  async function edit(place = form("text")): Promise<void> {
    await place.getByRole("textbox").click({ position: { x: 130, y: 10 } });
    await page.waitForSelector(".cm-editor.cm-focused");
  }

  /** Completions for what is written now are there, and take keys: they ignore them for a moment, lest one be chosen by accident. */
  async function offered(): Promise<void> {
    await page.locator(".cm-tooltip-autocomplete:not(.cm-tooltip-autocomplete-disabled) [role=listbox]").waitFor();
    await page.waitForTimeout(100);
  }

  it("is marked at rest, and has its editor with the focus, at the place pressed", async () => {
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
    await expect.poll(() => form("text").getByText("embedding:easynegative").count()).toBe(1);
    await edit();
    await page.keyboard.type("X");
    await expect.poll(() => value("text")).toMatch(/X./);
    await page.keyboard.press("Tab");
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
    await expect.poll(() => steps("text")).toBe(1);
  });

  it("weighs by keys, and takes it back by itself", async () => {
    await edit();
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("Control+ArrowUp");
    await expect.poll(() => value("text")).toBe(`(a:1.05)${START.slice(1)}`);
    await page.keyboard.press("Control+z");
    await expect.poll(() => value("text")).toBe(START);
  });

  it("completes embeddings, and hands LoRAs to the graph", async () => {
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    await edit();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" embedding:easy");
    await offered();
    await page.keyboard.press("Enter");
    await expect.poll(() => value("text")).toBe(`${START} embedding:easynegative`);
    await page.keyboard.type(" <lora:film");
    await offered();
    await page.keyboard.press("Enter");
    await expect.poll(() => value("text")).toBe(`${START} embedding:easynegative `);
    expect(said).toContain("addLora film_grain.safetensors");
  });

  it("counts tokens and shows where chunks end", async () => {
    await expect.poll(() => form("text").textContent()).toContain("44/75");
    await edit();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText(" fox".repeat(40));
    await expect.poll(() => form("text").textContent()).toContain("84/150");
    await expect.poll(() => form("text").locator(".cm-content i").count()).toBe(1);
  });

  it("lets go with Escape the moment something was typed, with nothing to complete it", async () => {
    await edit();
    await page.keyboard.type(" vivid");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
  });

  it("closes the completions that are seen with one Escape, and lets go with the next", async () => {
    await edit();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" embedding:easy");
    await offered();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".cm-tooltip-autocomplete").count()).toBe(0);
    expect(await page.locator(".cm-editor.cm-focused").count()).toBe(1);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
  });

  it("lets go with Escape", async () => {
    await edit();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
    await settled(page);
    expect(await value("text")).toBe(START);
    expect(await steps("text")).toBe(0);
  });
});
