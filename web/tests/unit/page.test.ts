// @vitest-environment jsdom
// The title and the icon of the page tell how far the run is.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { JobEvent } from "@/model/runs";
import { Editor } from "@/store/editor";
import { followOnPage } from "@/store/page";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

let editor: Editor;
let stop: () => void;
/** How far round the ring of the icon was drawn last, 0 to 1. */
let filled: number;

const icon = () => document.querySelector<HTMLLinkElement>("link[rel=icon]")!.getAttribute("href");
const tell = (type: string, sequence: number, data: JobEvent["data"] = {}) => editor.runs.take({ type, job: "job", sequence, data });

beforeEach(() => {
  new ToldService();
  document.head.innerHTML = '<link rel="icon" href="./favicon.svg" />';
  const context = { beginPath: () => undefined, stroke: () => undefined, arc: (_x: number, _y: number, _radius: number, from: number, to: number) => (filled = (to - from) / (2 * Math.PI)) };
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  vi.spyOn(HTMLCanvasElement.prototype, "toDataURL").mockImplementation(() => `data:ring ${Math.round(filled * 100)}`);
  editor = new Editor();
  stop = followOnPage(editor);
});
afterEach(() => {
  stop();
  editor.runs.end();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("nothing that runs: the name of the workflow, and our own icon", () => {
  expect([document.title, icon()]).toEqual(["latentgraph", "./favicon.svg"]);
  editor.documents.open(documentOf({}, { name: "foxes" }));
  expect([document.title, icon()]).toEqual(["foxes · latentgraph", "./favicon.svg"]);
});

test("a run: how far it is, in both, and what was there when it is over", () => {
  const uid = editor.documents.open(documentOf({}, { name: "foxes" }));
  editor.runs.own(uid, "job");
  tell("started", 1, { nodes: 4, cached: [] });
  expect([document.title, icon()]).toEqual(["0% foxes · latentgraph", "data:ring 0"]);
  for (const [index, node] of ["a", "b", "c"].entries()) tell("node_finished", 2 + index, { node });
  expect([document.title, icon()]).toEqual(["75% foxes · latentgraph", "data:ring 75"]);
  tell("done", 5);
  expect([document.title, icon()]).toEqual(["foxes · latentgraph", "./favicon.svg"]);
});

test("the run of another tab is told of, too", () => {
  const uid = editor.documents.open(documentOf({}, { name: "foxes" }));
  editor.documents.open(documentOf({}, { name: "apples" }));
  editor.runs.own(uid, "job");
  tell("started", 1, { nodes: 2, cached: [] });
  tell("node_finished", 2, { node: "a" });
  expect(document.title).toBe("50% apples · latentgraph");
});
