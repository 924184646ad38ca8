// What the ends of gestures mean: a link dropped on a socket, a node, or nothing; a link pulled off its input.
import type { PointerEvent as ReactPointerEvent } from "react";
import type { Drawing } from "@/canvas/connecting";
import { bestInput, bestOutput, refusalOf, type Target } from "@/model/connect";
import { graphAt, type Graph, type Scope, type Source } from "@/model/document";
import { connect, sourceInto } from "@/model/linking";
import { unlinkAny } from "@/model/subgraph";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";

/** A link that ended on no socket: on a node it takes the best one, on nothing it frees what was pulled or asks for a node. */
export function dropLink(editor: Editor, drawing: Drawing, at: { x: number; y: number }): void {
  const { documents, library, view } = editor;
  const one = documents.active;
  if (!one) return;
  const element = document.elementFromPoint(at.x, at.y);
  const graph = graphAt(one.document, scopeOf(one));
  const node = element?.closest("[data-node]")?.getAttribute("data-node") ?? null;
  const from: Source = { node: drawing.node, output: drawing.name };
  const to: Target = { node: drawing.node, input: drawing.name };
  if (node && node !== drawing.node && graph.nodes[node]) {
    const named = element?.closest("[data-input]")?.getAttribute("data-input") ?? (element?.getAttribute("data-end") === "input" ? element.getAttribute("data-socket") : null);
    if (drawing.end === "output") {
      const fits = named !== null && refusalOf(from, { node, input: named }, graph, one.document, library.catalogue) === null;
      const input = fits ? named : bestInput(from, node, graph, one.document, library.catalogue);
      if (input !== null) documents.editGraph(editor.t.edits.link, (current) => connect(current, from, { node, input }, drawing.pulled));
      else view.say(editor.t.canvas.nothingTakes(drawing.type));
    } else {
      const output = bestOutput(node, to, graph, one.document, library.catalogue);
      if (output !== null) documents.editGraph(editor.t.edits.link, (current) => connect(current, { node, output }, to, null));
      else view.say(editor.t.canvas.nothingGives(drawing.type));
    }
    return;
  }
  if (drawing.pulled) {
    documents.editGraph(editor.t.edits.unlink, (current) => unlinkAny(current, drawing.pulled!));
    return;
  }
  if (!element?.closest("[data-testid=canvas]") || node) return;
  const place = editor.canvas!.toCanvas(at);
  view.set({ palette: drawing.end === "output" ? { at, place, from } : { at, place, to } });
}

export interface Pulled {
  /** The input that the link was pulled off. */
  to: Target;
  from: Source;
}

/** Pulling a link off an input: the drawing starts at its source instead, where that is in view. */
export class Pull {
  private pending: Pulled | null = null;

  begin(event: ReactPointerEvent, graph: Graph, scope: Scope): void {
    this.pending = null;
    const socket = event.target as HTMLElement;
    if (event.button !== 0 || socket.getAttribute?.("data-end") !== "input") return;
    const node = socket.closest("[data-node]")?.getAttribute("data-node");
    const input = socket.getAttribute("data-socket");
    if (!node || !input) return;
    const from = sourceInto(graph, scope, { node, input });
    if (!from) return;
    this.pending = { to: { node, input }, from };
    const seen = document.querySelector<HTMLElement>(`[data-node="${CSS.escape(from.node)}"] [data-end=output][data-socket="${CSS.escape(from.output)}"]`);
    if (!seen) return;
    const again = (mouse: MouseEvent) => {
      mouse.stopPropagation();
      mouse.preventDefault();
      seen.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true, button: 0, clientX: mouse.clientX, clientY: mouse.clientY, view: window }));
    };
    socket.addEventListener("mousedown", again, { capture: true, once: true });
  }

  take(): Pulled | null {
    const pending = this.pending;
    this.pending = null;
    return pending;
  }
}
