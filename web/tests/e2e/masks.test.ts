// The mask editor.
import { describe, expect, it } from "vitest";
import { atRest } from "./harness";
import { page, show, startGallery } from "./gallery";

startGallery();

describe("the mask editor", () => {
  const said = async () => JSON.parse((await page.textContent("[data-said]")) ?? "null") as Record<string, unknown>;
  const keepMask = () => page.getByRole("button", { name: "Keep mask" }).click();
  const masked = () => page.getByText(/% masked$/).textContent();

  async function open(query = ""): Promise<{ x: number; y: number }> {
    await page.setViewportSize({ width: 1300, height: 900 });
    await show(`?show=mask${query}`);
    const box = await atRest(page.locator("canvas"));
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  async function stroke(points: [number, number][], button: "left" | "right" = "left"): Promise<void> {
    const [[x, y] = [0, 0], ...rest] = points;
    await page.mouse.move(x, y);
    await page.mouse.down({ button });
    for (const [toX, toY] of rest) await page.mouse.move(toX, toY, { steps: 5 });
    await page.mouse.up({ button });
  }

  it("paints, and gives a PNG of the picture's size that is transparent where masked", async () => {
    const middle = await open();
    await stroke([[middle.x - 60, middle.y], [middle.x + 60, middle.y]]);
    await keepMask();
    await expect.poll(said).toEqual({ type: "image/png", size: [768, 512], middle: 0, corner: 255 });
  });

  it("erases, by tool, by Alt and by the right button", async () => {
    const middle = await open();
    const line: [number, number][] = [[middle.x - 60, middle.y], [middle.x + 60, middle.y]];
    await page.keyboard.press("Control+i");
    await page.keyboard.press("e");
    await stroke(line);
    await page.keyboard.press("b");
    await stroke([[middle.x, middle.y + 100], [middle.x + 1, middle.y + 100]], "right");
    await expect.poll(() => page.getByRole("button", { name: "Undo erase" }).count()).toBe(1);
    await keepMask();
    await expect.poll(said).toMatchObject({ middle: 255, corner: 0 });
  });

  it("undoes and redoes, strokes and whole changes alike", async () => {
    const middle = await open();
    await stroke([[middle.x, middle.y], [middle.x + 40, middle.y]]);
    await page.getByRole("button", { name: "Fill" }).click();
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await expect.poll(() => masked()).toContain("· 0% masked");
    await page.keyboard.press("Control+Shift+z");
    await keepMask();
    await expect.poll(said).toMatchObject({ middle: 0, corner: 255 });
  });

  it("masks rectangles and outlines, and softens", async () => {
    const middle = await open();
    await page.keyboard.press("r");
    await stroke([[middle.x - 80, middle.y - 60], [middle.x + 80, middle.y + 60]]);
    await page.keyboard.press("l");
    await stroke([[middle.x - 300, middle.y], [middle.x - 200, middle.y - 80], [middle.x - 200, middle.y + 80]]);
    await page.getByRole("button", { name: "Feather", exact: true }).click();
    await expect.poll(() => page.getByRole("button", { name: "Undo feather" }).count()).toBe(1);
    await keepMask();
    await expect.poll(said).toMatchObject({ middle: 0, corner: 255 });
  });

  it("says of every slider what it sets, how far it is and in what", async () => {
    await open();
    const shown = (name: string) => page.getByRole("slider", { name }).locator("xpath=..").innerText();
    expect((await Promise.all(["Size", "Hardness", "Opacity", "Feather by"].map(shown))).map((text) => text.replace(/\s+/g, " "))).toEqual(["Size 60 px", "Hardness 80%", "Opacity 100%", "by 12 px"]);
    await page.getByRole("slider", { name: "Feather by" }).press("ArrowRight");
    await expect.poll(() => page.getByRole("slider", { name: "Feather by" }).getAttribute("aria-valuetext")).toBe("13 px");
    await page.getByRole("slider", { name: "Size" }).press("PageDown");
    await expect.poll(() => page.getByRole("slider", { name: "Size" }).getAttribute("aria-valuetext")).toBe("50 px");
    await page.getByRole("slider", { name: "Hardness" }).press("ArrowLeft");
    await expect.poll(() => page.getByRole("slider", { name: "Hardness" }).getAttribute("aria-valuetext")).toBe("79%");
    expect(await page.getByRole("button", { name: "Feather", exact: true }).getAttribute("title")).toBe("Soften the edges of the mask over 13 px");
  });

  it("zooms with the wheel, and paints where the pointer is", async () => {
    const middle = await open();
    await page.mouse.move(middle.x + 100, middle.y + 50);
    await page.mouse.wheel(0, -600);
    await page.keyboard.press(".");
    await page.mouse.wheel(0, -300);
    const box = await atRest(page.locator("canvas"));
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await stroke([[x, y], [x + 2, y]]);
    await keepMask();
    await expect.poll(said).toMatchObject({ middle: 0 });
  });

  it("has a larger brush for every ]", async () => {
    await open();
    const size = async () => Number.parseFloat((await page.getByRole("slider", { name: "Size" }).getAttribute("aria-valuetext"))!);
    const before = await size();
    await page.keyboard.press("]");
    await expect.poll(size).toBeGreaterThan(before);
  });

  it("asks before a mask is lost", async () => {
    const middle = await open();
    await stroke([[middle.x, middle.y], [middle.x + 40, middle.y]]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Go on painting" }).click();
    await expect.poll(() => page.locator("canvas").count()).toBe(1);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Leave" }).click();
    await expect.poll(() => page.textContent("[data-said]")).toBe("closed");
  });

  it("closes at once when nothing was painted", async () => {
    await open();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.textContent("[data-said]")).toBe("closed");
  });

  it("keeps what was painted when the service does not", async () => {
    const middle = await open("&fails=1");
    await stroke([[middle.x, middle.y], [middle.x + 40, middle.y]]);
    await page.getByRole("button", { name: "Keep mask" }).click();
    await expect.poll(() => page.getByRole("alert").textContent()).toContain("the service does not answer");
    await expect.poll(() => page.getByRole("button", { name: "Undo brush" }).count()).toBe(1);
  });
});
