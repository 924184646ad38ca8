// Other names for a subgraph and for its inputs and outputs, wherever they are used.
import { NEW } from "@/model/boundary";
import { hiddenLinksOf, linkOf, linkTo, SUBGRAPH, withGraph, withNode, type Document, type Graph, type GraphNode, type Source } from "@/model/document";

/** Another name for a subgraph, as it is shown everywhere; nodes and files know it by its id, which stays. No name changes nothing. */
export function renameSubgraph(document: Document, id: string, name: string): Document {
  const subgraph = document.subgraphs?.[id];
  if (!subgraph || name === "" || name === (subgraph.name ?? id)) return document;
  return { ...document, subgraphs: { ...document.subgraphs, [id]: { ...subgraph, name } } };
}

/** Rename an input or output of a subgraph, at its instances too; a name that is taken, or none, changes nothing. */
export function renameSubgraphPort(document: Document, id: string, kind: "input" | "output", before: string, after: string): Document {
  const subgraph = document.subgraphs?.[id];
  const taken = (kind === "input" ? subgraph?.parameters : subgraph?.outputs)?.some((one) => one.name === after);
  if (!subgraph || taken || after === "" || after === NEW) return document;
  const changed =
    kind === "input"
      ? { ...subgraph, parameters: (subgraph.parameters ?? []).map((one) => (one.name === before ? { ...one, name: after } : one)) }
      : { ...subgraph, outputs: (subgraph.outputs ?? []).map((one) => (one.name === before ? { ...one, name: after } : one)) };
  let next: Document = { ...document, subgraphs: { ...document.subgraphs, [id]: changed } };
  for (const scope of ["", ...Object.keys(next.subgraphs ?? {})]) next = withGraph(next, scope, (graph) => renamedIn(graph, id, kind, before, after));
  return next;
}

function renamedIn(graph: Graph, id: string, kind: "input" | "output", before: string, after: string): Graph {
  const instances = new Set(Object.entries(graph.nodes).flatMap(([name, node]) => (node.type === SUBGRAPH + id ? [name] : [])));
  if (instances.size === 0) return graph;
  let next = graph;
  for (const [name, node] of Object.entries(graph.nodes)) {
    if (kind === "input" && instances.has(name) && node.inputs?.[before] !== undefined) {
      next = withNode(next, name, (one) => ({ ...one, inputs: renamedKey(one.inputs!, before, after), ...(one.ui ? { ui: renamedUi(one, before, after) } : {}) }));
    }
    if (kind === "output") next = withNode(next, name, (one) => renamedLinks(one, instances, before, after));
  }
  if (kind === "input" && next.parameters) {
    next = { ...next, parameters: next.parameters.map((one) => ({ ...one, binds: one.binds.map(([node, input]): [string, string] => [node, instances.has(node) && input === before ? after : input]) })) };
  }
  if (kind === "output" && next.outputs) {
    next = { ...next, outputs: next.outputs.map((one) => (instances.has(one.from[0]) && one.from[1] === before ? { ...one, from: [one.from[0], after] as [string, string] } : one)) };
  }
  return next;
}

const renamedKey = <Value>(all: Readonly<Record<string, Value>>, before: string, after: string): Record<string, Value> => Object.fromEntries(Object.entries(all).map(([key, value]) => [key === before ? after : key, value]));

/** Hidden links, and those that go through a point, are known by their input. */
function renamedUi(node: GraphNode, before: string, after: string): GraphNode["ui"] {
  const via = node.ui?.["via"] as Record<string, string> | undefined;
  const hidden = hiddenLinksOf(node);
  return {
    ...node.ui,
    ...(via ? { via: renamedKey(via, before, after) } : {}),
    ...(hidden.length > 0 ? { hidden: hidden.map((one) => (one === before ? after : one)) } : {}),
  };
}

function renamedLinks(node: GraphNode, instances: ReadonlySet<string>, before: string, after: string): GraphNode {
  const entries = Object.entries(node.inputs ?? {});
  const isOne = (source: Source | null) => source !== null && instances.has(source.node) && source.output === before;
  if (!entries.some(([, value]) => isOne(linkOf(value)))) return node;
  return { ...node, inputs: Object.fromEntries(entries.map(([input, value]) => [input, isOne(linkOf(value)) ? linkTo({ node: linkOf(value)!.node, output: after }) : value])) };
}
