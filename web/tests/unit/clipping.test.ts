import { expect, test } from "vitest";
import { copied, pasted } from "@/model/clipboard";
import { withWhole } from "@/model/document";
import { documentOf } from "./documents";

test("what an instance is made of comes along, beside the subgraphs that are there", () => {
  const from = documentOf({ a: { type: "subgraph:New" } }, { subgraphs: { New: { nodes: { x: { type: "subgraph:Inner" } } }, Inner: { nodes: {} }, Unused: { nodes: {} } } });
  const into = documentOf({ b: { type: "subgraph:Old" } }, { subgraphs: { Old: { nodes: {} } } });
  const made = pasted(into, into, copied(from, from, new Set(["a"]))!, [0, 0], false);
  const whole = withWhole(made.document, "", made.graph);
  expect(Object.keys(whole.subgraphs!).sort()).toEqual(["Inner", "New", "Old"]);
  expect(Object.keys(whole.nodes)).toEqual(["b", "a"]);
});
