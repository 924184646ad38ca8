// What a person sets once: the language, what the wheel does, whether previews are shown.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { accessFaults, openPage, openTemplate, ready } from "./harness";
import { browser, service, startStage } from "./stage";

startStage();

const zoom = (page: Page) => page.locator(".react-flow__viewport").evaluate((one) => new DOMMatrix(getComputedStyle(one).transform).a);

describe("settings", () => {
  test("the language changes everything at once, and stays; node names are the service's", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("Control+,");
    await page.getByText("Deutsch").click();
    await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
    await expect.poll(() => page.evaluate(() => document.documentElement.lang)).toBe("de");
    await page.keyboard.press("Escape");
    await page.getByTestId("run").getByText("Ausführen").waitFor();
    await page.getByTestId("sentence").getByText(/Knoten werden laufen|alles ist bekannt/).waitFor();
    await page.locator('[data-node="sampler"]').getByText("KSampler").first().waitFor();
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.reload();
    await page.getByTestId("run").getByText("Ausführen").waitFor();
    expect(errors).toEqual([]);
    await context.close();
  });

  test("that cannot be loaded are said to be so, and closed; the page and the workflow stay; they are loaded once they can be", async () => {
    const { page, context } = await openPage(browser, service.url);
    await page.route("**/assets/Dialogs-*.js", (route) => route.abort());
    await ready(page);
    await page.keyboard.press("Alt+n");
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+,");
    const alert = page.getByRole("alert");
    await alert.getByText("This cannot be shown").waitFor();
    await expect.poll(() => alert.getByRole("button", { name: "Close" }).evaluate((one) => one === document.activeElement)).toBe(true);
    await page.keyboard.press("Escape");
    await alert.waitFor({ state: "detached" });
    await page.keyboard.press("Tab");
    await page.keyboard.type("KSampler");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => Object.keys(window.latentgraph!.documents.active!.document.nodes).length)).toBe(1);

    await page.keyboard.press("Control+,");
    await alert.getByRole("button", { name: "Try again" }).click();
    await alert.getByText("This cannot be shown").waitFor();
    await page.unroute("**/assets/Dialogs-*.js");
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByTestId("dialog").waitFor();
    expect(await alert.count()).toBe(0);
    await context.close();
  });

  test("the wheel is asked about once, when it is first turned; what is answered holds", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("canvas").hover({ position: { x: 40, y: 40 } });
    await page.mouse.wheel(0, 120);
    await page.getByTestId("wheel-question").getByRole("button", { name: "Move around" }).click();
    await page.getByTestId("wheel-question").waitFor({ state: "detached" });
    await page.getByTestId("canvas").hover({ position: { x: 40, y: 40 } });
    const before = await zoom(page);
    const top = () => page.locator('[data-node="sampler"]').boundingBox().then((box) => box!.y);
    const at = await top();
    await page.mouse.wheel(0, 80);
    await expect.poll(top).toBeLessThan(at);
    expect(await zoom(page)).toBe(before);
    await page.reload();
    await page.locator('[data-node="sampler"]').waitFor();
    await page.getByTestId("canvas").hover({ position: { x: 40, y: 40 } });
    await page.mouse.wheel(0, 80);
    await page.waitForTimeout(300);
    expect(await page.getByTestId("wheel-question").count()).toBe(0);
    await context.close();
  });

  test("previews are shown, or not", async () => {
    const { page, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.evaluate(() => {
      const editor = window.latentgraph!;
      editor.runs.previews.set(`${editor.documents.active!.uid}/sampler`, "./favicon.svg");
    });
    const preview = page.getByAltText("what is being sampled");
    await preview.waitFor();
    await page.keyboard.press("Control+,");
    await page.getByLabel("Previews while sampling").click();
    await expect.poll(() => preview.count()).toBe(0);
    await context.close();
  });
});

describe("who asks the system for more contrast", () => {
  test.each(["dark", "light"] as const)("reads every text at 7:1 or more (%s)", async (theme) => {
    const { page, context } = await openPage(browser, service.url);
    await page.emulateMedia({ contrast: "more" });
    await page.evaluate((to) => window.latentgraph!.settings.setState({ theme: to }), theme);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
    for (const panel of ["queue", "models", "workflows"]) {
      await page.getByTestId(`rail-${panel}`).click();
      await page.getByRole("button", { name: "Close the panel" }).waitFor();
      expect(await accessFaults(page, ["wcag2aaa"])).toEqual([]);
    }
    await context.close();
  });
});

describe("shortcuts", () => {
  const line = (page: Page, id: string) => page.locator(`[data-command="${id}"]`);

  test("a command is given other keys: they work, the old ones do not, and whoever had them is told of; all of it stays until it is reset", async () => {
    const { page, errors, context } = await openPage(browser, service.url);
    await openTemplate(page, "text_to_image");
    await page.keyboard.press("?");
    await line(page, "bypass").getByRole("button", { name: "Bypass: Ctrl+B, change" }).click();
    await page.keyboard.press("Escape"); // leaves the keys as they are, and the window open
    await line(page, "bypass").getByText("Ctrl+B").waitFor();
    await line(page, "bypass").getByRole("button", { name: /change/ }).click();
    await page.keyboard.press("Control+m");
    await page.getByText("Ctrl+M now means “Bypass”, no longer “Mute”.").waitFor();
    expect(await line(page, "mute").innerText()).toContain("none");
    expect(await line(page, "paste").innerText()).toContain("Ctrl+V"); // the browser's own
    expect(await accessFaults(page, ["wcag2a", "wcag2aa"])).toEqual([]);
    await page.keyboard.press("Escape");

    await page.reload();
    await page.waitForFunction(() => window.latentgraph?.documents.active);
    const mode = () => page.evaluate(() => window.latentgraph!.documents.active!.document.nodes["sampler"]!.mode ?? "on");
    await page.evaluate(() => (window.latentgraph!.documents.select(["sampler"]), window.latentgraph!.canvas!.focus()));
    await page.keyboard.press("Control+b");
    expect(await mode()).toBe("on");
    await page.keyboard.press("Control+m");
    expect(await mode()).toBe("bypass");

    await page.keyboard.press("?");
    await page.getByRole("button", { name: "All their own keys again" }).click();
    await line(page, "mute").getByText("Ctrl+M").waitFor();
    await page.keyboard.press("Escape");
    await page.evaluate(() => window.latentgraph!.canvas!.focus());
    await page.keyboard.press("Control+m");
    expect(await mode()).toBe("mute");
    expect(errors).toEqual([]);
    await context.close();
  });
});
