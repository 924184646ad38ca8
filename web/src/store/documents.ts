// The open documents. Each is an object of its own with its selection, views and history; switching tabs moves a pointer.
// Everything that changes a document comes through `edit`.
import { createStore, type StoreApi } from "zustand/vanilla";
import { emptyDocument, graphAt, SUBGRAPH, withGraph, type Document, type Graph, type Scope } from "@/model/document";
import { closed, NO_HISTORY, record, redo, undo, type History } from "@/model/history";
import { diff } from "@/model/patch";
import type { Problem } from "@/api/client";
import { newUid } from "@/store/uid";

export interface Viewport {
  x: number;
  y: number;
  zoom: number;
}

/** A workflow file of the service, and the version of it that the document was read from or saved as. */
export interface FileRef {
  name: string;
  version?: string;
}

/** What a file of another form lost or changed on its way in. */
export interface ImportReport {
  source: string;
  problems: readonly Problem[];
}

/** One step into a subgraph: the instance that was entered. */
export interface Entered {
  instance: string;
  subgraph: string;
}

/** A graph of an open document. What takes its time keeps hold of where it began: meanwhile another may be looked at. */
export interface Place {
  uid: string;
  scope: Scope;
}

export interface OpenDocument {
  /** Names the document for this session and its restoring; never in the file. */
  uid: string;
  document: Document;
  /** What is in the file, or what was opened: the document is unsaved when it is another. */
  saved: Document;
  file: FileRef | null;
  /** The subgraphs that were entered, outermost first. */
  trail: readonly Entered[];
  /** Nodes by name, `note:ID`, `group:INDEX`, `point:ID`. */
  selection: ReadonlySet<string>;
  views: Readonly<Record<Scope, Viewport>>;
  history: History;
  report: ImportReport | null;
}

export interface DocumentsState {
  open: Readonly<Record<string, OpenDocument>>;
  order: readonly string[];
  active: string | null;
}

export const scopeOf = (one: OpenDocument): Scope => one.trail.at(-1)?.subgraph ?? "";

/** What stands before the names of nodes here in plans and runs: `instance:inner:`. */
export const prefixOf = (one: OpenDocument): string => one.trail.map(({ instance }) => `${instance}:`).join("");

export const isUnsaved = (one: OpenDocument): boolean => one.document !== one.saved;

const NOTHING: ReadonlySet<string> = new Set();

export class Documents {
  readonly store: StoreApi<DocumentsState> = createStore(() => ({ open: {}, order: [], active: null }));

  get active(): OpenDocument | null {
    const { open, active } = this.store.getState();
    return active === null ? null : (open[active] ?? null);
  }

  /** The graph that is being looked at. */
  get place(): Place | null {
    const one = this.active;
    return one && { uid: one.uid, scope: scopeOf(one) };
  }

  get(uid: string): OpenDocument | null {
    return this.store.getState().open[uid] ?? null;
  }

  /** Open a document in a tab of its own and show it. */
  open(document: Document = emptyDocument(), more: Partial<OpenDocument> = {}): string {
    const uid = more.uid ?? newUid();
    const made: OpenDocument = {
      uid,
      document,
      saved: document,
      file: null,
      trail: [],
      selection: NOTHING,
      views: {},
      history: NO_HISTORY,
      report: null,
      ...more,
    };
    this.store.setState(({ open, order }) => ({ open: { ...open, [uid]: made }, order: [...order.filter((one) => one !== uid), uid], active: uid }));
    return uid;
  }

  close(uid: string): void {
    this.store.setState(({ open, order, active }) => {
      const { [uid]: _gone, ...rest } = open;
      const at = order.indexOf(uid);
      const left = order.filter((one) => one !== uid);
      return { open: rest, order: left, active: active === uid ? (left[Math.min(at, left.length - 1)] ?? null) : active };
    });
  }

  activate(uid: string): void {
    if (this.get(uid)) this.store.setState({ active: uid });
  }

  /**
   * Change a document. `merge` names the gesture: edits of one gesture are one step of undo. The same document back, or one
   * that is equal to it, is no edit.
   */
  edit(uid: string, label: string, change: (document: Document) => Document, merge?: string): void {
    this.put(uid, (one) => {
      const document = change(one.document);
      const history = record(one.history, one.document, document, label, merge);
      return history === one.history ? one : { ...one, document, history };
    });
  }

  /** Change the graph that is being looked at. */
  editGraph(label: string, change: (graph: Graph, document: Document) => Graph, merge?: string): void {
    if (this.place) this.editAt(this.place, label, change, merge);
  }

  /** Change a graph wherever it is, if it still is there. */
  editAt({ uid, scope }: Place, label: string, change: (graph: Graph, document: Document) => Graph, merge?: string): void {
    this.edit(uid, label, (document) => (hasGraph(document, scope) ? withGraph(document, scope, (graph) => change(graph, document)) : document), merge);
  }

  /** End the gesture: the next edit is a step of its own. */
  settle(): void {
    const one = this.active;
    if (one) this.put(one.uid, (before) => withHistory(before, closed(before.history)));
  }

  undo(): string | null {
    return this.step(undo);
  }

  redo(): string | null {
    return this.step(redo);
  }

  select(names: Iterable<string>): void {
    if (this.place) this.selectAt(this.place, names);
  }

  /** Select in a graph that its document shows, in whatever tab that is. */
  selectAt({ uid, scope }: Place, names: Iterable<string>): void {
    const one = this.get(uid);
    if (!one || scopeOf(one) !== scope) return;
    const selection = new Set(names);
    if (selection.size === one.selection.size && [...selection].every((name) => one.selection.has(name))) return;
    this.put(one.uid, (before) => ({ ...before, selection }));
  }

  setView(uid: string, scope: Scope, view: Viewport): void {
    this.put(uid, (one) => ({ ...one, views: { ...one.views, [scope]: view } }));
  }

  /** Go into an instance of a subgraph. */
  enter(instance: string): void {
    const one = this.active;
    const type = one && graphAt(one.document, scopeOf(one)).nodes[instance]?.type;
    if (!one || !type?.startsWith(SUBGRAPH)) return;
    const subgraph = type.slice(SUBGRAPH.length);
    if (!one.document.subgraphs?.[subgraph]) return;
    this.put(one.uid, (before) => ({ ...before, trail: [...before.trail, { instance, subgraph }], selection: NOTHING }));
  }

  /** Go out again, until `depth` steps into subgraphs are left. */
  leaveTo(depth: number): void {
    const one = this.active;
    const left = one?.trail[depth];
    if (one && left) this.put(one.uid, (before) => ({ ...before, trail: before.trail.slice(0, depth), selection: new Set([left.instance]) }));
  }

  /** The document is in its file now. */
  markSaved(uid: string, document: Document, file: FileRef | null): void {
    this.put(uid, (one) => ({ ...one, saved: document, file: file ?? one.file }));
  }

  /** Remark something on a document, beside what was remarked when it was read. */
  remark(uid: string, source: string, problems: readonly Problem[]): void {
    this.put(uid, (one) => ({ ...one, report: { source: one.report?.source ?? source, problems: [...(one.report?.problems ?? []), ...problems] } }));
  }

  dismissReport(uid: string): void {
    this.put(uid, (one) => ({ ...one, report: null }));
  }

  private step(way: typeof undo): string | null {
    const one = this.active;
    const made = one && way(one.history, one.document);
    if (!one || !made) return null;
    this.put(one.uid, (before) => {
      // Back at what is in the file, it is that again: nothing is unsaved.
      const document = diff(before.saved, made.value).length === 0 ? before.saved : made.value;
      const next = { ...before, document, history: made.history };
      return { ...next, trail: standing(next), selection: standingSelection(next) };
    });
    return made.label;
  }

  private put(uid: string, change: (one: OpenDocument) => OpenDocument): void {
    const before = this.get(uid);
    if (!before) return;
    const after = change(before);
    if (after !== before) this.store.setState(({ open }) => ({ open: { ...open, [uid]: after } }));
  }
}

const hasGraph = (document: Document, scope: Scope): boolean => scope === "" || document.subgraphs?.[scope] !== undefined;

function withHistory(one: OpenDocument, history: History): OpenDocument {
  return history === one.history ? one : { ...one, history };
}

/** The trail as far as its subgraphs still exist. */
function standing({ document, trail }: OpenDocument): readonly Entered[] {
  let scope: Scope = "";
  for (const [depth, { instance, subgraph }] of trail.entries()) {
    const type = graphAt(document, scope).nodes[instance]?.type;
    if (type !== SUBGRAPH + subgraph || !document.subgraphs?.[subgraph]) return trail.slice(0, depth);
    scope = subgraph;
  }
  return trail;
}

function standingSelection(one: OpenDocument): ReadonlySet<string> {
  const graph = graphAt(one.document, scopeOf(one));
  const left = [...one.selection].filter((name) => name.includes(":") || Object.hasOwn(graph.nodes, name));
  return left.length === one.selection.size ? one.selection : new Set(left);
}
