import { expect, test } from "vitest";
import type { TextSchema } from "@/model/catalogue";
import { lacksOf, resolved } from "@/model/missing";
import { mentionsIn, withMention } from "@/model/mentions";
import { catalogue, documentOf } from "./documents";

const prompt = catalogue.get("CLIPTextEncode")!.inputs.find((one) => one.name === "text")!.widget as TextSchema;
const files = ["EasyNegative.safetensors", "bad (hands).pt", "styles/ink.safetensors"];

test.each([
  ["embedding:EasyNegative", ["EasyNegative"], []],
  ["(embedding:EasyNegative.safetensors:1.2), embedding:styles/ink", ["EasyNegative.safetensors", "styles/ink"], []],
  ["embedding:bad\\ hands, embedding:badhands embedding:badhands", [], ["bad\\", "badhands"]],
  ["a fox, not an embedding at all", [], []],
])("%j mentions what is here: %j, and what is not: %j", (text, here, lacking) => {
  const found = mentionsIn(text, prompt, files);
  expect(found.filter((one) => one.isKnown).map((one) => one.name)).toEqual(here);
  expect(found.filter((one) => !one.isKnown).map((one) => one.name)).toEqual(lacking);
});

test.each([
  ["(embedding:easynegativ:1.2), embedding:other, embedding:easynegativ", "EasyNegative.safetensors", "(embedding:EasyNegative:1.2), embedding:other, embedding:EasyNegative"],
  ["embedding:easynegativ2, embedding:easynegativ", "hands(v2).pt", "embedding:easynegativ2, embedding:hands\\(v2\\)"],
])("in %j %s takes the place", (text, file, after) => {
  expect(withMention(text, prompt, "easynegativ", file)).toBe(after);
});

test.each(["(?P<name>x)", "("])("a pattern that a browser cannot read, %s, finds nothing", (pattern) => {
  expect(mentionsIn("x", { ...prompt, pattern }, files)).toEqual([]);
});

test("embeddings that are not here are told, once for all prompts, with the nearest; taken, every prompt names it", () => {
  const node = (text: string) => ({ type: "CLIPTextEncode", inputs: { text } });
  const start = documentOf({ positive: node("a fox, embedding:easy_negative"), negative: node("embedding:easy_negative, (embedding:EasyNegative:0.8)") });
  const found = lacksOf(start, catalogue, (folder) => (folder === "embeddings" ? files : null));
  expect(found).toMatchObject([{ kind: "mention", name: "easy_negative", folder: "embeddings", at: [{ node: "positive" }, { node: "negative" }] }]);
  expect(found[0]!.offers[0]).toBe("EasyNegative.safetensors");
  const after = resolved(start, found[0]!, "EasyNegative.safetensors", catalogue);
  expect(Object.values(after.nodes).map((one) => one.inputs!["text"])).toEqual(["a fox, embedding:EasyNegative", "embedding:EasyNegative, (embedding:EasyNegative:0.8)"]);
});

test("where the folder is not known, nothing is said", () => {
  const start = documentOf({ positive: { type: "CLIPTextEncode", inputs: { text: "embedding:who_knows" } } });
  expect(lacksOf(start, catalogue, () => null)).toEqual([]);
});
