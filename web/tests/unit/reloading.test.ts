// @vitest-environment jsdom
// What a page that is loaded anew tells again, and what it has open.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Editor } from "@/store/editor";
import { keepPanels } from "@/store/openPanels";
import { View } from "@/store/view";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

beforeEach(() => {
  const service = new ToldService();
  const failure = { code: "memory", message: "no memory" };
  service.on("GET api/v1/jobs/broken/events", (query) => ({ events: Number(query.get("after")) > 0 ? [] : [{ type: "failed", job: "broken", sequence: 1, data: { error: failure } }] }));
});
afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
  sessionStorage.clear();
});

/** An editor that takes up the jobs that one before it had. */
async function loaded(): Promise<Editor> {
  const editor = new Editor();
  const uid = editor.documents.open(documentOf({}));
  await editor.runs.adopt(uid, ["broken"]);
  await expect.poll(() => editor.runs.store.getState().failed[uid]).toHaveLength(1);
  return editor;
}

test("a failure is told once, however often it is read, and stays among the problems", async () => {
  const texts = (editor: Editor) => editor.view.store.getState().toasts.map(({ text }) => text);
  expect(texts(await loaded())).toEqual(["no memory"]);
  expect(texts(await loaded())).toEqual([]);
});

test("the panels that were open are open again; what is none is not", () => {
  const before = new View();
  const stop = keepPanels(before);
  before.set({ panel: "queue", side: "form" });
  stop();
  const after = new View();
  keepPanels(after)();
  expect(after.store.getState()).toMatchObject({ panel: "queue", side: "form" });
  for (const kept of ['{"panel":"other"}', "no JSON", "null"]) {
    sessionStorage.setItem("latentgraph.panels", kept);
    const next = new View();
    keepPanels(next)();
    expect(next.store.getState()).toMatchObject({ panel: null, side: null });
  }
});
