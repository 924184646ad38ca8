// Where a field is set that its subgraph offers to the outside.
import { expect, test } from "vitest";
import type { Document } from "@/model/document";
import { inputOutside, setOutside } from "@/model/outside";
import { catalogue, documentOf } from "./documents";

const sampler = { type: "KSampler", inputs: { steps: 12, cfg: 5 } };

/** `outer` has `inner`, and that has the sampler; its steps are offered by both, its cfg by the inner one alone. */
const nested: Document = documentOf(
  { one: { type: "subgraph:outer", inputs: { rounds: 30 } }, two: { type: "subgraph:outer" } },
  {
    subgraphs: {
      outer: { nodes: { deep: { type: "subgraph:inner", inputs: { cfg: 7 } } }, parameters: [{ name: "rounds", binds: [["deep", "steps"]] }] },
      inner: { nodes: { sampler }, parameters: ["steps", "cfg"].map((name) => ({ name, binds: [["sampler", name]] })) },
    },
  },
);

test("at the outermost instance that offers it, one came in through", () => {
  expect(setOutside(nested, ["one", "deep"], { node: "sampler", input: "steps" })).toEqual({ scope: "", node: "one", input: "rounds", given: 30 });
  expect(setOutside(nested, ["one", "deep"], { node: "sampler", input: "cfg" })).toEqual({ scope: "outer", node: "deep", input: "cfg", given: 7 });
});

test("where nothing is given it starts from what stands inside", () => {
  const at = setOutside(nested, ["two", "deep"], { node: "sampler", input: "steps" })!;
  expect(at).toMatchObject({ node: "two", given: undefined });
  expect(inputOutside(at, nested, catalogue)?.default).toBe(12);
});

test("where it is, when nothing offers it or one stands outside", () => {
  expect(setOutside(nested, ["one", "deep"], { node: "sampler", input: "seed" })).toBeNull();
  expect(setOutside(nested, [], { node: "one", input: "rounds" })).toBeNull();
});
