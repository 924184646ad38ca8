// The open documents: what belongs to which of them, and when one is unsaved.
import { beforeEach, describe, expect, test } from "vitest";
import type { Graph } from "@/model/document";
import { move, setInput, setTitle } from "@/model/edit";
import { Documents, isUnsaved } from "@/store/documents";
import { documentOf, template } from "./documents";

let documents: Documents;
const titled = (title: string) => (graph: Graph) => setTitle(graph, "sampler", title);
const titleIn = (uid: string) => documents.get(uid)?.document.nodes["sampler"]?.title;
const unsaved = (uid: string) => isUnsaved(documents.get(uid)!);

beforeEach(() => {
  documents = new Documents();
});

describe("tabs", () => {
  test("a document that is opened is shown; one that is closed leaves the place to its neighbour", () => {
    const [one, two, three] = [documents.open(), documents.open(), documents.open()];
    expect(documents.active?.uid).toBe(three);
    documents.activate(two);
    documents.close(two);
    expect(documents.active?.uid).toBe(three);
    documents.close(three);
    expect(documents.active?.uid).toBe(one);
    documents.close(one);
    expect(documents.active).toBeNull();
  });

  test("each has its own edits, selection and undo", () => {
    const one = documents.open(template("text_to_image"));
    documents.editGraph("Title", titled("One"));
    documents.select(["sampler"]);
    const two = documents.open(template("text_to_image"));
    documents.editGraph("Title", titled("Two"));
    documents.undo();
    documents.activate(one);
    expect([titleIn(one), titleIn(two), [...documents.active!.selection]]).toEqual(["One", undefined, ["sampler"]]);
  });
});

describe("a place", () => {
  test("is changed wherever one looks meanwhile, and what is looked at stays as it is", () => {
    const one = documents.open(template("text_to_image"));
    const place = documents.place!;
    const two = documents.open(template("text_to_image"));
    documents.editAt(place, "Title", titled("Late"));
    documents.selectAt(place, ["sampler"]);
    expect([titleIn(one), titleIn(two)]).toEqual(["Late", undefined]);
    expect([documents.get(one)!.selection.size, documents.get(two)!.selection.size]).toEqual([1, 0]);
  });

  test.each([
    ["in a document that was closed", (uid: string) => documents.close(uid)],
    ["in a subgraph that is gone", (uid: string) => documents.edit(uid, "Gone", ({ subgraphs: _gone, ...rest }) => ({ ...rest, nodes: {} }))],
  ])("%s takes no more edits", (_, leave) => {
    const uid = documents.open(documentOf({ a: { type: "subgraph:Inner" } }, { subgraphs: { Inner: { nodes: {} } } }));
    documents.enter("a");
    const place = documents.place!;
    leave(uid);
    documents.editAt(place, "Add", (graph) => ({ ...graph, nodes: { b: { type: "VAEDecode" } } }));
    expect(documents.get(uid)?.document.subgraphs).toBeUndefined();
  });
});

describe("a document", () => {
  let uid: string;
  beforeEach(() => {
    uid = documents.open(template("text_to_image"));
  });

  test("is unsaved after an edit, and no more when that is undone", () => {
    documents.editGraph("Move", (graph) => move(graph, new Map([["sampler", [7, 7]]])));
    expect(unsaved(uid)).toBe(true);
    documents.undo();
    expect(unsaved(uid)).toBe(false);
    documents.redo();
    expect(unsaved(uid)).toBe(true);
  });

  test("that was saved between two edits is unsaved on both sides of that", () => {
    documents.editGraph("Steps", (graph) => setInput(graph, "sampler", "steps", 3));
    documents.markSaved(uid, documents.active!.document, { name: "mine" });
    documents.editGraph("Steps", (graph) => setInput(graph, "sampler", "steps", 4));
    documents.undo();
    expect(unsaved(uid)).toBe(false);
    documents.undo();
    expect(unsaved(uid)).toBe(true);
  });

  test("is not edited by what makes it as it was", () => {
    documents.editGraph("Title", (graph) => ({ ...graph, nodes: { ...graph.nodes } }));
    expect([unsaved(uid), documents.undo()]).toEqual([false, null]);
  });

  test("has one step for a gesture, until the gesture ends", () => {
    for (const steps of [1, 2]) documents.editGraph("Steps", (graph) => setInput(graph, "sampler", "steps", steps), "scrub");
    documents.settle();
    documents.editGraph("Steps", (graph) => setInput(graph, "sampler", "steps", 3), "scrub");
    documents.undo();
    expect(documents.active!.document.nodes["sampler"]!.inputs!["steps"]).toBe(2);
    documents.undo();
    expect(unsaved(uid)).toBe(false);
  });

  test("shows what is left of the way into a subgraph when the subgraph is undone", () => {
    documents.edit(uid, "Make", (document) => ({ ...document, nodes: { ...document.nodes, made: { type: "subgraph:Inner" } }, subgraphs: { Inner: { nodes: {} } } }));
    documents.enter("made");
    expect(documents.place).toEqual({ uid, scope: "Inner" });
    documents.undo();
    expect(documents.place).toEqual({ uid, scope: "" });
  });
});
