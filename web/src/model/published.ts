// Subgraphs kept for other workflows. Each is a workflow file of its own with one node, an instance of the subgraph: it can be opened
// and changed like any other. Put into a workflow it is a copy, which what happens to the file later does not change.
import type { Catalogue, NodeSpec } from "@/model/catalogue";
import { copied, type Clip } from "@/model/clipboard";
import { linkOf, SUBGRAPH, withWhole, graphAt, type Document, type Graph, type Point, type Scope } from "@/model/document";
import { interfaceOf } from "@/model/interface";
import { pasted } from "@/model/pasting";
import { contains } from "@/model/subgraph";

/** Where their files are among the workflows of the service. */
export const FOLDER = "subgraphs/";
/** Before the name of the file, in the place of a node's type. */
export const PUBLISHED = "published:";

export interface Published {
  /** The name of the file. */
  name: string;
  document: Document;
}

/** A workflow file of an instance, with all that it is made of. Its values are kept, its links are not. Null for what is no instance. */
export function published(document: Document, graph: Graph, instance: string, title: string): Document | null {
  const clip = graph.nodes[instance]?.type.startsWith(SUBGRAPH) ? copied(document, graph, new Set([instance])) : null;
  const node = clip?.nodes[instance];
  if (!clip || !node) return null;
  const inputs = Object.fromEntries(Object.entries(node.inputs ?? {}).filter(([, value]) => linkOf(value) === null));
  return { ...clip, name: title, nodes: { [instance]: { type: node.type, ...(Object.keys(inputs).length > 0 ? { inputs } : {}), ui: { pos: [0, 0] } } } } as Document;
}

/** How it is found and linked, as if it were a node type; null for a file that is none. */
export function specOf({ name, document }: Published, catalogue: Catalogue): NodeSpec | null {
  const nodes = Object.values(document.nodes);
  const of = nodes.length === 1 ? interfaceOf(nodes[0]!.type, document, catalogue) : null;
  if (of?.kind !== "subgraph") return null;
  const title = document.name || name.slice(FOLDER.length);
  return { type: PUBLISHED + name, category: FOLDER.slice(0, -1), display_name: title, description: document.description ?? "", module: "", inputs: [...of.inputs], outputs: [...of.outputs] };
}

/** A copy of it in a graph of a document, and the name of the instance. Null where the graph would contain itself. */
export function withPublished(document: Document, scope: Scope, { document: kept }: Published, at: Point): { document: Document; name: string } | null {
  const clip: Clip = { format: "latentgraph/1", nodes: kept.nodes as Clip["nodes"], subgraphs: kept.subgraphs };
  const made = pasted(document, graphAt(document, scope), clip, at, false);
  const whole = withWhole(made.document, scope, made.graph);
  return contains(whole, scope, scope) ? null : { document: whole, name: made.names[0]! };
}
