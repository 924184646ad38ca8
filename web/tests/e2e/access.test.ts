// Who may use the service from a browser: with its token, and through the server of `npm run dev`.
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessFaults, kept, openPage, openTemplate, type Service, startBrowser, startService } from "./harness";

const WEB = fileURLToPath(new URL("../..", import.meta.url));

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
});

describe("a service that asks for a token", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService(["--auth"]);
  });
  afterAll(async () => {
    await service?.stop();
  });

  test("the printed address opens it: a template runs and its picture is seen; the token stays out of the address, also after a reload", async () => {
    expect(service.printed).toContain("#token=");
    const { page, errors, context } = await openPage(browser, service.printed);
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await openTemplate(page, "text_to_image");
    expect(page.url()).toBe(service.url);
    await page.getByTestId("run").click();
    const picture = page.locator('[data-node="save"] img');
    await picture.waitFor({ timeout: 120_000 });
    await expect.poll(() => picture.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
    await page.getByTestId("sentence").getByText("Nothing will run: all is known").waitFor();

    await kept(page);
    await page.reload();
    await picture.waitFor();
    await expect.poll(() => sockets.length).toBeGreaterThan(0);
    const secret = new URL(service.printed).hash.slice("#token=".length);
    expect(sockets.filter((url) => !url.includes("ticket=") || url.includes(secret))).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("without the token a dialog asks for one, says when it is the wrong one, and goes away with the right one", async () => {
    const { page, context } = await openPage(browser, service.url);
    const dialog = page.getByRole("dialog", { name: "Token" });
    await dialog.waitFor();
    await expect.poll(() => dialog.locator("input").evaluate((one) => one === document.activeElement)).toBe(true);
    expect(await accessFaults(page)).toEqual([]);
    await page.keyboard.type("not this one");
    await page.keyboard.press("Enter");
    await dialog.getByText(/does not know that token/).waitFor();
    await dialog.locator("input").fill(new URL(service.printed).hash.slice("#token=".length));
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await openTemplate(page, "text_to_image");
    await page.getByTestId("sentence").getByText(/nodes will run|all is known/).waitFor();
    await context.close();
  });
});

describe("a service of another machine, over plain http", () => {
  const NAME = "elsewhere.test";
  let service: Service;
  let far: Browser;
  beforeAll(async () => {
    [service, far] = await Promise.all([startService(["--allow-host", NAME]), startBrowser([`--host-resolver-rules=MAP ${NAME} 127.0.0.1`])]);
  });
  afterAll(async () => {
    await far?.close();
    await service?.stop();
  });

  test("a template opens and runs, nodes are copied and pasted, and what is open is there after a reload", async () => {
    const { page, errors, context } = await openPage(far, service.url.replace("127.0.0.1", NAME));
    expect(await page.evaluate(() => window.isSecureContext)).toBe(false);
    await openTemplate(page, "text_to_image");
    await page.getByTestId("run").click();
    await page.getByTestId("sentence").getByText("Nothing will run: all is known").waitFor({ timeout: 120_000 });

    const names = () => page.evaluate(() => Object.keys(window.latentgraph!.documents.active!.document.nodes));
    const before = await names();
    await page.evaluate(() => window.latentgraph!.documents.select(["sampler"]));
    await page.getByTestId("canvas").focus();
    await page.keyboard.press("Control+c");
    await page.keyboard.press("Control+v");
    await expect.poll(async () => (await names()).length).toBe(before.length + 1);
    await page.evaluate(() => window.latentgraph!.canvas!.focus());
    await page.keyboard.press("Control+Shift+v");
    await expect.poll(async () => (await names()).length).toBe(before.length + 2);
    const nodes = await page.evaluate(() => Object.entries(window.latentgraph!.documents.active!.document.nodes));
    const [[, alone], [, linked]] = nodes.filter(([name]) => !before.includes(name)) as [(typeof nodes)[0], (typeof nodes)[0]];
    expect([alone.inputs!["model"], linked.inputs!["model"]]).toEqual([undefined, { from: ["checkpoint", "MODEL"] }]);

    await kept(page);
    await page.reload();
    await expect.poll(async () => (await names()).length).toBe(before.length + 2);
    expect(errors.filter((one) => !one.includes("Cross-Origin-Opener-Policy header has been ignored"))).toEqual([]);
    await context.close();
  });
});

describe("the page of `npm run dev`", () => {
  let service: Service;
  let vite: ViteDevServer;
  let address: string;
  beforeAll(async () => {
    service = await startService();
    process.env["LATENTGRAPH_SERVICE"] = service.url;
    vite = await createServer({ root: WEB, configFile: join(WEB, "vite.config.ts"), cacheDir: join(service.folder, "vite"), logLevel: "silent", optimizeDeps: { noDiscovery: true, include: [] }, server: { port: 0, host: "127.0.0.1" } });
    await vite.listen();
    const at = vite.httpServer!.address();
    address = `http://127.0.0.1:${typeof at === "object" && at ? at.port : 0}`;
  });
  afterAll(async () => {
    delete process.env["LATENTGRAPH_SERVICE"];
    await vite?.close();
    await service?.stop();
  });

  const asked = async (path: string, origin: string, body?: unknown) => {
    const headers = { Origin: origin, ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
    const response = await fetch(address + path, { method: body === undefined ? "GET" : "POST", headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return response.status;
  };

  test("asks through it as a page of the service; a page of another site does not", async () => {
    expect(await asked("/api/v1/nodes", address)).toBe(200);
    expect(await asked("/api/v1/validate", address, { format: "latentgraph/1", nodes: {} })).toBe(200);
    expect(await asked("/templates/text_to_image.png", address)).toBe(200);
    expect(await asked("/api/v1/validate", "http://elsewhere.example", { format: "latentgraph/1", nodes: {} })).toBe(403);
  });

  test("hears the events through it", async () => {
    const answer = await upgraded(address);
    expect(answer).toContain("101 Switching Protocols");
  });
});

/** The first line that a browser's asking for events is answered with. */
async function upgraded(address: string): Promise<string> {
  const { hostname, port, host } = new URL(address);
  const socket = connect(Number(port), hostname);
  const lines = ["GET /api/v1/events HTTP/1.1", `Host: ${host}`, `Origin: ${address}`, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: bGF0ZW50Z3JhcGhlMmU0NQ==", "", ""];
  socket.write(lines.join("\r\n"));
  const answer = await new Promise<string>((done, failed) => {
    socket.once("data", (data) => done(data.toString()));
    socket.once("error", failed);
  });
  socket.destroy();
  return answer;
}
