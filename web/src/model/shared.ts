// Fields that several nodes have in common, to be changed on all of them at once.
import type { Catalogue, InputSpec } from "@/model/catalogue";
import { graphAt, type Document, type Graph, type Scope } from "@/model/document";
import { setInputs } from "@/model/edit";
import { interfaceIn } from "@/model/interface";
import { writeJson } from "@/model/json";
import { sourceInto } from "@/model/linking";
import { valueOf } from "@/model/value";

export interface SharedField {
  input: InputSpec;
  /** The nodes that have it, at least two. */
  nodes: readonly string[];
  /** What all of them hold; undefined with `differs`. */
  value: unknown;
  differs: boolean;
}

/** Fields of the same name and kind. One that is linked, or set outside of the subgraph that it is in, is no field of that node. */
export function sharedFields(names: readonly string[], scope: Scope, document: Document, catalogue: Catalogue): SharedField[] {
  const graph = graphAt(document, scope);
  const found = new Map<string, { input: InputSpec; nodes: string[]; values: unknown[] }>();
  for (const name of names) {
    for (const input of interfaceIn(name, graph, document, catalogue).inputs) {
      const given = graph.nodes[name]?.inputs?.[input.name];
      if (!input.widget || sourceInto(graph, scope, { node: name, input: input.name })) continue;
      const key = `${input.name}\n${writeJson(input.widget)}`;
      const known = found.get(key) ?? { input, nodes: [], values: [] };
      known.nodes.push(name);
      known.values.push(valueOf(input, given));
      found.set(key, known);
    }
  }
  return [...found.values()]
    .filter(({ nodes }) => nodes.length > 1)
    .map(({ input, nodes, values }) => {
      const differs = values.some((value) => value !== values[0]);
      return { input, nodes, value: differs ? undefined : values[0], differs };
    });
}

export function setOnAll(graph: Graph, { nodes, input }: SharedField, value: unknown): Graph {
  return setInputs(graph, nodes, input.name, value);
}
