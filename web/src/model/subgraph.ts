// Subgraphs: a selection becomes one node, and one node becomes what is in it. Links, values and parameters lead where they
// led before.
import { NEW, OUTPUTS } from "@/model/boundary";
import type { Target } from "@/model/connect";
import {
  freshName,
  graphAt,
  hiddenLinksOf,
  linkOf,
  linkTo,
  namesIn,
  positionOf,
  SUBGRAPH,
  withGraph,
  withNode,
  type Document,
  type Graph,
  type GraphNode,
  type Parameter,
  type Scope,
  type Source,
} from "@/model/document";
import { unlink } from "@/model/edit";

interface Made {
  document: Document;
  name: string;
}

/** The selected nodes of a graph as one. Null when nothing is selected that could be. */
export function createSubgraph(document: Document, scope: Scope, selected: ReadonlySet<string>, title: string): Made | null {
  const graph = graphAt(document, scope);
  const inside = Object.entries(graph.nodes).filter(([name]) => selected.has(name));
  if (inside.length === 0) return null;
  const id = freshName(title.trim() || "Subgraph", { has: (name) => Object.hasOwn(document.subgraphs ?? {}, name) });
  const instance = freshName("subgraph", namesIn(graph.nodes));

  const parameters: Parameter[] = [];
  const nodes: Record<string, GraphNode> = {};
  const inputs: NonNullable<GraphNode["inputs"]> = {};
  const bySource = new Map<string, Parameter>();
  const taken = new Set<string>();
  const named = (wanted: string) => {
    const name = freshName(wanted, taken);
    taken.add(name);
    return name;
  };
  for (const [name, node] of inside) {
    const kept = { ...node.inputs };
    for (const [input, value] of Object.entries(node.inputs ?? {})) {
      const source = linkOf(value);
      if (!source || selected.has(source.node)) continue;
      delete kept[input];
      const key = `${source.node}\n${source.output}`;
      let parameter = bySource.get(key);
      if (!parameter) {
        parameter = { name: named(input), binds: [] };
        bySource.set(key, parameter);
        parameters.push(parameter);
        inputs[parameter.name] = value;
      }
      parameter.binds.push([name, input]);
    }
    nodes[name] = { ...node, inputs: kept };
  }

  // Parameters of the graph around that were bound to what is inside go in by way of the instance.
  const outer = (graph.parameters ?? []).map((one) => {
    const inward = one.binds.filter(([node]) => selected.has(node));
    if (inward.length === 0) return one;
    const parameter: Parameter = { name: named(one.name), binds: inward };
    parameters.push(parameter);
    const first = nodes[inward[0]![0]]?.inputs?.[inward[0]![1]];
    if (first !== undefined && linkOf(first) === null) inputs[parameter.name] = first;
    return { ...one, binds: [...one.binds.filter(([node]) => !selected.has(node)), [instance, parameter.name] as [string, string]] };
  });

  const outputs: { name: string; from: [string, string] }[] = [];
  const outputFor = (source: Source): string => {
    const known = outputs.find((one) => one.from[0] === source.node && one.from[1] === source.output);
    if (known) return known.name;
    const name = freshName(source.output, new Set(outputs.map((one) => one.name)));
    outputs.push({ name, from: [source.node, source.output] });
    return name;
  };
  const around: Record<string, GraphNode> = {};
  for (const [name, node] of Object.entries(graph.nodes)) {
    if (selected.has(name)) continue;
    const changed = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
      const source = linkOf(value);
      return source && selected.has(source.node) ? [[input, linkTo({ node: instance, output: outputFor(source) })] as const] : [];
    });
    around[name] = changed.length > 0 ? { ...node, inputs: { ...node.inputs, ...Object.fromEntries(changed) } } : node;
  }
  const graphOutputs = graph.outputs?.map((one) =>
    selected.has(one.from[0]) ? { ...one, from: [instance, outputFor({ node: one.from[0], output: one.from[1] })] as [string, string] } : one,
  );

  const places = inside.map(([, node]) => positionOf(node));
  const middle = [average(places.map(([x]) => x)), average(places.map(([, y]) => y))];
  around[instance] = { type: SUBGRAPH + id, inputs, ui: { pos: middle } };
  const after: Graph = { ...graph, nodes: around };
  if (graph.parameters) after.parameters = outer;
  if (graphOutputs) after.outputs = graphOutputs;
  const made = withGraph(document, scope, () => after);
  const subgraph = { name: id, nodes, ...(parameters.length > 0 ? { parameters } : {}), ...(outputs.length > 0 ? { outputs } : {}) };
  return { document: { ...made, subgraphs: { ...made.subgraphs, [id]: subgraph } }, name: instance };
}

/** An instance as the nodes that are in it. Null if it is none. */
export function unpackSubgraph(document: Document, scope: Scope, instance: string): { document: Document; names: string[] } | null {
  const graph = graphAt(document, scope);
  const node = graph.nodes[instance];
  const id = node?.type.startsWith(SUBGRAPH) ? node.type.slice(SUBGRAPH.length) : null;
  const subgraph = id === null ? undefined : document.subgraphs?.[id];
  if (!node || id === null || !subgraph) return null;

  const taken = new Set(Object.keys(graph.nodes));
  taken.delete(instance);
  const names = new Map<string, string>();
  for (const name of Object.keys(subgraph.nodes)) {
    const fresh = freshName(name, taken);
    taken.add(fresh);
    names.set(name, fresh);
  }
  const inner = Object.values(subgraph.nodes).map(positionOf);
  const shift = inner.length > 0 ? [positionOf(node)[0] - Math.min(...inner.map(([x]) => x)), positionOf(node)[1] - Math.min(...inner.map(([, y]) => y))] : [0, 0];
  const nodes: Record<string, GraphNode> = {};
  for (const [name, one] of Object.entries(subgraph.nodes)) {
    const inputs = Object.fromEntries(
      Object.entries(one.inputs ?? {}).flatMap(([input, value]) => {
        const source = linkOf(value);
        if (!source) return [[input, value]];
        const renamed = names.get(source.node);
        return renamed ? [[input, linkTo({ node: renamed, output: source.output })]] : [];
      }),
    );
    for (const parameter of subgraph.parameters ?? []) {
      const given = node.inputs?.[parameter.name];
      if (given === undefined) continue;
      for (const [target, input] of parameter.binds) if (target === name) inputs[input] = given;
    }
    const [x, y] = positionOf(one);
    const mode = node.mode && node.mode !== "on" ? { mode: node.mode } : {};
    nodes[names.get(name)!] = { ...one, ...mode, inputs, ui: { ...one.ui, pos: [Math.round(x + shift[0]!), Math.round(y + shift[1]!)] } };
  }
  const sourceOf = (output: string): Source | null => {
    const found = (subgraph.outputs ?? []).find((one) => one.name === output);
    const renamed = found && names.get(found.from[0]);
    return found && renamed ? { node: renamed, output: found.from[1] } : null;
  };
  for (const [name, one] of Object.entries(graph.nodes)) {
    if (name === instance) continue;
    nodes[name] = relinked(one, instance, sourceOf);
  }
  for (const name of names.values()) nodes[name] = relinked(nodes[name]!, instance, sourceOf);
  const after: Graph = { ...graph, nodes };
  if (graph.parameters) {
    after.parameters = graph.parameters.map((one) => ({
      ...one,
      binds: one.binds.flatMap(([target, input]) => {
        if (target !== instance) return [[target, input] as [string, string]];
        const parameter = (subgraph.parameters ?? []).find((other) => other.name === input);
        return (parameter?.binds ?? []).flatMap(([node_, name]) => (names.has(node_) ? [[names.get(node_)!, name] as [string, string]] : []));
      }),
    }));
  }
  if (graph.outputs) {
    after.outputs = graph.outputs.flatMap((one) => {
      if (one.from[0] !== instance) return [one];
      const source = sourceOf(one.from[1]);
      return source ? [{ ...one, from: [source.node, source.output] as [string, string] }] : [];
    });
  }
  const made = withGraph(document, scope, () => after);
  return { document: withoutUnused(made, id), names: [...names.values()] };
}

/** The document without a subgraph that no node stands for any more. */
function withoutUnused(document: Document, id: string): Document {
  const graphs = [document as Graph, ...Object.values(document.subgraphs ?? {})];
  const used = graphs.some((graph) => Object.values(graph.nodes).some((node) => node.type === SUBGRAPH + id));
  if (used || !document.subgraphs) return document;
  const { [id]: _gone, ...rest } = document.subgraphs;
  if (Object.keys(rest).length > 0) return { ...document, subgraphs: rest };
  const { subgraphs: _none, ...whole } = document;
  return whole;
}

function relinked(node: GraphNode, instance: string, sourceOf: (output: string) => Source | null): GraphNode {
  const entries = Object.entries(node.inputs ?? {});
  if (!entries.some(([, value]) => linkOf(value)?.node === instance)) return node;
  const inputs = Object.fromEntries(
    entries.flatMap(([input, value]) => {
      const source = linkOf(value);
      if (source?.node !== instance) return [[input, value]];
      const found = sourceOf(source.output);
      return found ? [[input, linkTo(found)]] : [];
    }),
  );
  return { ...node, inputs };
}

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
  return (graph.parameters ?? []).some((one) => one.binds.some(([node, input]) => node === to.node && input === to.input));
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

function average(numbers: readonly number[]): number {
  return Math.round(numbers.reduce((sum, one) => sum + one, 0) / numbers.length);
}
