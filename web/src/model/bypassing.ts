// Whether nodes can be bypassed: what others need of them must come through, or the graph would not run.
import { linkOf, REROUTE, type Graph, type Source } from "@/model/document";
import { interfaceIn } from "@/model/interface";
import { passedOn, type Healing } from "@/model/removing";

/** A node that would have nothing to pass on, and who needs it: a node, or an output of the subgraph. */
export interface Stop {
  node: string;
  taker: { node: string } | { output: string };
}

/** Where nothing would come through if these nodes were bypassed; each of them is told of once. */
export function stopsAt(names: readonly string[], graph: Graph, healing: Healing): readonly Stop[] {
  const passing = new Set(names);
  for (const [name, { mode, type }] of Object.entries(graph.nodes)) if (mode === "bypass" || (type === REROUTE && mode !== "mute")) passing.add(name);
  const found = new Map<string, Stop>();
  for (const [source, taker] of needed(graph, passing, healing)) {
    const stop = passing.has(source.node) ? passedOn(source, passing, graph, healing).stop : undefined;
    if (stop !== undefined && names.includes(stop) && !found.has(stop)) found.set(stop, { node: stop, taker });
  }
  return [...found.values()];
}

/** What the nodes that stay cannot do without, and the outputs of the subgraph. */
function* needed(graph: Graph, passing: ReadonlySet<string>, { document, catalogue }: Healing): Generator<[Source, Stop["taker"]]> {
  for (const [node, { mode, inputs }] of Object.entries(graph.nodes)) {
    if (mode === "mute" || passing.has(node)) continue;
    const declared = interfaceIn(node, graph, document, catalogue).inputs;
    for (const [input, value] of Object.entries(inputs ?? {})) {
      const source = linkOf(value);
      if (source && !declared.find(({ name }) => name === input)?.optional) yield [source, { node }];
    }
  }
  for (const { name, from } of graph.outputs ?? []) yield [{ node: from[0], output: from[1] }, { output: name }];
}
