// @vitest-environment jsdom
// Why something was refused, whoever refused it.
import { afterEach, expect, test, vi } from "vitest";
import { request, ServiceError } from "@/api/client";

afterEach(() => {
  vi.unstubAllGlobals();
});

test.each<[string, Response, string, string]>([
  ["a problem of the service", new Response('{"code": "queue_full", "detail": "the queue is full"}', { status: 429 }), "queue_full", "the queue is full"],
  ["plain text of ComfyUI's routes", new Response("the file is empty", { status: 400, headers: { "Content-Type": "text/plain; charset=utf-8" } }), "http_400", "the file is empty"],
  ["a page of a proxy without words", new Response("<html>no</html>", { status: 413, statusText: "", headers: { "Content-Type": "text/html" } }), "http_413", "HTTP 413"],
  ["a page of a proxy with words", new Response("<html>no</html>", { status: 502, statusText: "Bad Gateway", headers: { "Content-Type": "text/html" } }), "http_502", "Bad Gateway"],
  ["JSON that is no object", new Response("null", { status: 500, statusText: "", headers: { "Content-Type": "application/json" } }), "http_500", "HTTP 500"],
])("%s is told", async (_, response, code, message) => {
  vi.stubGlobal("fetch", async () => response);
  const error = await request("POST", "upload/image").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ServiceError);
  expect([(error as ServiceError).code, (error as ServiceError).message]).toEqual([code, message]);
});
