// A LoRA put into a graph from a prompt: between the loader of the text encoder and all that take from it. Pure.
import type { Catalogue } from "@/model/catalogue";
import { linkOf, linkTo, positionOf, type Document, type Graph, type Source } from "@/model/document";
import { addNode, link, linksFrom } from "@/model/edit";
import { interfaceIn } from "@/model/interface";

const LOADER = "LoraLoader";
const ABOVE = 190;

/**
 * The graph with a loader of that LoRA, its model and text encoder taken from where the prompt's come from, and given to all that took
 * them from there. Null where the prompt has no text encoder, or what gives it gives no model as well.
 */
export function insertLora(graph: Graph, prompt: string, file: string, document: Document, catalogue: Catalogue): { graph: Graph; name: string } | null {
  const clip = clipOf(graph, prompt, document, catalogue);
  if (!clip || !catalogue.has(LOADER)) return null;
  const beside = interfaceIn(clip.node, graph, document, catalogue).outputs.find((one) => one.type === "MODEL");
  const from = graph.nodes[clip.node];
  if (!beside || !from) return null;
  const model: Source = { node: clip.node, output: beside.name };
  const takers = { MODEL: linksFrom(graph, model), CLIP: linksFrom(graph, clip) };
  const [x, y] = positionOf(from);
  const made = addNode(graph, LOADER, [x, y - ABOVE], { inputs: { model: linkTo(model), clip: linkTo(clip), lora_name: file } });
  let next = made.graph;
  for (const output of ["MODEL", "CLIP"] as const) for (const taker of takers[output]) next = link(next, { node: made.name, output }, taker);
  return { graph: next, name: made.name };
}

function clipOf(graph: Graph, prompt: string, document: Document, catalogue: Catalogue): Source | null {
  const node = graph.nodes[prompt];
  if (!node) return null;
  const input = interfaceIn(prompt, graph, document, catalogue).inputs.find((one) => one.type === "CLIP");
  return input ? linkOf(node.inputs?.[input.name]) : null;
}
