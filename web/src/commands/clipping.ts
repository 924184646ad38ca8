// Nodes out of the graph and into it: copied, pasted, doubled, deleted.
import { activeGraph, selectedFrames, sizesIn } from "@/commands/selection";
import { clipFrom, copied, cornerOf, cornersOf, type Clip } from "@/model/clipboard";
import { graphAt, withGraph, withWhole, type Point } from "@/model/document";
import { removeDecoration } from "@/model/edit";
import { thingsIn } from "@/model/frames";
import { writeJson } from "@/model/json";
import { pasted } from "@/model/pasting";
import { removeNodes } from "@/model/removing";
import { freePlace } from "@/model/room";
import { contains, unlinkAny } from "@/model/subgraph";
import { copyText, pastedText } from "@/store/clipboard";
import { scopeOf, type OpenDocument } from "@/store/documents";
import type { Editor } from "@/store/editor";

/** What is selected, frames with all that is in them. */
function withContents(editor: Editor): ReadonlySet<string> {
  const graph = activeGraph(editor);
  const selection = editor.documents.active?.selection ?? new Set<string>();
  if (!graph) return selection;
  return new Set([...selection, ...selectedFrames(editor).flatMap((index) => thingsIn(graph, index, sizesIn(editor)))]);
}

export async function copy(editor: Editor): Promise<void> {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  const clip = one && graph && copied(one.document, graph, withContents(editor));
  if (clip) await copyText(editor, writeJson(clip, 2));
}

export async function paste(editor: Editor, links: boolean, text?: string): Promise<void> {
  const given = text ?? (await pastedText());
  if (given === null) {
    editor.view.say(editor.t.says.pasteByKeys);
    return;
  }
  const clip = clipFrom(given);
  if (!clip) {
    editor.view.say(editor.t.says.noNodes);
    return;
  }
  putDown(editor, clip, editor.canvas?.pointed() ?? [0, 0], links, editor.t.edits.paste);
}

export function duplicate(editor: Editor): void {
  duplicateAt(editor, withContents(editor), [0, 0]);
}

/** Copies of things so far from them, linked to what they are linked to. */
export function duplicateAt(editor: Editor, things: ReadonlySet<string>, [right, down]: Point): void {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  const clip = one && graph && copied(one.document, graph, things);
  if (!clip) return;
  const [x, y] = cornerOf(clip);
  putDown(editor, clip, [x + right, y + down], true, editor.t.edits.duplicate);
}

/** Put what a clip holds where it is asked for, or beside it where that is taken. */
function putDown(editor: Editor, clip: Clip, wanted: Point, links: boolean, label: string): void {
  const one = editor.documents.active;
  if (!one) return;
  let names: string[] = [];
  const scope = scopeOf(one);
  const [left, top] = cornerOf(clip);
  const corners = cornersOf(clip).map(([x, y]): Point => [x - left, y - top]);
  editor.documents.edit(one.uid, label, (document) => {
    const at = freePlace(graphAt(document, scope), corners, wanted);
    const made = pasted(document, graphAt(document, scope), clip, at, links);
    const whole = withWhole(made.document, scope, made.graph);
    if (contains(whole, scope, scope)) return document;
    names = made.names;
    return whole;
  });
  if (names.length > 0) editor.documents.select(names);
  else editor.view.say(editor.t.says.inItself);
}

/** What was copied goes: of a frame all that is in it too. */
export async function cut(editor: Editor): Promise<void> {
  const one = editor.documents.active;
  if (!one) return;
  const things = withContents(editor);
  await copy(editor);
  take(editor, one, things);
}

/** A frame goes alone; what is in it stays. */
export function remove(editor: Editor): void {
  const one = editor.documents.active;
  if (one) take(editor, one, one.selection);
}

/** Things out of the graph that was looked at in a document. */
function take(editor: Editor, one: OpenDocument, things: ReadonlySet<string>): void {
  const heal = editor.settings.getState().heal ? { catalogue: editor.library.catalogue } : null;
  editor.documents.edit(one.uid, editor.t.edits.delete, (document) =>
    withGraph(document, scopeOf(one), (graph) => {
      const links = [...things].filter((id) => id.startsWith("link:")).map((id) => id.slice(5).split("\n"));
      const unlinked = links.reduce((current, [node, input]) => unlinkAny(current, { node: node ?? "", input: input ?? "" }), graph);
      const names = new Set([...things].filter((name) => Object.hasOwn(unlinked.nodes, name)));
      const next = names.size > 0 ? removeNodes(unlinked, names, heal && { ...heal, document }) : unlinked;
      return removeDecoration(next, things);
    }),
  );
  if (editor.documents.active?.uid === one.uid) editor.documents.select([]);
}
