// The link that a node is put into when it is dropped on it, however links are drawn.
import { boxOf } from "@/canvas/control";
import { linksIn } from "@/canvas/culling";
import { linkAt } from "@/canvas/pointing";
import type { LinkStyle } from "@/canvas/path";
import { targetOfEdge, type FlowEdge, type FlowNode } from "@/canvas/project";
import type { Catalogue } from "@/model/catalogue";
import { linkOf, type Document, type Graph, type Point } from "@/model/document";
import { insertOnLink } from "@/model/edit";

/** What is drawn, and what it is drawn from. */
export interface Drawn {
  graph: Graph;
  document: Document;
  edges: readonly FlowEdge[];
  byId: ReadonlyMap<string, FlowNode>;
  links: LinkStyle;
}

/**
 * The link under the pointer, else the one nearest to the node's middle of those that run behind it; only one that the node fits into,
 * and none for a node that is fed already. A node that feeds others is being moved more often than inserted: it has to be aimed.
 */
export function linkBehind(node: FlowNode, pointer: Point | null, reach: number, drawn: Drawn, catalogue: Catalogue): FlowEdge | null {
  const { graph, document, edges, byId, links } = drawn;
  const inputs = graph.nodes[node.id]?.inputs ?? {};
  if (!graph.nodes[node.id] || Object.values(inputs).some(linkOf)) return null;
  const box = boxOf(node);
  const fitting = linksIn(edges, byId, box, links).filter((edge) => insertOnLink(graph, node.id, targetOfEdge(edge.id), document, catalogue) !== null);
  const pointed = pointer && linkAt(fitting, byId, pointer, reach, links);
  if (pointed || edges.some((edge) => edge.source === node.id)) return pointed;
  return linkAt(fitting, byId, [box.x + box.width / 2, box.y + box.height / 2], Infinity, links);
}
