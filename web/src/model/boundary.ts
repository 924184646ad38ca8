// The two ends of a subgraph as one looks into it: a node that gives its inputs, and a node that takes its outputs. They are
// not in the document; what is linked to them is the subgraph's parameters and outputs.
import type { Catalogue } from "@/model/catalogue";
import { positionOf, type Document, type Graph, type GraphNode, type Point, type Scope } from "@/model/document";
import { interfaceOf, type Interface } from "@/model/interface";
import { SUBGRAPH } from "@/model/document";
import { ANY } from "@/model/ports";

export const INPUTS = "@inputs";
export const OUTPUTS = "@outputs";
/** The socket that makes a new input or output of what is linked to it. */
export const NEW = "+";

/** How the two ends are called. */
export interface BoundaryTitles {
  inputs: string;
  outputs: string;
}

export interface BoundaryNode {
  id: string;
  node: GraphNode;
  of: Interface;
  pos: Point;
}

export function boundaryOf(graph: Graph, document: Document, scope: Scope, catalogue: Catalogue, titles: BoundaryTitles): BoundaryNode[] {
  const own = interfaceOf(SUBGRAPH + scope, document, catalogue);
  const [left, right, top] = edges(graph);
  const width = 150;
  const place = (key: string, usual: Point): Point => (graph.ui?.[key] as Point | undefined) ?? usual;
  const socket = (name: string) => ({ name, type: ANY, is_list: false });
  const inputs: Interface = {
    title: titles.inputs,
    kind: "node",
    inputs: [],
    outputs: [...(own?.inputs ?? []).map((one) => ({ name: one.name, type: one.type, is_list: false })), socket(NEW)],
  };
  const outputs: Interface = {
    title: titles.outputs,
    kind: "node",
    outputs: [],
    inputs: [...(own?.outputs ?? []).map((one) => ({ name: one.name, type: one.type, optional: true })), { name: NEW, type: ANY, optional: true }],
  };
  const node = (): GraphNode => ({ type: "boundary", ui: { size: [width, 0] } });
  return [
    { id: INPUTS, node: node(), of: inputs, pos: place("inputs", [left - width - 80, top]) },
    { id: OUTPUTS, node: node(), of: outputs, pos: place("outputs", [right + 80, top]) },
  ];
}

function edges(graph: Graph): [number, number, number] {
  const places = Object.values(graph.nodes).map(positionOf);
  if (places.length === 0) return [0, 300, 0];
  const xs = places.map(([x]) => x);
  return [Math.min(...xs), Math.max(...xs) + 260, Math.min(...places.map(([, y]) => y))];
}
