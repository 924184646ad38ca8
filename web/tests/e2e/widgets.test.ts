// The widgets as a person meets them, on their gallery page in a real browser. No service is needed.
import { type Browser, type BrowserContext, type Locator, type Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { accessFaults, atRest, openContext, settled, startBrowser } from "./harness";

let server: ViteDevServer;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let address: string;

beforeAll(async () => {
  server = await createServer({ server: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  await server.listen();
  address = `${server.resolvedUrls?.local[0] ?? ""}widgets.html`;
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  context = await openContext(browser, { width: 1200, height: 1400 });
  page = await context.newPage();
  await show();
});

afterEach(async () => {
  await context.close();
});

async function show(query = ""): Promise<void> {
  await page.goto(address + query);
  await page.waitForSelector("main");
}

const node = (label: string): Locator => page.locator(`[data-node="${label}"]`);
const form = (label: string): Locator => page.locator(`[data-form="${label}"]`);
const value = async (label: string): Promise<unknown> => JSON.parse((await page.textContent(`[data-value="${label}"]`)) ?? "null");
const steps = async (label: string): Promise<number> => Number(await page.getAttribute(`[data-value="${label}"]`, "data-steps"));

async function drag(target: Locator, by: number, key?: "Shift" | "Alt"): Promise<void> {
  const box = await atRest(target);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  if (key) await page.keyboard.down(key);
  await page.mouse.down();
  await page.mouse.move(x + by / 2, y, { steps: 4 });
  await page.mouse.move(x + by, y, { steps: 4 });
}

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

  it("says what it cannot read, and keeps the value", async () => {
    await field("steps").click();
    await page.keyboard.type("12*");
    await expect.poll(() => field("steps").getAttribute("aria-invalid")).toBe("true");
    await page.keyboard.press("Tab");
    await settled(page);
    expect(await value("steps")).toBe(20);
    expect(await steps("steps")).toBe(0);
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

describe("a choice among five thousand", () => {
  it("draws few, finds any, by keyboard alone", async () => {
    await node("ckpt_name").getByRole("combobox").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("tree").waitFor();
    await expect.poll(() => page.getByRole("treeitem").count()).toBeLessThan(40);
    await expect.poll(() => page.getByRole("treeitem", { selected: true }).textContent()).toBe("model-17.safetensors");
    await page.keyboard.type("toon 1399");
    await page.keyboard.press("Enter");
    await expect.poll(() => value("ckpt_name")).toBe("sd15/anime/toon-1399.safetensors");
    await expect.poll(() => node("ckpt_name").getByRole("combobox").evaluate((one) => one === document.activeElement)).toBe(true);
  });

  it("closes with Escape and changes nothing", async () => {
    await node("ckpt_name").getByRole("combobox").click();
    await page.getByRole("tree").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByRole("tree").count()).toBe(0);
    await settled(page);
    expect(await value("ckpt_name")).toBe("sdxl/model-17.safetensors");
  });

  it("opens with the letter typed, and steps with arrows while closed", async () => {
    await node("sampler_name").getByRole("combobox").focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => value("sampler_name")).toBe("dpmpp_2m");
    await page.keyboard.press("u");
    await page.getByRole("tree").waitFor();
    await page.keyboard.press("Enter");
    await expect.poll(() => value("sampler_name")).toBe("uni_pc");
  });

  it("loses no letter that is typed before the list is there", async () => {
    await node("sampler_name").getByRole("combobox").evaluate(async (field: HTMLElement) => {
      field.focus();
      for (const key of "uni") {
        field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        for (let turn = 0; turn < 9; turn++) await Promise.resolve(); // drawn again, and nothing loaded yet
      }
    });
    await expect.poll(() => page.getByRole("combobox", { name: "Search sampler_name" }).inputValue()).toBe("uni");
    await page.keyboard.press("Enter");
    await expect.poll(() => value("sampler_name")).toBe("uni_pc");
  });

  it("takes Enter that is pressed before the list is there", async () => {
    let arrive: () => void = () => undefined;
    const waits = new Promise<void>((done) => (arrive = done));
    await page.route(/ChoiceList/, async (route) => {
      await waits;
      await route.continue();
    });
    await show();
    await node("sampler_name").getByRole("combobox").focus();
    await page.keyboard.type("uni");
    await page.keyboard.press("Enter");
    expect(await page.getByRole("tree").count()).toBe(0);
    arrive();
    await expect.poll(() => value("sampler_name")).toBe("uni_pc");
    await expect.poll(() => page.getByRole("tree").count()).toBe(0);
  });

  it("offers the nearest name for one that is missing", async () => {
    await node("lora_name").getByRole("combobox", { name: "not here" }).click();
    await page.getByRole("button", { name: "add_detail_v3.safetensors" }).click();
    await expect.poll(() => value("lora_name")).toBe("add_detail_v3.safetensors");
  });

  it("shows pictures, and remembers what was used", async () => {
    await node("image").getByRole("combobox").click();
    await page.getByRole("treeitem", { name: "fox-6.png" }).click();
    await expect.poll(() => value("image")).toBe("fox-6.png");
    await node("image").getByRole("combobox").click();
    await expect.poll(() => page.getByText("Recent").count()).toBe(1);
  });
});

describe("a picture of one's own", () => {
  const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

  it("is picked", async () => {
    await form("image").locator("input[type=file]").setInputFiles({ name: "mine.png", mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") });
    await form("image").getByRole("progressbar").waitFor();
    await expect.poll(() => value("image")).toBe("mine.png");
  });

  it.each(["drop", "paste"])("is taken by %s", async (way) => {
    await form("image").evaluate((element, { way, pixel }) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(pixel), (letter) => letter.charCodeAt(0))], "dropped.png", { type: "image/png" }));
      const target = element.querySelector("[role=combobox]")!;
      target.dispatchEvent(way === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, { way, pixel: PIXEL });
    await expect.poll(() => value("image")).toBe("dropped.png");
  });

  it("is refused when it is none", async () => {
    await form("image").locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no") });
    await expect.poll(() => form("image").getByRole("alert").textContent()).toBe("notes.txt is no picture");
    await settled(page);
    expect(await value("image")).toBe("fox-3.png");
  });
});

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

  it("lets go with Escape", async () => {
    await edit();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator(".cm-editor").count()).toBe(0);
    await settled(page);
    expect(await value("text")).toBe(START);
    expect(await steps("text")).toBe(0);
  });
});

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
    const size = () => page.getByRole("slider", { name: "Size" }).getAttribute("aria-valuetext");
    const before = Number(await size());
    await page.keyboard.press("]");
    await expect.poll(async () => Number(await size())).toBeGreaterThan(before);
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

describe("everybody can use them", () => {
  it.each(["dark", "light"])("axe finds nothing, %s", async (theme) => {
    await show(`?theme=${theme}`);
    await clean();
    await node("ckpt_name").getByRole("combobox").click();
    await page.getByRole("tree").waitFor();
    await clean();
  });

  it.each(["mask", "viewer", "compare"].flatMap((part) => ["dark", "light"].map((theme) => [part, theme])))("axe finds nothing in %s, %s", async (part, theme) => {
    await show(`?show=${part}&theme=${theme}`);
    await page.getByRole(part === "compare" ? "slider" : "dialog").first().waitFor();
    await page.keyboard.press("i");
    await clean();
  });

  async function clean(): Promise<void> {
    expect(await accessFaults(page)).toEqual([]);
  }
});
