// Numbers and seeds, as a person meets them.
import { describe, expect, it } from "vitest";
import { atRest, settled } from "./harness";
import { drag, form, node, page, steps, value, startGallery } from "./gallery";

startGallery();

describe("a number", () => {
  const field = (label: string) => node(label).getByRole("spinbutton");

  it("follows the pointer in steps, as one change", async () => {
    await drag(field("steps"), 40);
    await page.mouse.up();
    await expect.poll(() => value("steps")).toBe(30);
    await expect.poll(() => steps("steps")).toBe(1);
  });

  it("goes ten times as far with Shift and a tenth with Alt", async () => {
    await drag(field("steps"), 40, "Shift");
    await page.mouse.up();
    await page.keyboard.up("Shift");
    await expect.poll(() => value("steps")).toBe(120);
    await drag(field("denoise"), -30, "Alt");
    await page.mouse.up();
    await page.keyboard.up("Alt");
    await expect.poll(() => value("denoise")).toBeCloseTo(0.607, 2);
  });

  it("stays in its range, and turns back at once", async () => {
    await drag(field("denoise"), 700);
    await expect.poll(() => value("denoise")).toBe(1);
    const box = await atRest(field("denoise"));
    await page.mouse.move(box.x + box.width / 2 + 650, box.y + 5, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => value("denoise")).toBeLessThan(0.85);
  });

  it("goes back where it was when Escape is pressed in a drag", async () => {
    await drag(field("steps"), 60);
    await expect.poll(() => value("steps")).toBe(35);
    await page.keyboard.press("Escape");
    await page.mouse.up();
    await expect.poll(() => value("steps")).toBe(20);
  });

  it.each([
    ["512*1,5", 768],
    ["2^40", 10000],
    ["3.7", 4],
  ])("reads %s", async (typed, expected) => {
    await field("steps").click();
    await page.keyboard.type(typed);
    await page.keyboard.press("Enter");
    await expect.poll(() => value("steps")).toBe(Math.min(10000, expected));
  });

  it("takes what was typed and lets Control+Enter through: it runs, wherever one is", async () => {
    await page.evaluate(() => window.addEventListener("keydown", (event) => event.key === "Enter" && event.ctrlKey && document.body.setAttribute("data-heard", "run")));
    await field("steps").click();
    await page.keyboard.type("33");
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator("body").getAttribute("data-heard")).toBe("run");
    expect(await value("steps")).toBe(33);
  });

  it("says what it cannot read, and keeps the value", async () => {
    await field("steps").click();
    await page.keyboard.type("12*");
    await expect.poll(() => field("steps").getAttribute("aria-invalid")).toBe("true");
    await page.keyboard.press("Tab");
    await settled(page);
    expect(await value("steps")).toBe(20);
    expect(await steps("steps")).toBe(0);
  });

  it("says at once, where it is seen, what it cannot read, and that the value stays when it is to be taken", async () => {
    const said = page.getByRole("status");
    await field("steps").click();
    await page.keyboard.type("abc");
    await expect.poll(() => said.textContent()).toBe("“abc” is no number");
    expect(await node("steps").locator("> div").evaluate((one) => getComputedStyle(one).borderColor)).toBe(await page.evaluate(() => {
      document.body.style.color = "var(--bad)";
      return getComputedStyle(document.body).color;
    }));
    const [box, fieldBox] = [await atRest(said), await atRest(node("steps"))];
    expect(box.y).toBeGreaterThanOrEqual(fieldBox.y + fieldBox.height);
    expect(box.y - fieldBox.y - fieldBox.height).toBeLessThan(10);
    await page.keyboard.press("Enter");
    await expect.poll(() => said.textContent()).toBe("“abc” is no number: 20 stays");
    expect(await value("steps")).toBe(20);
    await page.keyboard.press("Backspace");
    await expect.poll(() => said.textContent()).toBe("“ab” is no number");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("2*11");
    await expect.poll(() => said.count()).toBe(0);
    await page.keyboard.press("Enter");
    await expect.poll(() => value("steps")).toBe(22);
  });

  it("goes to the next field with Tab, and lets go with Escape", async () => {
    await field("steps").click();
    await page.keyboard.press("Tab");
    await expect.poll(() => form("steps").getByRole("spinbutton").evaluate((one) => one === document.activeElement)).toBe(true);
    await field("cfg").click();
    await page.keyboard.type("9");
    await page.keyboard.press("Escape");
    await expect.poll(() => value("cfg")).toBe(6.5);
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("BODY");
  });

  it("steps by keys and buttons", async () => {
    await field("steps").click();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Shift+ArrowUp");
    await page.keyboard.press("PageDown");
    await expect.poll(() => value("steps")).toBe(21);
    const { width, height } = await atRest(node("steps"));
    await node("steps").click({ position: { x: width - 5, y: height / 2 } });
    await expect.poll(() => value("steps")).toBe(22);
    expect(await field("steps").evaluate((one) => one === document.activeElement)).toBe(true);
    await page.keyboard.press("Escape");
    await node("steps").click({ position: { x: 5, y: height / 2 } });
    await expect.poll(() => value("steps")).toBe(21);
  });

  it("takes the wheel only while it has the focus", async () => {
    await field("steps").hover();
    await page.mouse.wheel(0, -100);
    await settled(page);
    expect(await value("steps")).toBe(20);
    await field("steps").click();
    await page.mouse.wheel(0, -100);
    await expect.poll(() => value("steps")).toBe(21);
  });

  it("goes back to what it started from", async () => {
    await node("cfg").getByRole("button", { name: "cfg: back to 8" }).click();
    await expect.poll(() => value("cfg")).toBe(8);
    await expect.poll(() => node("cfg").getByRole("button", { name: "back to" }).count()).toBe(0);
  });
});

describe("a seed", () => {
  it("is random only when told to, and keeps the last one on demand", async () => {
    await form("seed").getByRole("button", { name: "a new one at every run" }).click();
    await expect.poll(() => value("seed")).toBe("random");
    await expect.poll(() => form("seed").textContent()).toContain("812736450912");
    await form("seed").getByRole("button", { name: "keep the last seed" }).click();
    await expect.poll(() => value("seed")).toBe(812736450912);
  });

  it("is thrown with dice", async () => {
    await form("seed").getByRole("button", { name: "another seed" }).click();
    await expect.poll(() => value("seed")).not.toBe(7);
  });
});
