// The checkpoint whose text encoder a node gets: found along the links, for what depends on its tokenizer.
import type { Catalogue } from "@/model/catalogue";
import { linkOf, type Document, type Graph, type GraphNode } from "@/model/document";
import { interfaceIn, outputType } from "@/model/interface";
import { valueOf } from "@/model/value";

/** The name of the file; null where the text encoder comes from elsewhere, or from outside this graph. */
export function checkpointOf(name: string, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  const seen = new Set<string>();
  let current: string | undefined = name;
  while (current !== undefined && !seen.has(current)) {
    seen.add(current);
    const of = interfaceIn(current, graph, document, catalogue);
    const inputs: NonNullable<GraphNode["inputs"]> = graph.nodes[current]?.inputs ?? {};
    const file = of.inputs.find((one) => one.widget?.widget === "file" && one.widget.folder === "checkpoints");
    const value = file && valueOf(file, inputs[file.name]);
    if (typeof value === "string") return value;
    const sources = Object.values(inputs).flatMap((given) => linkOf(given) ?? []);
    current = sources.find((source) => outputType(source, graph, document, catalogue) === "CLIP")?.node;
  }
  return null;
}
