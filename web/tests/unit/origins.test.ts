// Where a workflow says that its files are to be had.
import { expect, test } from "vitest";
import type { GraphNode } from "@/model/document";
import { originOf } from "@/model/origins";
import { documentOf } from "./documents";

const URL_ = "https://example.org/fox.safetensors?download=true";
const loader = (models: unknown): GraphNode => ({ type: "LoraLoader", ui: { comfyui: { properties: { models } } } });
const says = (models: unknown) => documentOf({ a: { type: "Note" }, b: loader(models) });

test.each<[string, ReturnType<typeof says>, string, string | null]>([
  ["at a node", says([{ name: "fox.safetensors", url: URL_, directory: "loras" }]), "fox.safetensors", URL_],
  ["whatever folder its name has", says([{ name: "fox.safetensors", url: URL_ }]), "animals\\fox.safetensors", URL_],
  ["in a subgraph", documentOf({}, { subgraphs: { in: { nodes: { b: loader([{ name: "fox.safetensors", url: URL_ }]) } } } }), "fox.safetensors", URL_],
  ["for the whole file", documentOf({}, { ui: { comfyui: { models: [{ name: "fox.safetensors", url: URL_ }] } } }), "fox.safetensors", URL_],
  ["of another file", says([{ name: "cat.safetensors", url: URL_ }]), "fox.safetensors", null],
  ["nowhere a browser may go", says([{ name: "fox.safetensors", url: "javascript:alert(1)" }]), "fox.safetensors", null],
  ["at no file of this computer", says([{ name: "fox.safetensors", url: "file:///etc/passwd" }]), "fox.safetensors", null],
  ["at no address", says([{ name: "fox.safetensors", url: "fox" }]), "fox.safetensors", null],
  ["in the second, where the first is no address", says([{ name: "fox.safetensors", url: "data:,x" }, { name: "fox.safetensors", url: URL_ }]), "fox.safetensors", URL_],
  ["nothing of what is no such list", says({ name: "fox.safetensors" }), "fox.safetensors", null],
  ["nothing of odd entries", says([null, 7, { name: 5, url: URL_ }]), "fox.safetensors", null],
])("%s", (_, document, file, url) => expect(originOf(file, document)?.url ?? null).toBe(url));
