import { describe, expect, test } from "vitest";
import type { Document, GraphNode } from "@/model/document";
import { lackBehind, lacksOf, resolved, type Lack } from "@/model/missing";
import { catalogue, documentOf, template } from "./documents";

const FILES: Record<string, string[]> = {
  checkpoints: ["tiny-sd-128.safetensors", "sd15/photon_v1.safetensors"],
  input: ["meadow.png"],
  vae: [],
};
const filesIn = (folder: string) => FILES[folder] ?? null;
const lacks = (document: Document) => lacksOf(document, catalogue, filesIn);
const one = (document: Document): Lack => {
  const found = lacks(document);
  expect(found).toHaveLength(1);
  return found[0]!;
};
const start = template("text_to_image");
const withNode = (name: string, change: (node: GraphNode) => GraphNode): Document => ({ ...start, nodes: { ...start.nodes, [name]: change(start.nodes[name]!) } });

describe("what a document names and is not here", () => {
  test("is nothing in a template", () => expect(lacks(start)).toEqual([]));

  test.each([
    ["a file", "checkpoint", "ckpt_name", "tiny-sd-12.safetensors", ["tiny-sd-128.safetensors"]],
    ["a file that is in another folder", "checkpoint", "ckpt_name", "old\\photon_v1.ckpt", ["sd15/photon_v1.safetensors"]],
    ["a file that nothing is like", "checkpoint", "ckpt_name", "zzz.safetensors", []],
    ["a choice", "sampler", "sampler_name", "eular", ["euler"]],
    ["an input", "sampler", "stepz", 12, []],
  ])("%s", (_, node, input, value, offers) => {
    const found = one(withNode(node, (before) => ({ ...before, inputs: { ...before.inputs, [input]: value } })));
    expect(found.at).toEqual([{ scope: "", node, input }]);
    expect(found.offers.slice(0, offers.length)).toEqual(offers);
  });

  test.each([
    ["a name with backslashes", "checkpoint", "ckpt_name", "sd15\\photon_v1.safetensors"],
    ["no name at all", "checkpoint", "ckpt_name", ""],
    ["a value of a wrong kind, which is another problem", "checkpoint", "ckpt_name", 5],
    ["a file of a folder that is not known", "loader", "lora_name", "who knows.safetensors"],
    ["a picture that says it is in another folder that is not known", "picture", "image", "a.png [output]"],
    ["what a widget offers beside files", "vae", "vae_name", "taesd"],
  ])("is not %s", (_, name, input, value) => {
    const types: Record<string, string> = { checkpoint: "CheckpointLoaderSimple", loader: "LoraLoaderModelOnly", picture: "LoadImage", vae: "VAELoader" };
    const found = lacks(documentOf({ [name]: { type: types[name]!, inputs: { [input]: value } } })).filter((lack) => lack.kind === "file");
    expect(found).toEqual([]);
  });

  test("is named once, wherever it is named, in subgraphs too", () => {
    const unknown = (): GraphNode => ({ type: "KSampler (Efficient)", inputs: { steps: 3 } });
    const found = one(documentOf({ a: unknown(), b: unknown(), c: { type: "subgraph:in" } }, { subgraphs: { in: { nodes: { d: unknown() } } } }));
    expect(found).toMatchObject({ kind: "type", name: "KSampler (Efficient)", at: [{ scope: "", node: "a" }, { scope: "", node: "b" }, { scope: "in", node: "d" }] });
    expect(found.offers[0]).toBe("KSampler");
  });
});

describe("what is taken for it", () => {
  const take = (document: Document, chosen: string | null) => resolved(document, one(document), chosen, catalogue);

  test("a type keeps values and links, and links from its outputs go to outputs of the same name", () => {
    const before = documentOf({
      latent: { type: "EmptyLatentImage" },
      sampler: { type: "KSamplerr", title: "Mine", inputs: { steps: 7, CFG: 3, latent_image: { from: ["latent", "LATENT"] } }, ui: { pos: [5, 6] } },
      decode: { type: "VAEDecode", inputs: { samples: { from: ["sampler", "latent"] } } },
    });
    const after = take(before, "KSampler");
    expect(after.nodes["sampler"]).toEqual({ type: "KSampler", title: "Mine", inputs: { steps: 7, cfg: 3, latent_image: { from: ["latent", "LATENT"] } }, ui: { pos: [5, 6] } });
    expect(after.nodes["decode"]!.inputs!["samples"]).toEqual({ from: ["sampler", "LATENT"] });
    expect(lacks(after)).toEqual([]);
  });

  test("a file, at every node that named it", () => {
    const load = (): GraphNode => ({ type: "CheckpointLoaderSimple", inputs: { ckpt_name: "gone.safetensors" } });
    const after = take(documentOf({ a: load(), b: load() }), "tiny-sd-128.safetensors");
    expect(Object.values(after.nodes).map((node) => node.inputs!["ckpt_name"])).toEqual(["tiny-sd-128.safetensors", "tiny-sd-128.safetensors"]);
  });

  test("an input goes to its new name, or away", () => {
    const before = documentOf({ latent: { type: "EmptyLatentImage", inputs: { widht: 640 } } });
    expect(one(before).offers).toEqual(["width"]);
    expect(take(before, "width").nodes["latent"]!.inputs).toEqual({ width: 640 });
    expect(take(before, null).nodes["latent"]!.inputs).toEqual({});
  });

  test("an output: one that fits what it was linked to, or the link goes", () => {
    const before = documentOf({
      load: { type: "CheckpointLoaderSimple", inputs: { ckpt_name: "tiny-sd-128.safetensors" } },
      encode: { type: "CLIPTextEncode", inputs: { text: "", clip: { from: ["load", "text_encoder"] } } },
    });
    expect(one(before)).toMatchObject({ kind: "output", name: "text_encoder", offers: ["CLIP"] });
    expect(take(before, "CLIP").nodes["encode"]!.inputs!["clip"]).toEqual({ from: ["load", "CLIP"] });
    expect(take(before, null).nodes["encode"]!.inputs).toEqual({ text: "" });
  });
});

describe("what a problem of the service is about", () => {
  const node = (steps: string): GraphNode => ({ type: "KSampler", inputs: { sampler_name: steps } });
  const nested = documentOf({ a: node("eular"), b: node("eular"), top: { type: "subgraph:Inner" } }, { subgraphs: { Inner: { nodes: { a: node("heum") } } } });
  const remedied = (problem: { code: string; node: string; input?: string }): Document => {
    const lack = lackBehind(problem, lacks(nested), nested)!;
    return resolved(nested, lack, lack.offers[0]!, catalogue);
  };

  test("is put right at that place alone", () => {
    const { nodes, subgraphs } = remedied({ code: "not_a_choice", node: "a", input: "sampler_name" });
    expect([nodes["a"], nodes["b"], subgraphs]).toEqual([node("euler"), node("eular"), nested.subgraphs]);
  });

  test("is put right in the subgraph that it is in, not in a node of the same name outside", () => {
    const { nodes, subgraphs } = remedied({ code: "not_a_choice", node: "top:a", input: "sampler_name" });
    expect([nodes, subgraphs!["Inner"]!.nodes["a"]]).toEqual([nested.nodes, node("heun")]);
  });

  test.each([
    ["another problem of the same input", { code: "unknown_node", node: "a", input: "sampler_name" }],
    ["what is there", { code: "not_a_choice", node: "a", input: "scheduler" }],
    ["a node that is not there", { code: "not_a_choice", node: "top:b", input: "sampler_name" }],
    ["no node", { code: "not_a_choice", node: null, input: "sampler_name" }],
  ])("is nothing for %s", (_, problem) => {
    expect(lackBehind(problem, lacks(nested), nested)).toBeNull();
  });
});
