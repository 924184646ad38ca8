// A service and a browser for all tests of a file.
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { type Service, startBrowser, startService } from "./harness";

export let service: Service;
export let browser: Browser;

/** Start both before the tests of this file, and end them afterwards. */
export function startStage(): void {
  beforeAll(async () => {
    [service, browser] = await Promise.all([startService(), startBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });
}

export const node = (page: Page, id: string): Locator => page.locator(`[data-node="${id}"]`);
export const stateOf = (page: Page, id: string) => node(page, id).locator("[data-state]").getAttribute("data-state");
export const sentence = (page: Page): Locator => page.getByTestId("sentence");

/** Wait until nothing runs. */
export async function idle(page: Page): Promise<void> {
  await page.getByTestId("cancel").waitFor({ state: "detached", timeout: 90_000 });
}

/** Write a value into a field of a node as a user does. */
export async function writePrompt(page: Page, id: string, text: string): Promise<void> {
  await node(page, id).locator("[data-input=text] [role=textbox], [data-input=text] textarea").first().click();
  await node(page, id).locator("[data-input=text] .cm-focused").waitFor(); // the editor is loaded at the first click
  await page.keyboard.press("Control+a");
  await page.keyboard.type(text);
}
