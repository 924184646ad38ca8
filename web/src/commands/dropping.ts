// What is dropped from the desktop: a picture on a node that loads one goes into that node, everything else onto the canvas.
import { activeGraph } from "@/commands/selection";
import type { Target } from "@/model/connect";
import { linkOf } from "@/model/document";
import { setInput } from "@/model/edit";
import { interfaceIn } from "@/model/interface";
import { isPicture, openFiles } from "@/store/files";
import { keepPicture } from "@/store/uploading";
import type { Editor } from "@/store/editor";

export async function dropFiles(editor: Editor, files: readonly File[], on: Element, at: { x: number; y: number }): Promise<void> {
  const picture = files.find(isPicture);
  const into = picture ? pictureInput(editor, on) : null;
  if (picture && into) await loadInto(editor, picture, into);
  else await openFiles(editor, files, editor.canvas?.toCanvas(at) ?? null);
}

/** The input by which the node that an element is of loads a picture. */
function pictureInput(editor: Editor, on: Element): Target | null {
  const name = on.closest("[data-node]")?.getAttribute("data-node");
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  const node = name ? graph?.nodes[name] : undefined;
  if (!name || !one || !graph || !node) return null;
  const input = interfaceIn(name, graph, one.document, editor.library.catalogue).inputs.find(({ widget }) => widget?.widget === "file" && widget.upload);
  return input && !linkOf(node.inputs?.[input.name]) ? { node: name, input: input.name } : null;
}

async function loadInto(editor: Editor, picture: File, { node, input }: Target): Promise<void> {
  const where = editor.documents.place;
  if (!where) return;
  try {
    const name = await keepPicture(editor, picture, picture.name);
    editor.documents.editAt(where, editor.t.edits.loadPicture, (graph) => (graph.nodes[node] ? setInput(graph, node, input, name) : graph));
  } catch (error) {
    editor.fail(error, picture.name);
  }
}
