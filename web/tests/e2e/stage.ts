// A service and a browser for all tests of a file.
import type { Browser } from "playwright-core";
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
