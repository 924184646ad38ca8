import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Connecting } from "@/canvas/connecting";
import { en } from "@/i18n/en";
import { INPUTS, NEW, OUTPUTS } from "@/model/boundary";
import { refusalOf } from "@/model/connect";
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
  ["to itself", { node: "b", output: "LATENT" }, { node: "b", input: "latent_image" }, { code: "itself" }],
  ["in a circle", { node: "a", output: "IMAGE" }, { node: "d", input: "width" }, { code: "types", given: "IMAGE", wanted: "INT" }],
  ["of another type", { node: "a", output: "IMAGE" }, { node: "b", input: "model" }, { code: "types", given: "IMAGE", wanted: "MODEL" }],
  ["back upstream", { node: "b", output: "LATENT" }, { node: "c", input: "value" }, { code: "circle" }],
  ["to what is not there", { node: "d", output: "LATENT" }, { node: "b", input: "none" }, { code: "missing" }],
  ["through a reroute, of another type", { node: "c", output: "value" }, { node: "b", input: "model" }, { code: "types", given: "LATENT", wanted: "MODEL" }],
])("a link %s is refused, and why", (_, from, to, refusal) => {
  expect(refusalOf(from, to, chain, chain, catalogue)).toEqual(refusal);
});

test("a link through a reroute has the type of its source", () => {
  expect(refusalOf({ node: "c", output: "value" }, { node: "a", input: "samples" }, chain, chain, catalogue)).toBeNull();
});

describe("a link that is drawn", () => {
  const drawn = (node: string, name: string, end: "input" | "output"): Connecting => {
    const connecting = new Connecting();
    connecting.start(node, name, end, null, chain, chain, catalogue);
    return connecting;
  };

  test("from an input is judged by what comes through a reroute, as one from its output is", () => {
    expect(drawn("b", "model", "input").verdict("c", "output", "value")).toBe(false);
    expect(drawn("c", "value", "output").verdict("b", "input", "model")).toBe(false);
    expect(drawn("a", "samples", "input").verdict("c", "output", "value")).toBe(true);
  });

  test.each([
    ["an end of its own kind", drawn("b", "LATENT", "output"), "d", "output", "LATENT", en.refusals.twoOutputs],
    ["its own node", drawn("b", "LATENT", "output"), "b", "input", "latent_image", en.refusals.itself],
    ["what feeds it", drawn("b", "LATENT", "output"), "c", "input", "value", en.refusals.circle],
    ["what it feeds", drawn("c", "value", "input"), "b", "output", "LATENT", en.refusals.circle],
    ["another type", drawn("a", "IMAGE", "output"), "b", "input", "model", en.refusals.types("IMAGE", "MODEL")],
  ] as const)("does not go to %s, and says why", (_, connecting, node, end, name, words) => {
    expect([connecting.verdict(node, end, name), connecting.reason(node, end, name, en)]).toEqual([false, words]);
  });

  test("with all links of an output goes to outputs that all of them may come from, and to inputs by itself", () => {
    const connecting = new Connecting();
    connecting.all = [{ node: "b", input: "latent_image" }];
    connecting.start("c", "value", "output", null, chain, chain, catalogue);
    expect(connecting.verdict("d", "output", "LATENT")).toBe(true);
    expect([connecting.verdict("b", "output", "LATENT"), connecting.reason("b", "output", "LATENT", en)]).toEqual([false, en.refusals.itself]);
    expect([connecting.verdict("a", "output", "IMAGE"), connecting.reason("a", "output", "IMAGE", en)]).toEqual([false, en.refusals.types("IMAGE", "LATENT")]);
    expect(connecting.verdict("c", "output", "value")).toBe(false);
    expect(connecting.verdict("b", "input", "latent_image")).toBe(true);
    connecting.stop();
    expect(connecting.verdict("d", "output", "LATENT")).toBeNull();
  });

  test("from an input of the subgraph around has the type of what that leads to", () => {
    const inner = { ...chain, parameters: [{ name: "pixels", binds: [["b", "latent_image"]] as [string, string][] }] };
    expect(refusalOf({ node: INPUTS, output: "pixels" }, { node: "b", input: "model" }, inner, inner, catalogue)).toEqual({ code: "types", given: "LATENT", wanted: "MODEL" });
    expect(refusalOf({ node: INPUTS, output: NEW }, { node: "b", input: "model" }, inner, inner, catalogue)).toBeNull();
    expect(refusalOf({ node: "b", output: "LATENT" }, { node: OUTPUTS, input: NEW }, inner, inner, catalogue)).toBeNull();
  });
});
