// What subgraphs offer to the outside, their parameters and outputs, and the links to these two ends as one looks into one.
import { NEW, OUTPUTS } from "@/model/boundary";
import type { Target } from "@/model/connect";
import { freshName, graphAt, linkOf, parameterOf, SUBGRAPH, type Document, type Graph, type Parameter, type Scope, type Source } from "@/model/document";
import { unlink } from "@/model/edit";

/** Whether a graph has an instance of a subgraph in it, or in what is in it. */
export function contains(document: Document, scope: Scope, subgraph: string): boolean {
  const seen = new Set<Scope>();
  const pending = [scope];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { type } of Object.values(graphAt(document, next).nodes)) {
      const inner = type.startsWith(SUBGRAPH) ? type.slice(SUBGRAPH.length) : null;
      if (inner === null || seen.has(inner)) continue;
      if (inner === subgraph) return true;
      seen.add(inner);
      pending.push(inner);
    }
  }
  return false;
}

// Parameters: what a graph offers to the outside

/** Offer an input to the outside: a field of the form, or an input of the subgraph. */
export function promote(graph: Graph, to: Target): Graph {
  if (isPromoted(graph, to)) return graph;
  const name = freshName(to.input, new Set((graph.parameters ?? []).map((one) => one.name)));
  return { ...graph, parameters: [...(graph.parameters ?? []), { name, binds: [[to.node, to.input]] }] };
}

export function demote(graph: Graph, to: Target): Graph {
  const parameters = (graph.parameters ?? [])
    .map((one) => ({ ...one, binds: one.binds.filter(([node, input]) => node !== to.node || input !== to.input) }))
    .filter((one) => one.binds.length > 0);
  return { ...graph, parameters };
}

export function isPromoted(graph: Graph, to: Target): boolean {
  return parameterOf(graph, to) !== undefined;
}

/** A link from the inputs of a subgraph: a bind of one of its parameters, or of a new one. */
export function linkInputs(graph: Graph, parameter: string, to: Target): Graph {
  const freed = demote(unlink(graph, to), to);
  const known = (freed.parameters ?? []).some((one) => one.name === parameter) && parameter !== NEW;
  if (!known) return promote(freed, to);
  return {
    ...freed,
    parameters: freed.parameters!.map((one) => (one.name === parameter ? { ...one, binds: [...one.binds, [to.node, to.input]] } : one)),
  };
}

/** A link to the outputs of a subgraph. */
export function linkOutputs(graph: Graph, from: Source, output: string): Graph {
  const outputs = graph.outputs ?? [];
  const source: [string, string] = [from.node, from.output];
  if (output !== NEW && outputs.some((one) => one.name === output)) {
    return { ...graph, outputs: outputs.map((one) => (one.name === output ? { ...one, from: source } : one)) };
  }
  return { ...graph, outputs: [...outputs, { name: freshName(from.output, new Set(outputs.map((one) => one.name))), from: source }] };
}

/** Take a link away, wherever it comes from. */
export function unlinkAny(graph: Graph, to: Target): Graph {
  if (to.node === OUTPUTS) return { ...graph, outputs: (graph.outputs ?? []).filter((one) => one.name !== to.input) };
  const linked = linkOf(graph.nodes[to.node]?.inputs?.[to.input]);
  return linked ? unlink(graph, to) : demote(graph, to);
}

export function setParameter(graph: Graph, name: string, change: Partial<Parameter>): Graph {
  return { ...graph, parameters: (graph.parameters ?? []).map((one) => (one.name === name ? { ...one, ...change } : one)) };
}
