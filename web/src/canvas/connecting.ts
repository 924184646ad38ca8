// The link that is being drawn: what it could go to. Worked out once when the drawing starts; sockets ask, and are woken only
// then and at the end.
import { useSyncExternalStore } from "react";
import type { Messages } from "@/i18n/messages";
import type { Catalogue } from "@/model/catalogue";
import type { Target } from "@/model/connect";
import { linkOf, type Document, type Graph } from "@/model/document";
import { interfaceIn, outputType } from "@/model/interface";
import { accepts, ANY } from "@/model/ports";

export interface Drawing {
  node: string;
  /** The name of the input or output that the link is drawn from. */
  name: string;
  end: "input" | "output";
  type: string;
  /** Nodes that a link must not reach: those on the way here. */
  circle: ReadonlySet<string>;
  /** The input whose link was pulled off, to be freed when the link goes elsewhere. */
  pulled: { node: string; input: string } | null;
}

export class Connecting {
  current: Drawing | null = null;
  /** With Shift: all links of an output, to be moved to another. */
  all: readonly Target[] | null = null;
  private readonly listeners = new Set<() => void>();

  start(node: string, name: string, end: Drawing["end"], pulled: Drawing["pulled"], graph: Graph, document: Document, catalogue: Catalogue): void {
    const type =
      end === "output"
        ? outputType({ node, output: name }, graph, document, catalogue)
        : (interfaceIn(node, graph, document, catalogue).inputs.find((one) => one.name === name)?.type ?? ANY);
    const circle = end === "output" ? upstreamOf(node, graph) : downstreamOf(node, graph);
    this.put({ node, name, end, type, circle, pulled });
  }

  stop(): void {
    this.all = null;
    this.put(null);
  }

  /** Whether the link may go to this socket: null while none is drawn or for the same kind of end. */
  verdict(node: string, end: Drawing["end"], type: string): boolean | null {
    const drawing = this.current;
    if (!drawing) return null;
    if (drawing.end === end) return false;
    if (drawing.circle.has(node)) return false;
    return end === "input" ? accepts(type, drawing.type).ok : accepts(drawing.type, type).ok;
  }

  reason(node: string, end: Drawing["end"], type: string, { refusals: t, canvas }: Messages): string {
    const drawing = this.current;
    if (!drawing) return "";
    if (drawing.end === end) return end === "input" ? t.twoInputs : t.twoOutputs;
    if (drawing.node === node) return t.itself;
    if (drawing.circle.has(node)) return t.circle;
    const [given, wanted] = end === "input" ? [drawing.type, type] : [type, drawing.type];
    return accepts(wanted, given).ok ? "" : t.types(given.split(",").join(canvas.or), wanted.split(",").join(canvas.or));
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private put(drawing: Drawing | null): void {
    this.current = drawing;
    for (const listener of this.listeners) listener();
  }
}

export function useVerdict(connecting: Connecting, node: string, end: Drawing["end"], type: string): boolean | null {
  return useSyncExternalStore(connecting.subscribe, () => connecting.verdict(node, end, type));
}

function upstreamOf(start: string, graph: Graph): Set<string> {
  const seen = new Set([start]);
  const pending = [start];
  while (pending.length > 0) {
    for (const value of Object.values(graph.nodes[pending.pop()!]?.inputs ?? {})) {
      const source = linkOf(value);
      if (source && !seen.has(source.node)) {
        seen.add(source.node);
        pending.push(source.node);
      }
    }
  }
  return seen;
}

function downstreamOf(start: string, graph: Graph): Set<string> {
  const consumers = new Map<string, string[]>();
  for (const [name, node] of Object.entries(graph.nodes)) {
    for (const value of Object.values(node.inputs ?? {})) {
      const source = linkOf(value);
      if (source) consumers.set(source.node, [...(consumers.get(source.node) ?? []), name]);
    }
  }
  const seen = new Set([start]);
  const pending = [start];
  while (pending.length > 0) {
    for (const name of consumers.get(pending.pop()!) ?? []) {
      if (!seen.has(name)) {
        seen.add(name);
        pending.push(name);
      }
    }
  }
  return seen;
}
