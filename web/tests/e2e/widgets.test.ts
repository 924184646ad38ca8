// Everybody can use the widgets: what axe finds in them.
import { describe, expect, it } from "vitest";
import { accessFaults } from "./harness";
import { node, page, show, startGallery } from "./gallery";

startGallery();

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
