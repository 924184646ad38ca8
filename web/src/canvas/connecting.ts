// The link that is being drawn: what it could go to. What depends on the nodes around is worked out once when the drawing starts;
// sockets ask, and are woken only then and at the end.
import { useSyncExternalStore } from "react";
import type { Messages } from "@/i18n/messages";
import type { Catalogue } from "@/model/catalogue";
import { downstreamOf, inputType, refusalOf, sourceType, upstreamOf, type Leads, type Refusal, type Target } from "@/model/connect";
import type { Document, Graph } from "@/model/document";
import { ANY } from "@/model/ports";

export interface Drawing {
  node: string;
  /** The name of the input or output that the link is drawn from. */
  name: string;
  end: "input" | "output";
  type: string;
  /** The input whose link was pulled off, to be freed when the link goes elsewhere. */
  pulled: Target | null;
}

/** What a drawing is judged by. */
interface Around {
  graph: Graph;
  document: Document;
  catalogue: Catalogue;
  leads: Leads;
}

export class Connecting {
  current: Drawing | null = null;
  /** With Shift: all links of an output, to be moved to another. Set before the start. */
  all: readonly Target[] | null = null;
  private around: Around | null = null;
  private readonly listeners = new Set<() => void>();

  start(node: string, name: string, end: Drawing["end"], pulled: Drawing["pulled"], graph: Graph, document: Document, catalogue: Catalogue): void {
    const isForward = end === "output";
    const type = isForward ? sourceType({ node, output: name }, graph, document, catalogue) : inputType({ node, input: name }, graph, document, catalogue);
    const circle = isForward ? upstreamOf(node, graph) : downstreamOf(node, graph);
    this.around = { graph, document, catalogue, leads: (start, last) => circle.has(isForward ? start : last) };
    this.put({ node, name, end, type: type ?? ANY, pulled });
  }

  stop(): void {
    this.all = null;
    this.around = null;
    this.put(null);
  }

  /** Whether the link may go to this socket: null while none is drawn. */
  verdict(node: string, end: Drawing["end"], name: string): boolean | null {
    if (!this.current) return null;
    if (this.all && end === "output") return (this.current.node !== node || this.current.name !== name) && this.refusalOfAll(node, name) === null;
    return this.current.end !== end && this.refusal(node, name) === null;
  }

  /** Why it may not, in words. */
  reason(node: string, end: Drawing["end"], name: string, t: Messages): string {
    if (!this.current) return "";
    if (this.current.end === end && !(this.all && end === "output")) return end === "input" ? t.refusals.twoInputs : t.refusals.twoOutputs;
    const refusal = this.current.end === end ? this.refusalOfAll(node, name) : this.refusal(node, name);
    return refusal ? inWords(refusal, t) : "";
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private put(drawing: Drawing | null): void {
    this.current = drawing;
    for (const listener of this.listeners) listener();
  }

  /** Why not all links may come from this output. */
  private refusalOfAll(node: string, name: string): Refusal | null {
    if (!this.all || !this.around) return null;
    const { graph, document, catalogue } = this.around;
    return this.all.map((to) => refusalOf({ node, output: name }, to, graph, document, catalogue)).find((one) => one !== null) ?? null;
  }

  private refusal(node: string, name: string): Refusal | null {
    const [drawing, around] = [this.current, this.around];
    if (!drawing || !around) return null;
    const { graph, document, catalogue, leads } = around;
    return drawing.end === "output"
      ? refusalOf({ node: drawing.node, output: drawing.name }, { node, input: name }, graph, document, catalogue, leads)
      : refusalOf({ node, output: name }, { node: drawing.node, input: drawing.name }, graph, document, catalogue, leads);
  }
}

export function useVerdict(connecting: Connecting, node: string, end: Drawing["end"], name: string): boolean | null {
  return useSyncExternalStore(connecting.subscribe, () => connecting.verdict(node, end, name));
}

function inWords(refusal: Refusal, { refusals: t, canvas }: Messages): string {
  if (refusal.code !== "types") return t[refusal.code];
  return t.types(refusal.given.split(",").join(canvas.or), refusal.wanted.split(",").join(canvas.or));
}
