// Pictures in full, and two of them compared.
import { describe, expect, it } from "vitest";
import { atRest } from "./harness";
import { page, show, startGallery } from "./gallery";

startGallery();

describe("the picture viewer", () => {
  it("turns, tells, compares and opens the workflow", async () => {
    await show("?show=viewer");
    await page.getByRole("dialog", { name: "fox-2.png" }).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.getByRole("heading", { name: "fox-4.png" }).count()).toBe(1);
    await page.keyboard.press("i");
    await page.getByText("812736450912").waitFor();
    await page.keyboard.press("c");
    const line = page.getByRole("slider", { name: "Compare fox-4.png" });
    await line.press("Home");
    await expect.poll(() => line.getAttribute("aria-valuenow")).toBe("0");
    await page.getByRole("button", { name: "Open its workflow" }).click();
    await expect.poll(() => page.textContent("[data-said]")).toBe("open fox-4.png");
  });

  it("zooms where the pointer is, and fits again", async () => {
    await show("?show=viewer");
    const picture = page.getByRole("img", { name: "fox-2.png" });
    const before = await atRest(picture);
    await page.mouse.move(before.x + 10, before.y + 10);
    await page.mouse.wheel(0, -400);
    const width = async () => (await picture.boundingBox())?.width;
    await expect.poll(width).toBeGreaterThan(before.width * 1.3);
    await page.getByRole("button", { name: "Fit" }).click();
    await expect.poll(width).toBeCloseTo(before.width, 0);
  });
});

describe("the compare slider", () => {
  it("follows the pointer", async () => {
    await show("?show=compare");
    const box = await atRest(page.getByRole("img", { name: "before" }));
    await page.mouse.move(box.x + box.width / 2, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 4, box.y + 100);
    await page.mouse.up();
    await expect.poll(() => page.getByRole("slider", { name: "Compare" }).getAttribute("aria-valuenow")).toBe("25");
  });
});
