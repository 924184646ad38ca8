// May this link be made? A yes, or a no with a reason that people can read. The service judges again at every plan.
import type { Catalogue } from "@/model/catalogue";
import { linkOf, type Document, type Graph, type Source } from "@/model/document";
import { interfaceIn, outputType } from "@/model/interface";
import { accepts, ANY, type Verdict } from "@/model/ports";

export interface Target {
  node: string;
  input: string;
}

export function connectVerdict(from: Source, to: Target, graph: Graph, document: Document, catalogue: Catalogue): Verdict {
  if (from.node === to.node) return { ok: false, reason: "a node cannot feed itself" };
  const input = interfaceIn(to.node, graph, document, catalogue).inputs.find((one) => one.name === to.input);
  if (!input) return { ok: false, reason: `there is no input ${to.input}` };
  const verdict = accepts(input.type, outputType(from, graph, document, catalogue));
  if (!verdict.ok) return verdict;
  if (reaches(to.node, from.node, graph)) return { ok: false, reason: "this would make a circle" };
  return verdict;
}

/** Whether `end` is downstream of `start`. */
export function reaches(start: string, end: string, graph: Graph): boolean {
  const seen = new Set([end]);
  const pending = [end];
  while (pending.length > 0) {
    const name = pending.pop()!;
    if (name === start) return true;
    for (const value of Object.values(graph.nodes[name]?.inputs ?? {})) {
      const source = linkOf(value);
      if (source && !seen.has(source.node)) {
        seen.add(source.node);
        pending.push(source.node);
      }
    }
  }
  return false;
}

/** The input of a node that an output would best go to: a free one of exactly its type, else a free one, else any that fits. */
export function bestInput(from: Source, to: string, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  const type = outputType(from, graph, document, catalogue);
  const inputs = interfaceIn(to, graph, document, catalogue).inputs.filter(
    (one) => connectVerdict(from, { node: to, input: one.name }, graph, document, catalogue).ok,
  );
  const free = inputs.filter((one) => linkOf(graph.nodes[to]?.inputs?.[one.name]) === null);
  const exact = (one: { type: string; widget?: unknown }) => one.type === type && !one.widget;
  const found = free.find(exact) ?? inputs.find(exact) ?? free.find((one) => one.type !== ANY) ?? free[0] ?? inputs[0];
  return found?.name ?? null;
}

/** The output of a node that would best feed an input. */
export function bestOutput(from: string, to: Target, graph: Graph, document: Document, catalogue: Catalogue): string | null {
  const fitting = interfaceIn(from, graph, document, catalogue).outputs.filter(
    (one) => connectVerdict({ node: from, output: one.name }, to, graph, document, catalogue).ok,
  );
  const wanted = interfaceIn(to.node, graph, document, catalogue).inputs.find((one) => one.name === to.input)?.type;
  return (fitting.find((one) => one.type === wanted) ?? fitting[0])?.name ?? null;
}
