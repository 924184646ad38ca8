// @vitest-environment jsdom
// Remarks on a file that was read: told once, where they are seen, and kept to be read again.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Problem } from "@/api/client";
import { lacksOf } from "@/model/missing";
import { remarksOf, wholeNameOf } from "@/model/remarks";
import { Editor } from "@/store/editor";
import { openFiles } from "@/store/files";
import { listed, putInPlace } from "@/store/remarks";
import { catalogue, documentOf } from "./documents";
import { fakeService } from "./service";

const remark = (code: string, more: Partial<Problem> = {}): Problem => ({ code, message: "something", severity: "warning", ...more });
const sampler = (seed: unknown) => ({ type: "KSampler", inputs: { seed: seed as number }, ui: { control: { seed: "randomize" } } });
const unknown = (values: unknown[]) => ({ type: "KSamplerr", ui: { comfyui: { values } } });

describe("a remark", () => {
  const document = documentOf({ "3": sampler(1), "48": { type: "subgraph:in" } }, { subgraphs: { in: { nodes: { "3": { type: "VAEDecode" }, "49": { type: "subgraph:deep" } } }, deep: { nodes: { "7": { type: "VAEDecode" } } } } });
  test.each([
    ["a node", "3", "$.nodes[0]", "3"],
    ["a node in a subgraph that is called as one outside", "3", "$.definitions.subgraphs[0].nodes[1]", "48:3"],
    ["a node further in", "7", "$.definitions.subgraphs[1].nodes[0]", "48:49:7"],
    ["a node that is gone", "9", "$.nodes[0]", null],
    ["no node", undefined, "$", null],
  ])("is of %s", (_, node, path, whole) => expect(wholeNameOf(remark("any", { ...(node ? { node } : {}), path }), document)).toBe(whole));

  test("on seeds is there as long as one stays that ComfyUI draws", () => {
    const both = [remark("any"), remark("comfyui_seed_control")];
    expect(remarksOf(both, documentOf({ "3": sampler(1) }), catalogue)).toEqual(both);
    expect(remarksOf(both, documentOf({ "3": sampler("random") }), catalogue)).toEqual([both[0]]);
  });

  test("on values without names is there until they have some", () => {
    const inside = { node: "4", path: "$.definitions.subgraphs[0].nodes[0].widgets_values" };
    const within = (node: object) => documentOf({ "48": { type: "subgraph:in" } }, { subgraphs: { in: { nodes: { "4": node as never } } } });
    expect(remarksOf([remark("comfyui_unnamed_values", inside)], within(unknown([1])), catalogue)).toHaveLength(1);
    expect(remarksOf([remark("comfyui_unnamed_values", inside)], within(sampler(1)), catalogue)).toEqual([]);
  });
});

test("values are shown with their names, cut where they are long or many", () => {
  expect(listed([1, "a", 2.5], ["width", "text"])).toBe('width 1, text "a", 2.5');
  expect(listed(["x".repeat(99)])).toHaveLength(61);
  expect(listed(Array(20).fill(1))).toBe(`${Array(12).fill("1").join(", ")} …`);
});

describe("in the editor", () => {
  let editor: Editor;
  let answer: { document: unknown; problems: Problem[] };
  const texts = () => editor.view.store.getState().toasts.map(({ text }) => text);
  const codes = () => editor.documents.active!.report?.problems.map(({ code }) => code);
  const open = async (nodes: Record<string, unknown>, problems: Problem[]) => {
    answer = { document: documentOf(nodes as never), problems };
    await openFiles(editor, [new File(["{}"], "theirs.json", { type: "application/json" })], null);
    await expect.poll(() => texts().length > 0 || editor.view.store.getState().dialog !== null).toBe(true);
  };

  beforeEach(() => {
    fakeService();
    const other = globalThis.fetch;
    vi.stubGlobal("fetch", (path: string, ...more: [RequestInit]) => (path === "upload/workflow" ? Promise.resolve(new Response(JSON.stringify(answer))) : other(path, ...more)));
    editor = new Editor();
    editor.library.store.setState({ catalogue, files: {}, state: "ready" });
  });
  afterEach(() => void vi.unstubAllGlobals());

  test("seeds that stay are told with what makes each run draw them", async () => {
    await open({ "3": sampler(1) }, [remark("comfyui_seed_control")]);
    expect(texts()).toEqual(["theirs.json: seeds stay as they are in the file; ComfyUI draws others after each run"]);
    editor.view.store.getState().toasts[0]!.action!.run();
    expect(editor.documents.active!.document.nodes["3"]!.inputs!["seed"]).toBe("random");
    expect(codes()).toEqual(["comfyui_seed_control"]);
  });

  test("other remarks are told with where they can be read", async () => {
    await open({ "3": sampler(1) }, [remark("comfyui_seed_control"), remark("any")]);
    expect(texts()).toEqual(["theirs.json: opened with 2 remarks"]);
    editor.documents.open(documentOf({}));
    editor.view.store.getState().toasts[0]!.action!.run();
    expect([codes(), editor.view.store.getState().panel]).toEqual([["comfyui_seed_control", "any"], "problems"]);
  });

  test("none is told beside what is missing, where it can be read", async () => {
    await open({ "3": unknown([7]) }, [remark("any")]);
    expect([texts(), editor.view.store.getState().dialog]).toEqual([[], "missing"]);
  });

  test("what is lost by a choice is remarked, after what the file lost", async () => {
    await open({ "3": unknown([7, "randomize", "many"]) }, [remark("any")]);
    const [lack] = lacksOf(editor.documents.active!.document, catalogue, () => null);
    putInPlace(editor, "Use KSampler", [[lack!, "KSampler"]]);
    const { report, document } = editor.documents.active!;
    expect(document.nodes["3"]!.inputs).toEqual({ seed: 7 });
    expect(codes()).toEqual(["any", "values_lost", "comfyui_seed_control"]);
    expect([report!.source, report!.problems[1]!.message, report!.problems[1]!.node]).toEqual(["theirs.json", 'KSampler has no place for "many"', "3"]);
  });
});
