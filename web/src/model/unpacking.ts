// An instance of a subgraph becomes what is in it, with its notes, frames and points. What was computed is computed still.
import { withDecorations } from "@/model/decorations";
import { freshName, graphAt, hiddenLinksOf, linkOf, linkTo, positionOf, SUBGRAPH, withGraph, type Document, type Graph, type GraphNode, type Parameter, type Point, type Scope, type Source } from "@/model/document";
import { lastPointsOf, withLastPoints } from "@/model/points";

type Inputs = NonNullable<GraphNode["inputs"]>;

/**
 * Null if it is none, and while it is bypassed: then it counts as one node (graph/flatten.py), and what is in it, each bypassed by
 * itself, would pass on something else.
 */
export function unpackSubgraph(document: Document, scope: Scope, instance: string): { document: Document; names: string[] } | null {
  const graph = graphAt(document, scope);
  const node = graph.nodes[instance];
  const id = node?.type.startsWith(SUBGRAPH) ? node.type.slice(SUBGRAPH.length) : null;
  const subgraph = id === null ? undefined : document.subgraphs?.[id];
  if (!node || id === null || !subgraph || node.mode === "bypass") return null;
  const { [instance]: _instance, ...others } = graph.nodes;
  const placed = placing(subgraph.nodes, positionOf(node));
  const decorated = withDecorations({ ...graph, nodes: others }, subgraph as Graph, placed);
  const unpacking = new Unpacking(instance, node, subgraph as Graph, freeNames(subgraph.nodes, others), decorated.points, placed);
  const around = Object.entries(others).map(([name, one]): [string, GraphNode] => [name, unpacking.relinked(one)]);
  const after: Graph = { ...decorated.graph, nodes: Object.fromEntries([...around, ...unpacking.nodes()]) };
  if (graph.parameters) after.parameters = graph.parameters.map((one) => unpacking.rebound(one));
  if (graph.outputs) after.outputs = unpacking.outputs(graph.outputs);
  return { document: withoutUnused(withGraph(document, scope, () => after), id), names: unpacking.all };
}

/** How what is in a subgraph comes to lie in the graph of its instance. */
class Unpacking {
  constructor(
    private readonly name: string,
    private readonly instance: GraphNode,
    private readonly subgraph: Graph,
    private readonly names: ReadonlyMap<string, string>,
    private readonly points: ReadonlyMap<string, string>,
    private readonly placed: (at: Point) => [number, number],
  ) {}

  get all(): string[] {
    return [...this.names.values()];
  }

  nodes(): [string, GraphNode][] {
    return Object.entries(this.subgraph.nodes).map(([name, node]) => [this.names.get(name)!, this.unpacked(name, node)]);
  }

  /** A node beside the instance: what it took from there it takes from inside. */
  relinked(node: GraphNode): GraphNode {
    if (!Object.values(node.inputs ?? {}).some((value) => linkOf(value)?.node === this.name)) return node;
    const inputs = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
      const given = this.fromOutside(value);
      return given === undefined ? [] : [[input, given] as const];
    });
    const last = Object.entries(lastPointsOf(node)).filter(([input]) => inputs.some(([one]) => one === input));
    return withLastPoints({ ...node, inputs: Object.fromEntries(inputs) }, Object.fromEntries(last));
  }

  /** A parameter of the graph: what led to the instance leads to what that led to. */
  rebound(parameter: Parameter): Parameter {
    const binds = parameter.binds.flatMap(([node, input]): Parameter["binds"] => {
      if (node !== this.name) return [[node, input]];
      const inward = (this.subgraph.parameters ?? []).find((one) => one.name === input)?.binds ?? [];
      return inward.flatMap(([inner, port]) => (this.names.has(inner) ? [[this.names.get(inner)!, port] as [string, string]] : []));
    });
    return { ...parameter, binds };
  }

  outputs(outputs: NonNullable<Graph["outputs"]>): NonNullable<Graph["outputs"]> {
    return outputs.flatMap((one) => {
      if (one.from[0] !== this.name) return [one];
      const source = this.sourceOf(one.from[1]);
      return source ? [{ ...one, from: [source.node, source.output] as [string, string] }] : [];
    });
  }

  private unpacked(name: string, node: GraphNode): GraphNode {
    const entered = this.entered(name, this.linkedInside(node));
    const mode = this.instance.mode === "mute" ? { mode: this.instance.mode } : {};
    return { ...entered, ...mode, ui: { ...entered.ui, pos: this.placed(positionOf(node)) } };
  }

  private linkedInside(node: GraphNode): GraphNode {
    const last: Record<string, string> = {};
    const inputs = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
      const source = linkOf(value);
      if (!source) return [[input, value] as const];
      const inner = this.names.get(source.node);
      if (inner === undefined) return [];
      const point = this.points.get(String(lastPointsOf(node)[input]));
      if (point !== undefined) last[input] = point;
      return [[input, linkTo({ node: inner, output: source.output })] as const];
    });
    return withLastPoints({ ...node, inputs: Object.fromEntries(inputs) }, last);
  }

  /** What the instance is given goes to the inputs that its parameters are bound to, before what they have inside. */
  private entered(name: string, node: GraphNode): GraphNode {
    const inputs: Inputs = { ...node.inputs };
    const last = { ...lastPointsOf(node) };
    const hidden = new Set(hiddenLinksOf(node));
    for (const { name: parameter, binds } of this.subgraph.parameters ?? []) {
      const given = this.fromOutside(this.instance.inputs?.[parameter]);
      if (given === undefined) continue;
      const point = linkOf(given) ? lastPointsOf(this.instance)[parameter] : undefined;
      for (const [, input] of binds.filter(([target]) => target === name)) {
        inputs[input] = given;
        if (point === undefined) delete last[input];
        else last[input] = point;
        if (hiddenLinksOf(this.instance).includes(parameter)) hidden.add(input);
      }
    }
    const ui = hidden.size > 0 ? { ui: { ...node.ui, hidden: [...hidden] } } : {};
    return withLastPoints({ ...node, ...ui, inputs }, last);
  }

  /** A value as it was given beside the instance. Nothing for a link to an output that the subgraph does not have. */
  private fromOutside(value: Inputs[string] | undefined): Inputs[string] | undefined {
    const source = value === undefined ? null : linkOf(value);
    if (source?.node !== this.name) return value;
    const inner = this.sourceOf(source.output);
    return inner ? linkTo(inner) : undefined;
  }

  private sourceOf(output: string): Source | null {
    const found = (this.subgraph.outputs ?? []).find((one) => one.name === output);
    const node = found && this.names.get(found.from[0]);
    return found && node !== undefined ? { node, output: found.from[1] } : null;
  }
}

function freeNames(nodes: Graph["nodes"], others: Graph["nodes"]): ReadonlyMap<string, string> {
  const taken = new Set(Object.keys(others));
  return new Map(
    Object.keys(nodes).map((name) => {
      const fresh = freshName(name, taken);
      taken.add(fresh);
      return [name, fresh];
    }),
  );
}

/** The first corner inside comes to lie where the instance was. */
function placing(nodes: Graph["nodes"], at: Point): (from: Point) => [number, number] {
  const corners = Object.values(nodes).map(positionOf);
  if (corners.length === 0) return ([x, y]) => [x, y];
  const left = Math.min(...corners.map(([x]) => x));
  const top = Math.min(...corners.map(([, y]) => y));
  return ([x, y]) => [Math.round(x - left + at[0]), Math.round(y - top + at[1])];
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
