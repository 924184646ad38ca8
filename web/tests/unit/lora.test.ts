import { describe, expect, it } from "vitest";
import { catalogueOf, type InputSpec, type NodeSpec, type OutputSpec } from "@/model/catalogue";
import { emptyDocument, type Document } from "@/model/document";
import { insertLora } from "@/model/lora";

const spec = (type: string, inputs: InputSpec[], outputs: string[]): NodeSpec => ({
  type,
  category: "",
  display_name: type,
  description: "",
  module: "",
  inputs,
  outputs: outputs.map((name): OutputSpec => ({ name, type: name, is_list: false })),
});
const CATALOGUE = catalogueOf([
  spec("Checkpoint", [], ["MODEL", "CLIP", "VAE"]),
  spec("CLIPLoader", [], ["CLIP"]),
  spec("LoraLoader", [{ name: "model", type: "MODEL" }, { name: "clip", type: "CLIP" }], ["MODEL", "CLIP"]),
  spec("Encode", [{ name: "clip", type: "CLIP" }], ["CONDITIONING"]),
  spec("KSampler", [{ name: "model", type: "MODEL" }], ["LATENT"]),
]);

const graph = (from: string): Document => ({
  ...emptyDocument(),
  nodes: {
    checkpoint: { type: "Checkpoint", ui: { pos: [100, 300] } },
    clip: { type: "CLIPLoader" },
    positive: { type: "Encode", inputs: { clip: { from: [from, "CLIP"] } } },
    negative: { type: "Encode", inputs: { clip: { from: ["checkpoint", "CLIP"] } } },
    sampler: { type: "KSampler", inputs: { model: { from: ["checkpoint", "MODEL"] } } },
    loose: { type: "Encode" },
  },
});
const insert = (document: Document, prompt = "positive") => insertLora(document, prompt, "ink.safetensors", document, CATALOGUE);

describe("a LoRA put in from a prompt", () => {
  it("is between the loader and all that took from it", () => {
    const made = insert(graph("checkpoint"))!;
    const { nodes } = made.graph;
    expect(nodes[made.name]).toMatchObject({ type: "LoraLoader", inputs: { model: { from: ["checkpoint", "MODEL"] }, clip: { from: ["checkpoint", "CLIP"] }, lora_name: "ink.safetensors" } });
    for (const taker of ["positive", "negative"]) expect(nodes[taker]?.inputs?.["clip"]).toEqual({ from: [made.name, "CLIP"] });
    expect(nodes["sampler"]?.inputs?.["model"]).toEqual({ from: [made.name, "MODEL"] });
  });

  it("follows one that is there already", () => {
    const first = insert(graph("checkpoint"))!;
    const document = { ...emptyDocument(), nodes: first.graph.nodes } as Document;
    const second = insert(document)!;
    expect(second.graph.nodes[second.name]?.inputs?.["clip"]).toEqual({ from: [first.name, "CLIP"] });
    expect(second.graph.nodes[first.name]?.inputs?.["clip"]).toEqual({ from: ["checkpoint", "CLIP"] });
    expect(second.graph.nodes["sampler"]?.inputs?.["model"]).toEqual({ from: [second.name, "MODEL"] });
  });

  it.each([
    ["the prompt has no text encoder", "loose", "checkpoint"],
    ["what gives the text encoder gives no model", "positive", "clip"],
    ["there is no such prompt", "gone", "checkpoint"],
  ])("is none where %s", (_, prompt, from) => expect(insert(graph(from), prompt)).toBeNull());
});
