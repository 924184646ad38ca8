// Nodes are taken away. Healed, the graph does what it did when they were bypassed: who took what they passed on takes it from where
// it came from, be that a link, a value or a parameter.
import type { Input } from "@/generated/workflow";
import type { Catalogue } from "@/model/catalogue";
import { linkOf, namesIn, parameterOf, withNode, type Document, type Graph, type GraphNode, type Parameter, type Source } from "@/model/document";
import type { Target } from "@/model/connect";
import { withoutInput, withoutVia } from "@/model/edit";
import { interfaceIn, type Interface } from "@/model/interface";
import { accepts } from "@/model/ports";

/** What is known of the nodes of a graph that is healed. */
export interface Healing {
  document: Document;
  catalogue: Catalogue;
}

/** What an input gets in the place of a link: what is written there, and the parameter that sets it. */
interface Passed {
  given: Input | undefined;
  parameter: string | undefined;
  /** The node where nothing comes through, if that is why nothing is written. */
  stop?: string;
}

const NOTHING: Passed = { given: undefined, parameter: undefined };

/** Take nodes away, and with them what led to them alone; healed unless `heal` is null. */
export function removeNodes(graph: Graph, names: ReadonlySet<string>, heal: Healing | null): Graph {
  const left = Object.entries(graph.nodes).filter(([name]) => !names.has(name));
  let next: Graph = { ...graph, nodes: Object.fromEntries(left) };
  for (const [node, { inputs }] of left) {
    for (const [input, value] of Object.entries(inputs ?? {})) {
      const source = linkOf(value);
      if (source && names.has(source.node)) next = replaced(next, { node, input }, heal ? passedOn(source, names, graph, heal) : NOTHING);
    }
  }
  if (next.parameters) next.parameters = next.parameters.flatMap((one) => withoutBinds(one, names) ?? []);
  if (graph.outputs) next.outputs = graph.outputs.flatMap((one) => {
    const source: Source = { node: one.from[0], output: one.from[1] };
    if (!names.has(source.node)) return [one];
    const behind = heal && linkOf(passedOn(source, names, graph, heal).given);
    return behind ? [{ ...one, from: [behind.node, behind.output] as [string, string] }] : [];
  });
  return next;
}

function replaced(graph: Graph, to: Target, { given, parameter }: Passed): Graph {
  const changed = withNode(graph, to.node, (node) => {
    const via = linkOf(given) ? node : withoutVia(node, to.input);
    return given === undefined ? withoutInput(via, to.input) : { ...via, inputs: { ...via.inputs, [to.input]: given } };
  });
  if (parameter === undefined) return changed;
  const bound = (one: Parameter): Parameter => (one.name === parameter ? { ...one, binds: [...one.binds, [to.node, to.input]] } : one);
  return { ...changed, parameters: changed.parameters!.map(bound) };
}

/** The parameter without binds to nodes that go; null where that was all it led to. */
function withoutBinds(parameter: Parameter, names: ReadonlySet<string>): Parameter | null {
  const binds = parameter.binds.filter(([node]) => !names.has(node));
  return binds.length === 0 && parameter.binds.length > 0 ? null : { ...parameter, binds };
}

/** What comes through nodes that go, as the engine leads it through bypassed ones (graph/flatten.py). */
export function passedOn(source: Source, names: ReadonlySet<string>, graph: Graph, { document, catalogue }: Healing): Passed {
  const passed = new Set<string>();
  let { node: name, output } = source;
  while (!passed.has(`${name}\n${output}`)) {
    passed.add(`${name}\n${output}`);
    const node = namesIn(graph.nodes).has(name) ? withBound(graph, name) : null;
    const input = node && passingInput(node, interfaceIn(name, graph, document, catalogue), output);
    if (!input) return { ...NOTHING, stop: name };
    const given = graph.nodes[name]!.inputs?.[input];
    const parameter = parameterOf(graph, { node: name, input })?.name;
    const behind = linkOf(given);
    if (!behind || !names.has(behind.node)) return { given, parameter };
    if (parameter !== undefined) return { given: undefined, parameter };
    ({ node: name, output } = behind);
  }
  return NOTHING;
}

/** A node as it is once parameters are set: an input that one leads to is given. */
function withBound(graph: Graph, name: string): GraphNode {
  const node = graph.nodes[name]!;
  const bound = (graph.parameters ?? []).flatMap((one) => one.binds.filter(([to]) => to === name).map(([, input]) => [input, null] as const));
  return bound.length === 0 ? node : { ...node, inputs: { ...Object.fromEntries(bound), ...node.inputs } };
}

/**
 * The input that a bypassed node passes on at an output: the one in the same position if its type is the same, else the first
 * of that type, else the first that fits, of those that are given (graph/flatten.py). Null where nothing comes through.
 */
export function passingInput(node: GraphNode, of: Interface, name: string): string | null {
  const position = of.outputs.findIndex((one) => one.name === name);
  const output = of.outputs[position];
  if (!output || of.kind === "unknown") return null;
  const given = of.inputs.filter((one) => node.inputs?.[one.name] !== undefined);
  const same = given.filter((one) => one.type === output.type);
  const opposite = same.filter((one) => of.inputs[position]?.name === one.name);
  const fitting = given.filter((one) => accepts(output.type, one.type).ok);
  return (opposite[0] ?? same[0] ?? fitting[0])?.name ?? null;
}
