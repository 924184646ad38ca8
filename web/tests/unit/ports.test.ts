import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { connectVerdict } from "@/model/connect";
import { accepts, typeFamily } from "@/model/ports";
import { catalogue, documentOf } from "./documents";

interface Case {
  input: string;
  output: string;
  ok: boolean;
  reason: string;
}

const cases = JSON.parse(readFileSync(new URL("port_verdicts.json", import.meta.url), "utf8")) as Case[];

test("links are judged as the service judges them, with its reasons", () => {
  expect(cases.length).toBe(529);
  for (const { input, output, ok, reason } of cases) expect([input, output, accepts(input, output)]).toEqual([input, output, { ok, reason }]);
});

test.each([
  ["MODEL", "model"],
  ["STYLE_MODEL", "model"],
  ["CLIP_VISION_OUTPUT", "clip"],
  ["VAE", "vae"],
  ["CONDITIONING", "conditioning"],
  ["SCALED_LATENT", "latent"],
  ["IMAGE,MASK", "image"],
  ["FLOAT", "number"],
  ["COMBO", "text"],
  ["SIGMAS", "sampling"],
  ["*", "any"],
  ["NOT_KNOWN_HERE", "any"],
])("%s has the colour of its kind, %s", (type, family) => {
  expect(typeFamily(type)).toBe(family);
});

const chain = documentOf({
  a: { type: "VAEDecode", inputs: { samples: { from: ["b", "LATENT"] } } },
  b: { type: "KSampler", inputs: { latent_image: { from: ["c", "value"] } } },
  c: { type: "Reroute", inputs: { value: { from: ["d", "LATENT"] } } },
  d: { type: "EmptyLatentImage" },
});

test.each([
  ["to itself", { node: "b", output: "LATENT" }, { node: "b", input: "latent_image" }, "a node cannot feed itself"],
  ["in a circle", { node: "a", output: "IMAGE" }, { node: "d", input: "width" }, "IMAGE does not fit INT"],
  ["of another type", { node: "a", output: "IMAGE" }, { node: "b", input: "model" }, "IMAGE does not fit MODEL"],
  ["back upstream", { node: "b", output: "LATENT" }, { node: "c", input: "value" }, "this would make a circle"],
  ["to what is not there", { node: "d", output: "LATENT" }, { node: "b", input: "none" }, "there is no input none"],
  ["through a reroute, of another type", { node: "c", output: "value" }, { node: "b", input: "model" }, "LATENT does not fit MODEL"],
])("a link %s is refused, and why", (_, from, to, reason) => {
  expect(connectVerdict(from, to, chain, chain, catalogue)).toEqual({ ok: false, reason });
});

test("a link through a reroute has the type of its source", () => {
  expect(connectVerdict({ node: "c", output: "value" }, { node: "a", input: "samples" }, chain, chain, catalogue).ok).toBe(true);
});
