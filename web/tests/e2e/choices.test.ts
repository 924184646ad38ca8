// Choices among thousands, and files of one's own.
import { describe, expect, it } from "vitest";
import { settled } from "./harness";
import { form, node, page, show, value, startGallery } from "./gallery";

startGallery();

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
