// A service that keeps workflow files as the real one does: a version for each save, and no save over another version than was asked
// for. It answers after a turn of the event loop; requests can be held back.
import { vi } from "vitest";
import type { Document } from "@/model/document";

export interface FakeService {
  /** The files by name, with their versions. */
  files: Map<string, { document: Document; version: number }>;
  /** What was asked, as `PUT api/v1/workflows/name`. */
  asked: string[];
  /** Let requests wait until the returned function is called. */
  hold: () => () => void;
}

const WORKFLOWS = "api/v1/workflows/";
const answer = (body: unknown, status = 200, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers });
const tag = (version: number) => ({ ETag: `"${version}"` });

/** Put it in the place of `fetch`, until `vi.unstubAllGlobals`. */
export function fakeService(): FakeService {
  const service: FakeService = { files: new Map(), asked: [], hold };
  let gate = Promise.resolve();

  function hold(): () => void {
    let open = () => {};
    gate = new Promise((done) => (open = done));
    return open;
  }

  function put(name: string, headers: Headers, document: Document): Response {
    const there = service.files.get(name);
    const isOther = headers.get("If-Match") !== null && headers.get("If-Match") !== tag(there?.version ?? 0).ETag;
    if (isOther || (headers.get("If-None-Match") === "*" && there)) return answer({ code: "precondition_failed" }, 412);
    const version = (there?.version ?? 0) + 1;
    service.files.set(name, { document, version });
    return answer({}, 200, tag(version));
  }

  function respond(method: string, path: string, headers: Headers, body: unknown): Response {
    if (path === "upload/image") return answer({ name: "picture.png", subfolder: "" });
    if (path === "upload/workflow") return answer({ code: "no_workflow" }, 422);
    if (path === "api/v1/models") return answer({});
    if (path === "api/v1/nodes" || path === "api/v1/workflows") return answer([]);
    if (!path.startsWith(WORKFLOWS)) return answer({}, 404);
    const name = path.slice(WORKFLOWS.length);
    if (method === "PUT") return put(name, headers, JSON.parse(body as string) as Document);
    const there = service.files.get(name);
    return there ? answer({ document: there.document }, 200, tag(there.version)) : answer({}, 404);
  }

  vi.stubGlobal("fetch", async (path: string, { method = "GET", headers, body }: RequestInit = {}) => {
    service.asked.push(`${method} ${path}`);
    const response = respond(method, path, new Headers(headers), body);
    await gate;
    return response;
  });
  return service;
}
