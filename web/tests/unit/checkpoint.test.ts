import { expect, test } from "vitest";
import { checkpointOf } from "@/model/checkpoint";
import type { GraphNode } from "@/model/document";
import { catalogue, documentOf } from "./documents";

const load = (name: string): GraphNode => ({ type: "CheckpointLoaderSimple", inputs: { ckpt_name: name } });
const encode = (from: string): GraphNode => ({ type: "CLIPTextEncode", inputs: { text: "", clip: { from: [from, "CLIP"] } } });

test.each<[string, Record<string, GraphNode>, string | null]>([
  ["right before it", { load: load("a.safetensors"), prompt: encode("load") }, "a.safetensors"],
  ["behind a LoRA, whose model is of another", { load: load("a.safetensors"), other: load("b.safetensors"), lora: { type: "LoraLoader", inputs: { model: { from: ["other", "MODEL"] }, clip: { from: ["load", "CLIP"] } } }, prompt: encode("lora") }, "a.safetensors"],
  ["behind a reroute", { load: load("a.safetensors"), point: { type: "Reroute", inputs: { "": { from: ["load", "CLIP"] } } }, prompt: encode("point") }, "a.safetensors"],
  ["nowhere", { prompt: { type: "CLIPTextEncode", inputs: { text: "" } } }, null],
  ["in a circle", { prompt: encode("prompt") }, null],
  ["from another kind of file", { clip: { type: "CLIPLoader", inputs: { clip_name: "t5" } }, prompt: encode("clip") }, null],
])("a prompt's checkpoint is %s", (_, nodes, found) => {
  const document = documentOf(nodes);
  expect(checkpointOf("prompt", document, document, catalogue)).toBe(found);
});
