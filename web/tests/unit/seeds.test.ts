// Seeds that ComfyUI draws anew after each run stay as they are until new ones are asked for.
import { expect, test } from "vitest";
import { linkTo, type GraphNode } from "@/model/document";
import { drawnElsewhere, withSeedsDrawn } from "@/model/seeds";
import { catalogue, documentOf } from "./documents";

const sampler = (control: string | undefined, seed: unknown = 7): GraphNode => ({ type: "KSampler", inputs: { seed: seed as number, steps: 3 }, ui: control === undefined ? {} : { control: { seed: control } } });

test.each<[string, Record<string, GraphNode>, Record<string, unknown>, string[]]>([
  ["one that is drawn there", { a: sampler("randomize"), b: sampler("fixed"), c: sampler(undefined) }, {}, ["a"]],
  ["none that is counted there", { a: sampler("increment") }, {}, []],
  ["none that is drawn here already", { a: sampler("randomize", "random") }, {}, []],
  ["none that comes through a link", { a: sampler("randomize", linkTo({ node: "b", output: "INT" })) }, {}, []],
  ["one that a primitive draws", { a: sampler(undefined) }, { primitives: [{ id: 4, binds: [["a", "seed"]], control: "randomize" }] }, ["a"]],
  ["none that a primitive keeps", { a: sampler("randomize") }, { primitives: [{ id: 4, binds: [["a", "seed"]] }] }, []],
  ["no other number", { a: { type: "KSampler", inputs: { steps: 3 }, ui: { control: { steps: "randomize" } } } }, {}, []],
  ["nothing of what is no such list", { a: { type: "KSampler", inputs: { seed: 3 }, ui: { control: "randomize" } } }, { primitives: [null, { binds: [7] }] }, []],
])("%s", (_, nodes, ui, found) => {
  expect(drawnElsewhere(documentOf(nodes, { ui }), catalogue).map(({ node }) => node)).toEqual(found);
});

test("all are drawn by each run once that is asked for, in subgraphs and where these are set from outside", () => {
  const inner = { nodes: { s: sampler("randomize"), t: sampler("randomize") }, parameters: [{ name: "noise", binds: [["s", "seed"] as [string, string]] }] };
  const middle = { nodes: { i: { type: "subgraph:inner", inputs: { noise: 8 } } }, parameters: [{ name: "grain", binds: [["i", "noise"] as [string, string]] }] };
  const document = documentOf({ a: sampler("randomize"), b: { type: "subgraph:middle", inputs: { grain: 9 } }, c: { type: "subgraph:inner" } }, { subgraphs: { inner, middle } });
  const after = withSeedsDrawn(document, catalogue);
  expect([after.nodes["a"], after.nodes["b"], after.nodes["c"]].map((one) => one!.inputs)).toEqual([{ seed: "random", steps: 3 }, { grain: "random" }, undefined]);
  expect(after.subgraphs!["inner"]!.nodes["s"]!.inputs!["seed"]).toBe("random");
  expect(after.subgraphs!["middle"]!.nodes["i"]!.inputs!["noise"]).toBe("random");
  expect(withSeedsDrawn(after, catalogue)).toBe(after);
});
