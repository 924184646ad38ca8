import { describe, expect, test, vi } from "vitest";
import { cut, duplicate, paste, remove } from "@/commands/clipping";
import { copied } from "@/model/clipboard";
import { groupsOf, notesOf, withWhole, type Document, type Group } from "@/model/document";
import { addGroup, addNote, addPoint } from "@/model/edit";
import { pasted } from "@/model/pasting";
import { en } from "@/i18n/en";
import { Documents } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { catalogue, documentOf } from "./documents";

test("what an instance is made of comes along, beside the subgraphs that are there", () => {
  const from = documentOf({ a: { type: "subgraph:New" } }, { subgraphs: { New: { nodes: { x: { type: "subgraph:Inner" } } }, Inner: { nodes: {} }, Unused: { nodes: {} } } });
  const into = documentOf({ b: { type: "subgraph:Old" } }, { subgraphs: { Old: { nodes: {} } } });
  const made = pasted(into, into, copied(from, from, new Set(["a"]))!, [0, 0], false);
  const whole = withWhole(made.document, "", made.graph);
  expect(Object.keys(whole.subgraphs!).sort()).toEqual(["Inner", "New", "Old"]);
  expect(Object.keys(whole.nodes)).toEqual(["b", "a"]);
});

/** An editor of one document, as far as the clipboard asks it, and what the clipboard holds. */
function editing(document: Document): { editor: Editor; clipboard: { text: string } } {
  const clipboard = { text: "" };
  vi.stubGlobal("navigator", { clipboard: { writeText: (text: string) => Promise.resolve(void (clipboard.text = text)), readText: () => Promise.resolve(clipboard.text) } });
  const documents = new Documents();
  documents.open(document);
  const settings = { getState: () => ({ density: "compact", heal: false }) };
  return { editor: { documents, settings, library: { catalogue }, t: en, canvas: null, view: { say: () => undefined } } as unknown as Editor, clipboard };
}

test("nodes that are doubled twice lie on each other nowhere", () => {
  const { editor } = editing(documentOf({ one: { type: "KSampler", ui: { pos: [100, 100] } }, below: { type: "KSampler", ui: { pos: [132, 132] } } }));
  editor.documents.select(["one"]);
  duplicate(editor);
  editor.documents.select(["one"]);
  duplicate(editor);
  expect(Object.values(editor.documents.active!.document.nodes).map((node) => node.ui!["pos"])).toEqual([[100, 100], [132, 132], [164, 164], [196, 196]]);
});

describe("a frame", () => {
  const frame: Group = { title: "frame", pos: [0, 0], size: [1000, 1000] };
  const nodes = documentOf({
    sampler: { type: "KSampler", ui: { pos: [100, 100] } },
    decode: { type: "VAEDecode", inputs: { samples: { from: ["sampler", "LATENT"] } }, ui: { pos: [500, 100] } },
    far: { type: "KSampler", ui: { pos: [5000, 0] } },
  });
  const pointed = addPoint(nodes, { node: "decode", input: "samples" }, [450, 120]);
  const framed = addGroup(addNote(pointed, { text: "note", pos: [100, 500], size: [100, 50] }).graph, frame) as Document;
  const now = (editor: Editor) => editor.documents.active!.document;

  test("that is cut takes along what is in it, so that it is there once after it is pasted", async () => {
    const { editor } = editing(framed);
    editor.documents.select(["group:0"]);
    await cut(editor);
    expect(Object.keys(now(editor).nodes)).toEqual(["far"]);
    expect([notesOf(now(editor)), groupsOf(now(editor)), now(editor).ui!["reroutes"]]).toEqual([[], [], []]);
    await paste(editor, false);
    expect(Object.keys(now(editor).nodes).sort()).toEqual(["decode", "far", "sampler"]);
    expect([notesOf(now(editor)).length, groupsOf(now(editor)).length, (now(editor).ui!["reroutes"] as unknown[]).length]).toEqual([1, 1, 1]);
  });

  test("that is cut is taken out of its own document, whatever is looked at meanwhile", async () => {
    const { editor } = editing(framed);
    const first = editor.documents.active!.uid;
    editor.documents.select(["group:0"]);
    const cutting = cut(editor);
    editor.documents.open(framed);
    await cutting;
    expect(Object.keys(now(editor).nodes)).toHaveLength(3);
    expect(Object.keys(editor.documents.get(first)!.document.nodes)).toEqual(["far"]);
  });

  test("that is deleted leaves what was in it", () => {
    const { editor } = editing(framed);
    editor.documents.select(["group:0"]);
    remove(editor);
    expect([Object.keys(now(editor).nodes).length, groupsOf(now(editor))]).toEqual([3, []]);
  });
});
