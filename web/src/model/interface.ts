// The inputs and outputs of a node as written: of a plain type, an instance of a subgraph, or of a type nobody here knows.
import type { Catalogue, InputSpec, NodeSpec, OutputSpec } from "@/model/catalogue";
import { linkOf, literalOf, REROUTE, SUBGRAPH, type Document, type Graph, type GraphNode, type Source } from "@/model/document";
import { ANY } from "@/model/ports";

export interface Interface {
  title: string;
  inputs: readonly InputSpec[];
  outputs: readonly OutputSpec[];
  /** Undefined for instances of subgraphs and unknown types. */
  spec?: NodeSpec;
  kind: "node" | "subgraph" | "reroute" | "unknown";
}

const bySpec = new WeakMap<NodeSpec, Interface>();
const bySubgraphs = new WeakMap<object, Map<string, Interface | null>>();

/** What a node of this type has; null for an unknown type. The same object for the same question. */
export function interfaceOf(type: string, document: Document, catalogue: Catalogue): Interface | null {
  return type.startsWith(SUBGRAPH) ? ofSubgraph(type, document, catalogue) : ofSpec(catalogue.get(type));
}

function ofSpec(spec: NodeSpec | undefined): Interface | null {
  if (spec === undefined) return null;
  let found = bySpec.get(spec);
  if (found === undefined) {
    const kind = spec.type === REROUTE ? "reroute" : "node";
    found = { title: spec.display_name || spec.type, inputs: spec.inputs, outputs: spec.outputs, spec, kind };
    bySpec.set(spec, found);
  }
  return found;
}

function ofSubgraph(type: string, document: Document, catalogue: Catalogue): Interface | null {
  if (document.subgraphs === undefined) return null;
  let known = bySubgraphs.get(document.subgraphs);
  if (known === undefined) bySubgraphs.set(document.subgraphs, (known = new Map()));
  let found = known.get(type);
  if (found === undefined) {
    known.set(type, null); // one that contains itself has no interface while it is being asked for
    known.set(type, (found = madeOfSubgraph(type.slice(SUBGRAPH.length), document, catalogue)));
  }
  return found;
}

function madeOfSubgraph(name: string, document: Document, catalogue: Catalogue): Interface | null {
  const subgraph = document.subgraphs?.[name];
  if (subgraph === undefined) return null;
  const inputs = (subgraph.parameters ?? []).map((parameter): InputSpec => {
    for (const [node, input] of parameter.binds) {
      const inner = subgraph.nodes[node];
      const found = inner && interfaceOf(inner.type, document, catalogue)?.inputs.find((one) => one.name === input);
      if (!inner || !found) continue;
      const value = literalOf(inner.inputs?.[input]);
      const tooltip = parameter.help ?? found.tooltip;
      return { ...found, name: parameter.name, ...(value === undefined ? {} : { default: value }), ...(tooltip ? { tooltip } : {}) };
    }
    return { name: parameter.name, type: ANY, optional: true };
  });
  const outputs = (subgraph.outputs ?? []).map((output): OutputSpec => {
    const inner = subgraph.nodes[output.from[0]];
    const found = inner && interfaceOf(inner.type, document, catalogue)?.outputs.find((one) => one.name === output.from[1]);
    return { name: output.name, type: found?.type ?? ANY, is_list: found?.is_list ?? false };
  });
  return { title: subgraph.name || name, inputs, outputs, kind: "subgraph" };
}

/** What can be told of a node whose type is unknown: the inputs it was written with, and the outputs that others take. */
export function placeholder(name: string, node: GraphNode, graph: Graph): Interface {
  const inputs = Object.keys(node.inputs ?? {}).map((input): InputSpec => ({ name: input, type: ANY, optional: true }));
  const taken = new Set<string>();
  for (const other of Object.values(graph.nodes)) {
    for (const value of Object.values(other.inputs ?? {})) {
      const source = linkOf(value);
      if (source?.node === name) taken.add(source.output);
    }
  }
  const outputs = [...taken].map((output): OutputSpec => ({ name: output, type: ANY, is_list: false }));
  return { title: node.type, inputs, outputs, kind: "unknown" };
}

/** The interface of a node in its graph, whatever it is. */
export function interfaceIn(name: string, graph: Graph, document: Document, catalogue: Catalogue): Interface {
  const node = graph.nodes[name];
  if (node === undefined) return { title: name, inputs: [], outputs: [], kind: "unknown" };
  return interfaceOf(node.type, document, catalogue) ?? placeholder(name, node, graph);
}

/** The type that comes out of an output, followed through reroutes; `*` where that leads nowhere. */
export function outputType(source: Source, graph: Graph, document: Document, catalogue: Catalogue): string {
  let current = source;
  for (let step = 0; step < 1000; step++) {
    const node = graph.nodes[current.node];
    if (node === undefined) return ANY;
    if (node.type !== REROUTE) {
      const found = interfaceOf(node.type, document, catalogue)?.outputs.find((one) => one.name === current.output);
      return found?.type ?? ANY;
    }
    const next = Object.values(node.inputs ?? {}).map(linkOf).find((one) => one !== null);
    if (!next) return ANY;
    current = next;
  }
  return ANY;
}
