// Links as they are drawn: between nodes, and at the two ends of a subgraph as one looks into it.
import { INPUTS, OUTPUTS } from "@/model/boundary";
import type { Target } from "@/model/connect";
import { linkOf, parameterOf, type Graph, type Scope, type Source } from "@/model/document";
import { link } from "@/model/edit";
import { linkInputs, linkOutputs, unlinkAny } from "@/model/subgraph";

/** A link made, ends of a subgraph included; what was pulled off elsewhere is gone. */
export function connect(graph: Graph, from: Source, to: Target, pulled: Target | null): Graph {
  const freed = pulled && (pulled.node !== to.node || pulled.input !== to.input) ? unlinkAny(graph, pulled) : graph;
  if (from.node === INPUTS) return linkInputs(freed, from.output, to);
  if (to.node === OUTPUTS) return linkOutputs(freed, from, to.input);
  return link(freed, from, to);
}

/** Where the link into an input comes from; null where none is drawn. What a form holds is no link: a form has no end on the canvas. */
export function sourceInto(graph: Graph, scope: Scope, to: Target): Source | null {
  if (to.node === OUTPUTS) {
    const from = graph.outputs?.find((one) => one.name === to.input)?.from;
    return from ? { node: from[0], output: from[1] } : null;
  }
  const source = linkOf(graph.nodes[to.node]?.inputs?.[to.input]);
  if (source || scope === "") return source;
  const parameter = parameterOf(graph, to);
  return parameter ? { node: INPUTS, output: parameter.name } : null;
}
