// What of the graph that is looked at is selected, and how large it is.
import { graphAt, groupsOf, SUBGRAPH, type Graph } from "@/model/document";
import { isFrame, nodesIn, type SizeOf } from "@/model/frames";
import { DENSITIES, geometryOf } from "@/model/geometry";
import { interfaceIn } from "@/model/interface";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";

export function activeGraph(editor: Editor): Graph | null {
  const one = editor.documents.active;
  return one ? graphAt(one.document, scopeOf(one)) : null;
}

export function selectedNodes(editor: Editor): string[] {
  const graph = activeGraph(editor);
  return graph ? [...(editor.documents.active?.selection ?? [])].filter((name) => Object.hasOwn(graph.nodes, name)) : [];
}

export function selectedFrames(editor: Editor): number[] {
  return [...(editor.documents.active?.selection ?? [])].filter(isFrame).map((id) => Number(id.slice("group:".length)));
}

/** The note that is selected where nothing else is; null for none. */
export function selectedNote(editor: Editor): string | null {
  const [id, ...others] = editor.documents.active?.selection ?? [];
  return id?.startsWith("note:") && others.length === 0 ? id : null;
}

/** The selected nodes, and those in selected frames. */
export function chosenNodes(editor: Editor): string[] {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  if (!one || !graph) return [];
  const inFrames = selectedFrames(editor).flatMap((index) => membersOf(editor, index));
  return [...new Set([...selectedNodes(editor), ...inFrames])];
}

/** The nodes in a frame. */
export function membersOf(editor: Editor, index: number): string[] {
  const one = editor.documents.active;
  const graph = activeGraph(editor);
  const frame = graph && groupsOf(graph)[index];
  if (!one || !graph || !frame) return [];
  return nodesIn(graph, frame, sizesIn(editor));
}

/** How large the nodes of the graph are that is looked at. */
export function sizesIn(editor: Editor): SizeOf {
  const one = editor.documents.active!;
  const graph = graphAt(one.document, scopeOf(one));
  const metrics = DENSITIES[editor.settings.getState().density];
  return (name) => {
    const { width, height } = geometryOf(graph.nodes[name]!, interfaceIn(name, graph, one.document, editor.library.catalogue), metrics);
    return [width, height];
  };
}

/** The subgraph of the selected instance, else the one that is looked into; null where there is none. */
export function subgraphNamed(editor: Editor): string | null {
  const one = editor.documents.active;
  const type = activeGraph(editor)?.nodes[selectedNodes(editor)[0] ?? ""]?.type;
  const id = type?.startsWith(SUBGRAPH) ? type.slice(SUBGRAPH.length) : one ? scopeOf(one) : "";
  return one?.document.subgraphs?.[id] ? id : null;
}
