// Remarks on a file that was read: which of them still say something, and of which node.
import type { Problem } from "@/api/client";
import type { Catalogue } from "@/model/catalogue";
import { graphAt, SUBGRAPH, type Document, type GraphNode, type Scope } from "@/model/document";
import { drawnElsewhere, SEED_REMARK } from "@/model/seeds";
import { unnamedOf } from "@/model/unnamed";

/** Values without names, of a node whose type is unknown (graph/comfyui/node.py). */
const UNNAMED_REMARK = "comfyui_unnamed_values";

/** Without those on seeds and on values without names once there are none that they speak of. */
export function remarksOf(problems: readonly Problem[], document: Document, catalogue: Catalogue): readonly Problem[] {
  const saysSomething = (one: Problem): boolean => {
    if (one.code === SEED_REMARK) return drawnElsewhere(document, catalogue).length > 0;
    return one.code !== UNNAMED_REMARK || unnamedOf(nodeAt(wholeNameOf(one, document), document)).length > 0;
  };
  return problems.filter(saysSomething);
}

function nodeAt(whole: string | null, document: Document): GraphNode | undefined {
  let graph = graphAt(document, "");
  const names = whole?.split(":") ?? [];
  for (const name of names.slice(0, -1)) graph = graphAt(document, graph.nodes[name]!.type.slice(SUBGRAPH.length));
  return graph.nodes[names.at(-1) ?? ""];
}

/** Remarks on nodes of a subgraph name them as they are called in it. */
const INSIDE = /^\$\.(definitions|subgraphs)\b/;

/** The whole name of the node that a remark is of, `48:31` for one in a subgraph: by the first way that leads to it. Null for none. */
export function wholeNameOf({ node, path }: Problem, document: Document): string | null {
  if (!node) return null;
  if (!INSIDE.test(path ?? "")) return graphAt(document, "").nodes[node] ? node : null;
  return wayTo(node, "", document, new Set());
}

function wayTo(node: string, scope: Scope, document: Document, seen: Set<Scope>): string | null {
  if (scope !== "" && graphAt(document, scope).nodes[node]) return node;
  seen.add(scope);
  for (const [name, { type }] of Object.entries(graphAt(document, scope).nodes)) {
    const inside = type.startsWith(SUBGRAPH) ? type.slice(SUBGRAPH.length) : null;
    const way = inside === null || seen.has(inside) ? null : wayTo(node, inside, document, seen);
    if (way !== null) return `${name}:${way}`;
  }
  return null;
}
