// What was chosen in the palette is put on the canvas.
import { addGroupAt, addNoteAt } from "@/commands/arranging";
import { addSubgraphAt } from "@/commands/subgraphing";
import type { Catalogue } from "@/model/catalogue";
import { bestInput, bestOutput } from "@/model/connect";
import { graphAt, withGraph, withWhole, type Document, type Graph, type Point, type Scope } from "@/model/document";
import { addNode, move } from "@/model/edit";
import { DENSITIES, geometryOf } from "@/model/geometry";
import { interfaceIn } from "@/model/interface";
import { connect } from "@/model/linking";
import { THING, type Thing } from "@/model/offered";
import { PUBLISHED, withPublished } from "@/model/published";
import { freePlace } from "@/model/room";
import { usedAgain } from "@/model/search";
import { startInputs } from "@/model/start";
import { contains } from "@/model/subgraph";
import { scopeOf, type OpenDocument } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { filesOf } from "@/store/library";
import type { PaletteRequest } from "@/store/view";
import { remember, remembered } from "@/model/remembered";

const USED = "latentgraph.used";

/** Put what was chosen where it was asked for, with the link that waits for it. */
export function place(editor: Editor, request: PaletteRequest, type: string): void {
  const one = editor.documents.active;
  if (!one) return;
  if (type.startsWith(THING)) placeThing(editor, type.slice(THING.length) as Thing, request.place);
  else if (!placeNode(editor, one, request, type)) {
    editor.view.say(editor.t.says.inItself);
    return;
  }
  remember(USED, usedAgain(used(), type));
}

function placeThing(editor: Editor, thing: Thing, at: Point): void {
  if (thing === "note") addNoteAt(editor, at);
  else if (thing === "group") addGroupAt(editor, at);
  else addSubgraphAt(editor, at);
}

/** Whether it could be: no graph contains itself. */
function placeNode(editor: Editor, one: OpenDocument, request: PaletteRequest, type: string): boolean {
  const scope = scopeOf(one);
  let added = "";
  editor.documents.edit(one.uid, editor.t.edits.addNode, (document) => {
    const made = make(editor, document, scope, type, request.place);
    if (!made) return document;
    added = made.name;
    return withGraph(made.document, scope, (graph) => linked(placed(editor, graph, made.name, request, made.document), made.name, request, made.document, editor.library.catalogue));
  });
  if (added) editor.documents.select([added]);
  return added !== "";
}

/** Null where the graph would contain itself. */
function make(editor: Editor, document: Document, scope: Scope, type: string, at: Point): { document: Document; name: string } | null {
  const kept = type.startsWith(PUBLISHED) ? editor.library.store.getState().published.find((one) => PUBLISHED + one.name === type) : undefined;
  if (kept) return withPublished(document, scope, kept, at);
  const spec = editor.library.catalogue.get(type);
  const inputs = spec ? startInputs(spec, filesOf(editor.library.store.getState())) : {};
  const made = addNode(graphAt(document, scope), type, at, { inputs });
  const whole = withWhole(document, scope, made.graph);
  return contains(whole, scope, scope) ? null : { document: whole, name: made.name };
}

/** A new node beside what is there; one that feeds an input is left of the pointer, as its link comes from its right. */
function placed(editor: Editor, graph: Graph, name: string, { place, to }: PaletteRequest, document: Document): Graph {
  const { [name]: node, ...others } = graph.nodes;
  const { width } = geometryOf(node!, interfaceIn(name, graph, document, editor.library.catalogue), DENSITIES[editor.settings.getState().density]);
  const wanted: Point = to ? [place[0] - width, place[1]] : place;
  return move(graph, new Map([[name, freePlace({ ...graph, nodes: others }, [[0, 0]], wanted)]]));
}

/** The link that a new node was asked for by. */
function linked(graph: Graph, name: string, { from, to }: PaletteRequest, document: Document, catalogue: Catalogue): Graph {
  const input = from ? bestInput(from, name, graph, document, catalogue) : null;
  if (from && input !== null) return connect(graph, from, { node: name, input }, null);
  const output = to ? bestOutput(name, to, graph, document, catalogue) : null;
  return to && output !== null ? connect(graph, { node: name, output }, to, null) : graph;
}

/** How much each type was used. */
export function used(): Record<string, number> {
  return { ...(remembered(USED) as Record<string, number> | null) };
}
