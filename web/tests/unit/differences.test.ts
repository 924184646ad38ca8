import { expect, test } from "vitest";
import { differencesOf } from "@/model/differences";
import type { Document } from "@/model/document";
import { setInput } from "@/model/edit";
import { catalogue, template } from "./documents";

const original = template("text_to_image");
const withValues = (values: readonly (readonly [node: string, input: string, value: unknown])[]): Document =>
  values.reduce<Document>((document, [node, input, value]) => setInput(document, node, input, value) as Document, original);

test("only what is not the same in all is told, the shortest first", () => {
  const one = withValues([["positive", "text", "a fox in the snow"], ["sampler", "seed", 7]]);
  const other = withValues([["positive", "text", "a hare"], ["sampler", "seed", 123456789012345678n]]);
  expect(differencesOf([one, other], catalogue)).toEqual([
    [["text", "a fox in the snow"], ["seed", "7"]],
    [["text", "a hare"], ["seed", "123456789012345678"]],
  ]);
  expect(differencesOf([one, one, other], catalogue)[2]).toHaveLength(2);
});

test("nothing is told of documents that are the same, or of one alone", () => {
  expect(differencesOf([original, withValues([])], catalogue)).toEqual([[], []]);
  expect(differencesOf([original], catalogue)).toEqual([[]]);
  expect(differencesOf([], catalogue)).toEqual([]);
});

test("inputs of one name are told apart by their nodes", () => {
  const one = withValues([["positive", "text", "a fox"], ["negative", "text", "fog"]]);
  const other = withValues([["positive", "text", "a hare"], ["negative", "text", "rain"]]);
  expect(differencesOf([one, other], catalogue)[0]).toEqual([["Negative prompt: text", "fog"], ["Prompt: text", "a fox"]]);
});

test("what only one of them has is told of that one; what is in subgraphs, too", () => {
  const inside = (steps: number): Document => ({ format: "latentgraph/1", nodes: { a: { type: "KSampler" } }, subgraphs: { s: { name: "S", inputs: [], outputs: [], nodes: { b: { type: "KSampler", inputs: { steps } } } } } }) as unknown as Document;
  expect(differencesOf([inside(4), inside(8)], catalogue)).toEqual([[["steps", "4"]], [["steps", "8"]]]);
  const without: Document = { format: "latentgraph/1", nodes: { a: { type: "KSampler" } } };
  expect(differencesOf([inside(4), without], catalogue)).toEqual([[["steps", "4"]], []]);
});
