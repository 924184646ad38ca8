import { expect, test } from "vitest";
import { Projection, samePlaces } from "@/canvas/project";
import type { Graph } from "@/model/document";
import { link, move, setInput, setNodeUi, unlink } from "@/model/edit";
import { catalogue, documentOf, sceneOf, template } from "./documents";

const start = template("text_to_image");
const NOBODY: ReadonlySet<string> = new Set();
const STILL = new Map<string, readonly [number, number]>();
const NOTHING_HIDDEN = new Map<string, string>();
const cards = (of: Projection, graph: Graph) => of.cards(sceneOf(start, graph), NOBODY, STILL);
const links = (of: Projection, graph: Graph) => of.links(graph, start, "", catalogue, STILL, NOTHING_HIDDEN);

test("a value that changes is the business of its card: no node and no link is drawn in another way", () => {
  const projection = new Projection();
  const [nodes, edges] = [cards(projection, start), links(projection, start)];
  const next = setInput(start, "positive", "text", "another");
  expect(cards(projection, next)).toBe(nodes);
  expect(links(projection, next)).toBe(edges);
});

test.each([
  ["its title", { title: "Other" }],
  ["its mode", { mode: "bypass" as const }],
  ["its size", { ui: { ...start.nodes["positive"]!.ui, size: [400, 300] } }],
])("a node that is another in %s is drawn anew, and no other", (_, change) => {
  const projection = new Projection();
  const nodes = cards(projection, start);
  const after = cards(projection, { ...start, nodes: { ...start.nodes, positive: { ...start.nodes["positive"]!, ...change } } });
  expect(after.filter((one, index) => one !== nodes[index]).map((one) => one.id)).toEqual(["positive"]);
});

test("dragged nodes are where a new projection would put them; those that are not dragged stay what they are", () => {
  const projection = new Projection();
  const dragged = (of: Projection, moved: [string, readonly [number, number]][]) => of.cards(sceneOf(start), NOBODY, new Map(moved));
  const before = cards(projection, start);
  for (const moved of [[["sampler", [5, 6]]], [["sampler", [7, 8]], ["latent", [1, 2]]], [["latent", [3, 4]]], []] satisfies [string, readonly [number, number]][][]) {
    const after = dragged(projection, moved);
    expect(after).toEqual(dragged(new Projection(), moved));
    for (const [index, one] of after.entries()) if (!["sampler", "latent"].includes(one.id)) expect(one).toBe(before[index]);
  }
  expect(cards(projection, start)).toEqual(before);
});

test.each([
  ["a new link", (graph: Graph) => link(graph, { node: "latent", output: "LATENT" }, { node: "decode", input: "samples" })],
  ["a link taken away", (graph: Graph) => unlink(graph, { node: "decode", input: "samples" })],
  ["a point on a link", (graph: Graph) => setNodeUi({ ...graph, ui: { reroutes: [{ id: "1", pos: [1, 1] }] } }, "decode", { via: { samples: "1" } })],
])("%s is drawn as a new projection would draw it", (_, change) => {
  const projection = new Projection();
  links(projection, start);
  const next = change(start);
  expect(links(projection, next)).toEqual(links(new Projection(), next));
  expect(links(projection, next)).not.toEqual(links(new Projection(), start));
});

test("what is selected now is told from what was, as maps show it", () => {
  const projection = new Projection();
  const nodes = cards(projection, start);
  expect(samePlaces(nodes, projection.cards(sceneOf(start), new Set(["sampler"]), new Map()))).toBe(false);
});

test("a node that moves or grows is in another place", () => {
  const projection = new Projection();
  const nodes = cards(projection, start);
  expect(samePlaces(nodes, cards(projection, move(start, new Map([["sampler", [1, 2]]]))))).toBe(false);
  expect(samePlaces(nodes, cards(projection, setNodeUi(start, "positive", { size: [400, 300] })))).toBe(false);
});

test("numbers of any length are drawn: in a note, in a frame, and as what an end of a subgraph starts at", () => {
  const long = 18446744073709551615n;
  const sized = { pos: [0, 0], size: [10, 10], long };
  const inner = { nodes: { sampler: { type: "KSampler", inputs: { seed: long as never } } }, parameters: [{ name: "seed", binds: [["sampler", "seed"]] as [string, string][] }], ui: { notes: [{ id: "note", text: "", ...sized }], groups: [{ title: "", ...sized }] } };
  const document = documentOf({ one: { type: "subgraph:Inner" } }, { subgraphs: { Inner: inner } });
  const made = new Projection().cards({ ...sceneOf(document, inner), scope: "Inner" }, NOBODY, STILL);
  expect(made.map((one) => one.id).sort()).toEqual(["@inputs", "@outputs", "group:0", "note:note", "sampler"]);
});
