// Seeds that ComfyUI would draw anew after each run, as the file says from which a workflow came. Here they stay until someone asks for
// new ones.
import type { Catalogue } from "@/model/catalogue";
import { graphAt, literalOf, SUBGRAPH, withGraph, type Document, type Graph, type Scope } from "@/model/document";
import { setInput } from "@/model/edit";
import { interfaceOf } from "@/model/interface";
import { fieldsOf } from "@/model/json";

/** The remark of the service that says so (graph/comfyui/controls.py). */
export const SEED_REMARK = "comfyui_seed_control";

interface Place {
  scope: Scope;
  node: string;
  input: string;
}

/** Those that still hold a number; of one that is set from outside its subgraph, where it is set. */
export function drawnElsewhere(document: Document, catalogue: Catalogue): Place[] {
  const scopes = ["", ...Object.keys(document.subgraphs ?? {})];
  let found = scopes.flatMap((scope) => randomized(graphAt(document, scope)).map((one) => ({ scope, ...one })));
  for (let fresh = found; fresh.length > 0; found = [...found, ...fresh]) {
    const known = new Set(found.map(keyOf));
    fresh = scopes.flatMap((scope) => outside(fresh, scope, document)).filter((one) => !known.has(keyOf(one)));
  }
  return found.filter(({ scope, node, input }) => {
    const one = graphAt(document, scope).nodes[node]!;
    const widget = interfaceOf(one.type, document, catalogue)?.inputs.find(({ name }) => name === input)?.widget;
    const value = literalOf(one.inputs?.[input]);
    return widget?.widget === "number" && widget.seed === true && (typeof value === "number" || typeof value === "bigint");
  });
}

/** The document in which each run draws them. */
export function withSeedsDrawn(document: Document, catalogue: Catalogue): Document {
  return drawnElsewhere(document, catalogue).reduce((next, { scope, node, input }) => withGraph(next, scope, (graph) => setInput(graph, node, input, "random")), document);
}

/** What the file says of the inputs of a graph: at their node, or at the primitive that sets them. */
function randomized(graph: Graph): { node: string; input: string }[] {
  const bound = new Map<string, unknown>();
  const primitives = graph.ui?.["primitives"];
  for (const one of Array.isArray(primitives) ? (primitives as unknown[]) : []) {
    const { binds, control } = fieldsOf(one);
    for (const bind of Array.isArray(binds) ? (binds as unknown[]) : []) if (Array.isArray(bind)) bound.set(bind.join("\n"), control);
  }
  return Object.entries(graph.nodes).flatMap(([node, one]) => {
    const control = fieldsOf(one.ui?.["control"]);
    const says = (input: string) => (bound.has(`${node}\n${input}`) ? bound.get(`${node}\n${input}`) : control[input]);
    return Object.keys(one.inputs ?? {}).flatMap((input) => (says(input) === "randomize" ? [{ node, input }] : []));
  });
}

/** The inputs of instances in a graph by which these are set. */
function outside(places: readonly Place[], scope: Scope, document: Document): Place[] {
  return Object.entries(graphAt(document, scope).nodes).flatMap(([node, { type }]) => {
    const inside = type.startsWith(SUBGRAPH) ? type.slice(SUBGRAPH.length) : null;
    const parameters = inside === null ? [] : (graphAt(document, inside).parameters ?? []);
    const isOne = ([inner, input]: readonly [string, string]) => places.some((one) => one.scope === inside && one.node === inner && one.input === input);
    return parameters.flatMap(({ name, binds }) => (binds.some((bind) => isOne(bind as [string, string])) ? [{ scope, node, input: name }] : []));
  });
}

const keyOf = ({ scope, node, input }: Place): string => `${scope}\n${node}\n${input}`;
