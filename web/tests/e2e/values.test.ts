// Switches, colours, texts.
import { describe, expect, it } from "vitest";
import { node, page, steps, value, startGallery } from "./gallery";

startGallery();

describe("the rest", () => {
  it("a switch turns", async () => {
    await node("tiling").getByRole("switch").click();
    await expect.poll(() => value("tiling")).toBe(false);
  });

  it("a colour is picked by pointer and typed", async () => {
    await node("color").getByRole("button", { name: "color: #7aa7ff" }).click();
    await page.getByRole("slider", { name: "saturation" }).press("ArrowRight");
    await expect.poll(() => value("color")).not.toBe(0x7aa7ff);
    await page.getByLabel("color: as a number").fill("#102030");
    await expect.poll(() => value("color")).toBe(0x102030);
  });

  it("a text is one change however much is typed", async () => {
    await node("filename_prefix").getByRole("textbox").fill("");
    await page.keyboard.type("fox/day");
    await page.keyboard.press("Tab");
    await expect.poll(() => value("filename_prefix")).toBe("fox/day");
    await expect.poll(() => steps("filename_prefix")).toBe(1);
  });
});
