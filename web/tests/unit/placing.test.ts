import { beforeEach, describe, expect, test, vi } from "vitest";
import { place, used } from "@/commands/placing";
import { de } from "@/i18n/de";
import { en } from "@/i18n/en";
import { groupsOf, notesOf, type Document } from "@/model/document";
import { offered } from "@/model/offered";
import { published } from "@/model/published";
import { search } from "@/model/search";
import { Documents } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { catalogue, documentOf } from "./documents";

let kept: Map<string, string>;

beforeEach(() => {
  kept = new Map();
  vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => void kept.set(key, text) });
});

const SAMPLING = { Sampling: { name: "Sampling", nodes: { sampler: { type: "KSampler" } }, outputs: [{ name: "LATENT", from: ["sampler", "LATENT"] as [string, string] }] } };

/** An editor of one document, as far as what is placed asks it. */
function editing(document: Document): Editor {
  const documents = new Documents();
  documents.open(document);
  const store = { getState: () => ({ published: [], models: {}, files: {} }) };
  const settings = { getState: () => ({ density: "compact" }) };
  return { documents, settings, library: { catalogue, store }, t: en, view: { set: vi.fn(), say: vi.fn() } } as unknown as Editor;
}

const request = { at: { x: 0, y: 0 }, place: [100, 50] as const };
const typesFor = (text: string, wanted = {}, t = en) => search(text, offered(catalogue, [], documentOf({}, { subgraphs: SAMPLING }), "", t.palette.things), wanted).map(({ spec }) => spec.type);

describe("the palette finds", () => {
  test.each([
    ["note", "canvas:note"],
    ["markdown", "canvas:note"],
    ["group", "canvas:group"],
    ["frame", "canvas:group"],
    ["subgraph", "canvas:subgraph"],
    ["reroute", "Reroute"],
    ["sampling", "subgraph:Sampling"],
  ])("by %s %s, in German too", (text, type) => {
    for (const t of [en, de]) expect(typesFor(text, {}, t)[0]).toBe(type);
  });

  test("no note for a link that waits, but a subgraph that gives what it takes", () => {
    expect(typesFor("note", { takes: "LATENT" })).not.toContain("canvas:note");
    expect(typesFor("sampling", { gives: "LATENT" })[0]).toBe("subgraph:Sampling");
  });
});

describe("what would contain itself is not offered:", () => {
  const instance = (name: string, id: string) => ({ name, nodes: { inner: { type: `subgraph:${id}` } } });
  const document = documentOf({ outer: { type: "subgraph:Outer" } }, { subgraphs: { ...SAMPLING, Middle: instance("Middle", "Sampling"), Outer: instance("Outer", "Middle") } });
  const own = published(document, document, "outer", "Outer")!;
  const kept = [
    { name: "subgraphs/Outer", document: own },
    { name: "subgraphs/Other", document: { ...own, name: "Other", subgraphs: { Outer: { name: "Other", nodes: { save: { type: "SaveImage" } } } } } },
  ];
  test.each([
    ["", ["Middle", "Other", "Outer", "Outer", "Sampling"]],
    ["Outer", ["Middle", "Other", "Sampling"]],
    ["Middle", ["Other", "Sampling"]],
    ["Sampling", ["Other"]],
  ])("in %j there are %j", (scope, names) => {
    const specs = [...offered(catalogue, kept, document, scope, en.palette.things).values()];
    expect(specs.filter(({ category }) => category === "subgraphs").map((spec) => spec.display_name).sort()).toEqual(names);
  });
});

describe("what is chosen is put where it was asked for:", () => {
  test("a note, to be written at once", () => {
    const editor = editing(documentOf({}));
    place(editor, request, "canvas:note");
    expect(notesOf(editor.documents.active!.document)).toMatchObject([{ text: "", pos: [100, 50] }]);
    expect(editor.view.set).toHaveBeenCalledWith({ writing: "note:note" });
  });

  test("a frame, selected", () => {
    const editor = editing(documentOf({}));
    place(editor, request, "canvas:group");
    expect(groupsOf(editor.documents.active!.document)).toMatchObject([{ title: "Group 1", pos: [100, 50] }]);
    expect([...editor.documents.active!.selection]).toEqual(["group:0"]);
  });

  test("an empty subgraph, beside the one that is there", () => {
    const editor = editing(documentOf({}, { subgraphs: SAMPLING }));
    for (const id of ["Subgraph", "Subgraph_2"]) {
      place(editor, request, "canvas:subgraph");
      expect(editor.documents.active!.document.subgraphs![id]).toEqual({ name: id, nodes: {} });
    }
    expect(Object.values(editor.documents.active!.document.nodes).map((node) => [node.type, node.ui!["pos"]])).toEqual([
      ["subgraph:Subgraph", [100, 50]],
      ["subgraph:Subgraph_2", [132, 82]],
    ]);
  });

  test("another instance of a subgraph of the document, but not into itself", () => {
    const editor = editing(documentOf({ first: { type: "subgraph:Sampling" } }, { subgraphs: SAMPLING }));
    place(editor, request, "subgraph:Sampling");
    expect(Object.values(editor.documents.active!.document.nodes).map((node) => node.type)).toEqual(["subgraph:Sampling", "subgraph:Sampling"]);
    editor.documents.enter("first");
    const before = editor.documents.active!.document;
    const counted = used();
    expect(counted["subgraph:Sampling"]).toBe(1);
    place(editor, request, "subgraph:Sampling");
    expect(editor.documents.active!.document).toBe(before);
    expect(used()).toEqual(counted);
    expect(editor.view.say).toHaveBeenCalledWith(en.says.inItself);
  });
});
