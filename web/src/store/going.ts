// Going to a thing of the graph: it is selected, brought into view, and has the focus.
import type { Editor } from "@/store/editor";

/** What is drawn anew first is there a moment later. */
const DRAWN_MS = 40;

/** Go to a node by its whole name, into the subgraphs that it leads through. */
export function go(editor: Editor, name: string): void {
  enterTo(editor, name);
  goHere(editor, name.split(":").at(-1)!);
}

/** Go to a node, note or frame of the graph that is looked at. */
export function goHere(editor: Editor, id: string): void {
  editor.documents.select([id]);
  window.setTimeout(() => {
    editor.canvas?.fit([id]);
    document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.focus();
  }, DRAWN_MS);
}

/** Go into the subgraphs that a node's whole name leads through. */
function enterTo(editor: Editor, name: string): void {
  const path = name.split(":").slice(0, -1);
  const trail = editor.documents.active?.trail.map(({ instance }) => instance) ?? [];
  if (path.join(":") === trail.join(":")) return;
  editor.documents.leaveTo(0);
  for (const instance of path) editor.documents.enter(instance);
}
