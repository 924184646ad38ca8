import { expect, test } from "vitest";
import { Projection, samePlaces } from "@/canvas/project";
import type { Graph } from "@/model/document";
import { link, move, setInput, setNodeUi, unlink } from "@/model/edit";
import { DENSITIES } from "@/model/geometry";
import { catalogue, template } from "./documents";

const start = template("text_to_image");
const NOBODY: ReadonlySet<string> = new Set();
const STILL = new Map<string, readonly [number, number]>();
const NOTHING_HIDDEN = new Map<string, string>();
const cards = (of: Projection, graph: Graph) => of.cards(graph, start, "", catalogue, DENSITIES.compact, NOBODY, STILL);
const links = (of: Projection, graph: Graph) => of.links(graph, start, "", catalogue, STILL, NOTHING_HIDDEN);

test("a value that changes draws its own node anew, and no other, and no link", () => {
  const projection = new Projection();
  const [nodes, edges] = [cards(projection, start), links(projection, start)];
  const next = setInput(start, "positive", "text", "another");
  const after = cards(projection, next);
  expect(after.filter((one, index) => one !== nodes[index]).map((one) => one.id)).toEqual(["positive"]);
  expect(links(projection, next)).toBe(edges);
  expect(samePlaces(nodes, after)).toBe(true);
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

test("a node that moves or grows is in another place", () => {
  const projection = new Projection();
  const nodes = cards(projection, start);
  expect(samePlaces(nodes, cards(projection, move(start, new Map([["sampler", [1, 2]]]))))).toBe(false);
  expect(samePlaces(nodes, cards(projection, setNodeUi(start, "positive", { size: [400, 300] })))).toBe(false);
});
