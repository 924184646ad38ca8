// May this link be made? The one rule, for what is drawn, dropped, listed and put on a link. The service judges again at every plan.
import { INPUTS, NEW, OUTPUTS } from "@/model/boundary";
import type { Catalogue } from "@/model/catalogue";
import { linkOf, type Document, type Graph, type Source } from "@/model/document";
import { interfaceIn, outputType } from "@/model/interface";
import { accepts, ANY } from "@/model/ports";

export interface Target {
  node: string;
  input: string;
}

/** Why a link may not be made. */
export type Refusal = { code: "itself" | "missing" | "circle" } | { code: "types"; given: string; wanted: string };

/** Whether a node is on the way to another, by their names. */
export type Leads = (start: string, end: string) => boolean;

/** What speaks against a link; null for one that may be made. The ends of a subgraph are judged with the rest. */
export function refusalOf(from: Source, to: Target, graph: Graph, document: Document, catalogue: Catalogue, leads: Leads = (start, end) => upstreamOf(end, graph).has(start)): Refusal | null {
  if (from.node === to.node) return { code: "itself" };
  const wanted = inputType(to, graph, document, catalogue);
  if (wanted === null) return { code: "missing" };
  const given = sourceType(from, graph, document, catalogue);
  if (!accepts(wanted, given).ok) return { code: "types", given, wanted };
  return leads(to.node, from.node) ? { code: "circle" } : null;
}

/** The type of what an output gives; of an input of the subgraph that is looked into, that of what it leads to. */
export function sourceType(from: Source, graph: Graph, document: Document, catalogue: Catalogue): string {
  if (from.node !== INPUTS || from.output === NEW) return outputType(from, graph, document, catalogue);
  const [bound] = graph.parameters?.find((one) => one.name === from.output)?.binds ?? [];
  return (bound && inputType({ node: bound[0], input: bound[1] }, graph, document, catalogue)) ?? ANY;
}

/** The type of an input; null where there is none. An output of a subgraph becomes what is linked to it. */
export function inputType(to: Target, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  if (to.node === OUTPUTS) return ANY;
  return interfaceIn(to.node, graph, document, catalogue).inputs.find((one) => one.name === to.input)?.type ?? null;
}

/** A node and all that it depends on. */
export function upstreamOf(start: string, graph: Graph): ReadonlySet<string> {
  return reached([start], (name) => Object.values(graph.nodes[name]?.inputs ?? {}).flatMap((value) => linkOf(value)?.node ?? []));
}

/** A node and all that depends on it. */
export const downstreamOf = (start: string, graph: Graph): ReadonlySet<string> => downstreamOfAll([start], graph);

/** Nodes and all that depends on them. */
export function downstreamOfAll(starts: readonly string[], graph: Graph): ReadonlySet<string> {
  const takers = new Map<string, string[]>();
  for (const [name, node] of Object.entries(graph.nodes)) {
    for (const value of Object.values(node.inputs ?? {})) {
      const source = linkOf(value);
      if (source) takers.set(source.node, [...(takers.get(source.node) ?? []), name]);
    }
  }
  return reached(starts, (name) => takers.get(name) ?? []);
}

function reached(starts: readonly string[], next: (name: string) => readonly string[]): Set<string> {
  const seen = new Set(starts);
  const pending = [...starts];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    for (const other of next(name)) {
      if (seen.has(other)) continue;
      seen.add(other);
      pending.push(other);
    }
  }
  return seen;
}

/** The input of a node that an output would best go to: a free one of exactly its type, else a free one, else any that fits. */
export function bestInput(from: Source, to: string, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  const type = sourceType(from, graph, document, catalogue);
  const inputs = interfaceIn(to, graph, document, catalogue).inputs.filter(
    (one) => refusalOf(from, { node: to, input: one.name }, graph, document, catalogue) === null,
  );
  const free = inputs.filter((one) => linkOf(graph.nodes[to]?.inputs?.[one.name]) === null);
  const exact = (one: { type: string; widget?: unknown }) => one.type === type && !one.widget;
  const found = free.find(exact) ?? inputs.find(exact) ?? free.find((one) => one.type !== ANY) ?? free[0] ?? inputs[0];
  return found?.name ?? null;
}

/** The output of a node that would best feed an input. */
export function bestOutput(from: string, to: Target, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  const fitting = interfaceIn(from, graph, document, catalogue).outputs.filter(
    (one) => refusalOf({ node: from, output: one.name }, to, graph, document, catalogue) === null,
  );
  const wanted = inputType(to, graph, document, catalogue);
  return (fitting.find((one) => one.type === wanted) ?? fitting[0])?.name ?? null;
}
