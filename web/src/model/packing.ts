// A selection becomes one node, an instance of a new subgraph. Links, values and parameters lead where they led before.
import { freshName, graphAt, hiddenLinksOf, linkOf, linkTo, namesIn, positionOf, reroutesOf, SUBGRAPH, withGraph, withUi, type Document, type Graph, type GraphNode, type Parameter, type Point, type ReroutePoint, type Scope, type Source } from "@/model/document";
import { writeJson } from "@/model/json";
import { lastPointsOf, pointsBehind, withLastPoints } from "@/model/points";

interface Made {
  document: Document;
  name: string;
}

type Inputs = NonNullable<GraphNode["inputs"]>;
type Outputs = NonNullable<Graph["outputs"]>;

/** The selected nodes of a graph as one. Null when nothing is selected that could be. */
export function createSubgraph(document: Document, scope: Scope, selected: ReadonlySet<string>, title: string): Made | null {
  const graph = graphAt(document, scope);
  const inside = Object.fromEntries(Object.entries(graph.nodes).filter(([name]) => selected.has(name)));
  if (Object.keys(inside).length === 0) return null;
  const id = freshId(document, title);
  const instance = freshName("subgraph", namesIn(graph.nodes));

  const entrances = new Entrances(inside);
  const nodes = Object.fromEntries(Object.entries(inside).map(([name, node]) => [name, entrances.takeIn(name, node)]));
  const parameters = graph.parameters?.map((one) => entrances.leadThrough(one, instance));
  const exits = new Exits(instance, inside);
  const around = Object.fromEntries(Object.entries(graph.nodes).flatMap(([name, node]) => (selected.has(name) ? [] : [[name, exits.relinked(node)]])));
  const outputs = graph.outputs?.map((one) => exits.ledThrough(one));

  around[instance] = entrances.instance(SUBGRAPH + id, middleOf(Object.values(inside)));
  const moved = pointsBehind(inside, reroutesOf(graph), (node, input) => isLinkAmong(inside, node, input));
  const after: Graph = { ...graph, nodes: around, ...(parameters ? { parameters } : {}), ...(outputs ? { outputs } : {}) };
  const made = withGraph(document, scope, () => withoutUnusedPoints(after, graph));
  const subgraph = {
    name: id,
    nodes,
    ...(entrances.parameters.length > 0 ? { parameters: entrances.parameters } : {}),
    ...(exits.outputs.length > 0 ? { outputs: exits.outputs } : {}),
    ...(moved.length > 0 ? { ui: { reroutes: moved } } : {}),
  };
  return { document: { ...made, subgraphs: { ...made.subgraphs, [id]: subgraph } }, name: instance };
}

/** A new subgraph with nothing in it, and its instance. */
export function addSubgraph(document: Document, scope: Scope, at: Point, title: string): Made {
  const id = freshId(document, title);
  const instance = freshName("subgraph", namesIn(graphAt(document, scope).nodes));
  const node: GraphNode = { type: SUBGRAPH + id, ui: { pos: [Math.round(at[0]), Math.round(at[1])] } };
  const made = withGraph(document, scope, (graph) => ({ ...graph, nodes: { ...graph.nodes, [instance]: node } }));
  return { document: { ...made, subgraphs: { ...made.subgraphs, [id]: { name: id, nodes: {} } } }, name: instance };
}

function freshId(document: Document, title: string): string {
  return freshName(title.trim() || "Subgraph", { has: (name) => Object.hasOwn(document.subgraphs ?? {}, name) });
}

/** What goes into the subgraph: its parameters, and what the instance is given for each. */
class Entrances {
  readonly parameters: Parameter[] = [];
  private readonly given: Inputs = {};
  private readonly hidden: string[] = [];
  private readonly last: Record<string, string> = {};
  private readonly bySource = new Map<string, Parameter>();
  private readonly taken = new Set<string>();

  constructor(private readonly inside: Readonly<Record<string, GraphNode>>) {}

  /** The node as it is inside: what came from outside comes in by a parameter. */
  takeIn(name: string, node: GraphNode): GraphNode {
    const kept = { ...node.inputs };
    const last = { ...lastPointsOf(node) };
    for (const [input, value] of Object.entries(node.inputs ?? {})) {
      const source = linkOf(value);
      if (!source || this.isInside(source.node)) continue;
      this.parameterFor(source, input, node).binds.push([name, input]);
      delete kept[input];
      delete last[input];
    }
    return withLastPoints({ ...node, inputs: kept }, last);
  }

  /** A parameter of the graph around that was bound to what is inside goes in by way of the instance. */
  leadThrough(outer: Parameter, instance: string): Parameter {
    const inward = outer.binds.filter(([node]) => this.isInside(node));
    if (inward.length === 0) return outer;
    const parameter: Parameter = { name: this.named(outer.name), binds: inward };
    this.parameters.push(parameter);
    const value = this.valueOf(inward);
    if (value !== undefined) this.given[parameter.name] = value;
    return { ...outer, binds: [...outer.binds.filter(([node]) => !this.isInside(node)), [instance, parameter.name]] };
  }

  instance(type: string, pos: Point): GraphNode {
    const ui = { pos: [...pos], ...(this.hidden.length > 0 ? { hidden: this.hidden } : {}) };
    return withLastPoints({ type, inputs: this.given, ui }, this.last);
  }

  /** Links from one source come in together. */
  private parameterFor(source: Source, input: string, node: GraphNode): Parameter {
    const key = `${source.node}\n${source.output}`;
    const known = this.bySource.get(key);
    if (known) return known;
    const parameter: Parameter = { name: this.named(input), binds: [] };
    this.bySource.set(key, parameter);
    this.parameters.push(parameter);
    this.given[parameter.name] = linkTo(source);
    const last = lastPointsOf(node)[input];
    if (last !== undefined) this.last[parameter.name] = last;
    if (hiddenLinksOf(node).includes(input)) this.hidden.push(parameter.name);
    return parameter;
  }

  /** The value that all of these inputs have; those that differ keep their own inside. */
  private valueOf(binds: Parameter["binds"]): Inputs[string] | undefined {
    const [first, ...others] = binds.map(([node, input]) => this.inside[node]?.inputs?.[input]);
    if (first === undefined || linkOf(first) !== null) return undefined;
    return others.every((one) => writeJson(one) === writeJson(first)) ? first : undefined;
  }

  private isInside(node: string): boolean {
    return namesIn(this.inside).has(node);
  }

  private named(wanted: string): string {
    const name = freshName(wanted, this.taken);
    this.taken.add(name);
    return name;
  }
}

/** What comes out of the subgraph: each output inside that something outside takes. */
class Exits {
  readonly outputs: Outputs = [];

  constructor(
    private readonly instance: string,
    private readonly inside: Readonly<Record<string, GraphNode>>,
  ) {}

  relinked(node: GraphNode): GraphNode {
    const changed = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
      const source = linkOf(value);
      return source && namesIn(this.inside).has(source.node) ? [[input, linkTo({ node: this.instance, output: this.outputFor(source) })] as const] : [];
    });
    return changed.length > 0 ? { ...node, inputs: { ...node.inputs, ...Object.fromEntries(changed) } } : node;
  }

  /** An output of the graph around that comes from inside. */
  ledThrough(outer: Outputs[number]): Outputs[number] {
    const [node, output] = outer.from;
    return namesIn(this.inside).has(node) ? { ...outer, from: [this.instance, this.outputFor({ node, output })] } : outer;
  }

  private outputFor({ node, output }: Source): string {
    const known = this.outputs.find((one) => one.from[0] === node && one.from[1] === output);
    if (known) return known.name;
    const name = freshName(output, new Set(this.outputs.map((one) => one.name)));
    this.outputs.push({ name, from: [node, output] });
    return name;
  }
}

function isLinkAmong(inside: Readonly<Record<string, GraphNode>>, node: GraphNode, input: string): boolean {
  const source = linkOf(node.inputs?.[input]);
  return source !== null && namesIn(inside).has(source.node);
}

/** The graph without the points whose every link has gone into the subgraph. */
function withoutUnusedPoints(after: Graph, before: Graph): Graph {
  const all = reroutesOf(before);
  const any = () => true;
  const left = new Set(pointsBehind(after.nodes, all, any));
  const gone = new Set(pointsBehind(before.nodes, all, any).filter((one) => !left.has(one)));
  const kept: ReroutePoint[] = [...all.values()].filter((one) => !gone.has(one));
  return gone.size > 0 ? withUi(after, "reroutes", kept) : after;
}

function middleOf(nodes: readonly GraphNode[]): Point {
  const places = nodes.map(positionOf);
  return [average(places.map(([x]) => x)), average(places.map(([, y]) => y))];
}

function average(numbers: readonly number[]): number {
  return Math.round(numbers.reduce((sum, one) => sum + one, 0) / numbers.length);
}
