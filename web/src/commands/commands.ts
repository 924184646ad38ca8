// Every action, by name: menus, keys, the command palette and tests ask here, so that nothing can be done in one way only.
import { addNoteHere, align, distribute, editField, group, rename, tidy, toggleCollapsed, toggleMode, togglePinned } from "@/commands/arranging";
import { copy, cut, duplicate, paste, remove } from "@/commands/clipping";
import { activeGraph, selectedNodes, subgraphNamed } from "@/commands/selection";
import { makeSubgraph, unpack } from "@/commands/subgraphing";
import type { Messages } from "@/i18n/messages";
import { linkOf, positionOf, SUBGRAPH } from "@/model/document";
import type { Editor } from "@/store/editor";
import { closeDocument, downloadDocument, newDocument, openFromDisk, reopenClosed } from "@/store/files";
import { saveDocument } from "@/store/saving";

/** Every command has a text of the same name. */
export type CommandId = keyof Messages["commands"];

export interface Command {
  id: CommandId;
  group: keyof Messages["commandGroups"];
  /** `mod` is Control, or Command on a Mac. */
  keys?: string[];
  /** Keys that the browser takes and tells of in its own way; they are shown and cannot be others. */
  fixed?: string;
  /** Works also while one types in a field. */
  always?: boolean;
  enabled?: (editor: Editor) => boolean;
  run: (editor: Editor) => unknown;
}

const hasDocument = (editor: Editor) => editor.documents.active !== null;
const instanceSelected = (editor: Editor) => {
  const [name, ...others] = selectedNodes(editor);
  return name !== undefined && others.length === 0 && activeGraph(editor)!.nodes[name]!.type.startsWith(SUBGRAPH);
};
const someSelected = (editor: Editor) => (editor.documents.active?.selection.size ?? 0) > 0;
const severalSelected = (editor: Editor) => selectedNodes(editor).length > 1;

export const COMMANDS: readonly Command[] = [
  { id: "run", group: "Run", keys: ["mod+Enter"], always: true, run: (editor) => editor.run(undefined, editor.view.store.getState().batch) },
  { id: "run-front", group: "Run", keys: ["mod+shift+Enter"], always: true, run: (editor) => editor.run(undefined, 1, true) },
  { id: "run-selected", group: "Run", keys: ["alt+Enter"], enabled: someSelected, run: (editor) => runTo(editor, selectedNodes(editor)) },
  { id: "cancel", group: "Run", keys: ["mod+alt+Enter"], always: true, run: (editor) => editor.cancel() },
  { id: "pause", group: "Run", run: (editor) => editor.runs.pause(!editor.runs.store.getState().paused) },
  { id: "auto-run", group: "Run", run: (editor) => editor.view.set({ autoRun: !editor.view.store.getState().autoRun }) },

  { id: "undo", group: "Edit", keys: ["mod+z"], enabled: (editor) => (editor.documents.active?.history.done.length ?? 0) > 0, run: (editor) => told(editor, "undone", editor.documents.undo()) },
  { id: "redo", group: "Edit", keys: ["mod+shift+z", "mod+y"], enabled: (editor) => (editor.documents.active?.history.undone.length ?? 0) > 0, run: (editor) => told(editor, "redone", editor.documents.redo()) },
  { id: "copy", group: "Edit", keys: ["mod+c"], enabled: someSelected, run: copy },
  { id: "cut", group: "Edit", keys: ["mod+x"], enabled: someSelected, run: cut },
  { id: "paste", group: "Edit", fixed: "mod+v", run: (editor) => paste(editor, false) },
  { id: "paste-links", group: "Edit", keys: ["mod+shift+v"], run: (editor) => paste(editor, true) },
  { id: "duplicate", group: "Edit", keys: ["mod+d"], enabled: someSelected, run: duplicate },
  { id: "delete", group: "Edit", keys: ["Delete", "Backspace"], enabled: someSelected, run: remove },
  { id: "select-all", group: "Edit", keys: ["mod+a"], run: (editor) => editor.documents.select(Object.keys(activeGraph(editor)?.nodes ?? {})) },

  { id: "add-node", group: "Nodes", keys: ["Tab", "/"], run: openPalette },
  { id: "mute", group: "Nodes", keys: ["mod+m"], enabled: someSelected, run: (editor) => toggleMode(editor, "mute") },
  { id: "bypass", group: "Nodes", keys: ["mod+b"], enabled: someSelected, run: (editor) => toggleMode(editor, "bypass") },
  { id: "collapse", group: "Nodes", keys: ["alt+c"], enabled: someSelected, run: toggleCollapsed },
  { id: "pin", group: "Nodes", keys: ["alt+p"], enabled: someSelected, run: togglePinned },
  { id: "rename", group: "Nodes", keys: ["F2"], enabled: someSelected, run: rename },
  { id: "group", group: "Nodes", keys: ["mod+g"], run: group },
  { id: "note", group: "Nodes", run: addNoteHere },
  { id: "create-subgraph", group: "Nodes", keys: ["mod+shift+g"], enabled: someSelected, run: makeSubgraph },
  { id: "unpack-subgraph", group: "Nodes", enabled: someSelected, run: unpack },
  { id: "enter-subgraph", group: "Nodes", enabled: someSelected, run: (editor) => editor.documents.enter(selectedNodes(editor)[0] ?? "") },
  { id: "rename-subgraph", group: "Nodes", enabled: (editor) => subgraphNamed(editor) !== null, run: (editor) => editor.view.set({ dialog: "subgraph-names" }) },
  { id: "publish-subgraph", group: "Nodes", enabled: instanceSelected, run: (editor) => editor.view.set({ dialog: "publish" }) },
  { id: "leave-subgraph", group: "Nodes", keys: ["u"], run: leave },

  { id: "walk-left", group: "Nodes", keys: ["alt+ArrowLeft"], enabled: someSelected, run: (editor) => walk(editor, "left") },
  { id: "walk-right", group: "Nodes", keys: ["alt+ArrowRight"], enabled: someSelected, run: (editor) => walk(editor, "right") },
  { id: "walk-up", group: "Nodes", keys: ["alt+ArrowUp"], enabled: someSelected, run: (editor) => walk(editor, "up") },
  { id: "walk-down", group: "Nodes", keys: ["alt+ArrowDown"], enabled: someSelected, run: (editor) => walk(editor, "down") },
  { id: "edit-field", group: "Nodes", keys: ["Enter"], enabled: someSelected, run: editField },
  { id: "connect", group: "Nodes", keys: ["c"], enabled: someSelected, run: (editor) => editor.view.set({ dialog: "connect" }) },

  { id: "layout", group: "Arrange", keys: ["mod+shift+l"], run: tidy },
  ...(["left", "right", "top", "bottom", "centre", "middle"] as const).map(
    (how): Command => ({ id: `align-${how}`, group: "Arrange", enabled: severalSelected, run: (editor) => align(editor, how) }),
  ),
  { id: "distribute-x", group: "Arrange", enabled: severalSelected, run: (editor) => distribute(editor, "x") },
  { id: "distribute-y", group: "Arrange", enabled: severalSelected, run: (editor) => distribute(editor, "y") },

  { id: "look-again", group: "View", keys: ["r"], run: (editor) => lookAgain(editor) },
  { id: "fit", group: "View", keys: ["."], run: (editor) => editor.canvas?.fit() },
  { id: "fit-selection", group: "View", keys: ["f"], run: (editor) => editor.canvas?.fit(selectedNodes(editor).length > 0 ? selectedNodes(editor) : undefined) },
  { id: "zoom-100", group: "View", keys: ["1"], run: (editor) => editor.canvas?.zoomTo(1) },
  { id: "zoom-in", group: "View", keys: ["=", "+"], run: (editor) => editor.canvas?.zoomBy(1.25) },
  { id: "zoom-out", group: "View", keys: ["-"], run: (editor) => editor.canvas?.zoomBy(0.8) },
  { id: "commands", group: "View", keys: ["mod+k"], always: true, run: (editor) => editor.view.set({ commands: true }) },
  { id: "find", group: "View", keys: ["mod+f"], run: (editor) => editor.view.togglePanel("find") },
  { id: "queue", group: "View", keys: ["q"], run: (editor) => editor.view.togglePanel("queue") },
  { id: "workflows", group: "View", keys: ["w"], run: (editor) => editor.view.togglePanel("workflows") },
  { id: "models", group: "View", keys: ["m"], run: (editor) => editor.view.togglePanel("models") },
  { id: "outline", group: "View", keys: ["o"], run: (editor) => editor.view.togglePanel("outline") },
  { id: "problems", group: "View", keys: ["e"], run: (editor) => editor.view.togglePanel("problems") },
  { id: "missing", group: "View", enabled: hasDocument, run: (editor) => editor.view.set({ dialog: "missing" }) },
  { id: "form", group: "View", keys: ["p"], run: (editor) => editor.view.toggleSide("form") },
  { id: "help-node", group: "Help", keys: ["n"], run: (editor) => editor.view.toggleSide("node") },
  { id: "theme", group: "View", run: (editor) => editor.settings.setState(({ theme }) => ({ theme: theme === "light" ? "dark" : "light" })) },
  { id: "minimap", group: "View", run: (editor) => editor.settings.setState(({ minimap }) => ({ minimap: !minimap })) },
  { id: "density", group: "View", run: (editor) => editor.settings.setState(({ density }) => ({ density: density === "compact" ? "comfortable" : "compact" })) },
  { id: "settings", group: "View", keys: ["mod+,"], run: (editor) => editor.view.set({ dialog: "settings" }) },
  { id: "shortcuts", group: "Help", keys: ["?"], run: (editor) => editor.view.set({ dialog: "shortcuts" }) },

  { id: "new", group: "File", keys: ["alt+n"], run: newDocument },
  { id: "templates", group: "File", keys: ["t"], run: (editor) => editor.view.set({ dialog: "templates" }) },
  { id: "open", group: "File", keys: ["mod+o"], run: openFromDisk },
  { id: "save", group: "File", keys: ["mod+s"], always: true, enabled: hasDocument, run: saveDocument },
  { id: "save-as", group: "File", keys: ["mod+shift+s"], always: true, enabled: hasDocument, run: (editor) => editor.view.set({ dialog: "save" }) },
  { id: "download", group: "File", enabled: hasDocument, run: (editor) => downloadDocument(editor, "latentgraph") },
  { id: "download-comfyui", group: "File", enabled: hasDocument, run: (editor) => downloadDocument(editor, "comfyui") },
  { id: "download-api", group: "File", enabled: hasDocument, run: (editor) => downloadDocument(editor, "comfyui-api") },
  { id: "download-png", group: "File", enabled: hasDocument, run: (editor) => import("@/canvas/download").then((one) => one.downloadPicture(editor, "png")) },
  { id: "download-svg", group: "File", enabled: hasDocument, run: (editor) => import("@/canvas/download").then((one) => one.downloadPicture(editor, "svg")) },
  { id: "close", group: "File", keys: ["alt+w"], enabled: hasDocument, run: (editor) => closeDocument(editor, editor.documents.active?.uid ?? "") },
  { id: "reopen", group: "File", keys: ["alt+shift+w", "mod+shift+t"], run: reopenClosed },
];

const BY_ID = new Map(COMMANDS.map((one) => [one.id, one]));

export function command(id: CommandId): Command {
  const found = BY_ID.get(id);
  if (!found) throw new Error(`there is no command ${id}`);
  return found;
}

export function perform(editor: Editor, id: CommandId): void {
  const one = command(id);
  if (one.enabled && !one.enabled(editor)) return;
  Promise.resolve(one.run(editor)).catch((error: unknown) => editor.fail(error));
}

/** Run what these nodes need, and them. Nodes inside an entered subgraph are named by their whole way. */
export async function runTo(editor: Editor, names: readonly string[]): Promise<void> {
  const one = editor.documents.active;
  const prefix = one ? one.trail.map(({ instance }) => `${instance}:`).join("") : "";
  const graph = activeGraph(editor);
  const targets = names.filter((name) => !graph?.nodes[name]?.type.startsWith(SUBGRAPH)).map((name) => prefix + name);
  if (targets.length === 0) {
    editor.view.say(editor.t.says.enterFirst);
    return;
  }
  await editor.run(targets);
}

function told(editor: Editor, way: "undone" | "redone", label: string | null): void {
  const one = editor.documents.active;
  if (!one || label === null) return;
  // After an edit what was undone is gone: what is undone then begins with another step.
  const course = way === "undone" ? one.history.undone[0] : one.uid;
  editor.view.sayStep("history", course, (count) => editor.t.edits[way](label, count));
}

async function lookAgain(editor: Editor): Promise<void> {
  await editor.library.refresh();
  editor.view.say(editor.t.says.lookedAgain);
}

function openPalette(editor: Editor): void {
  if (!editor.documents.active) newDocument(editor);
  const at = editor.canvas?.pointer() ?? { x: window.innerWidth / 2 - 200, y: window.innerHeight / 4 };
  editor.view.set({ palette: { at, place: editor.canvas?.toCanvas(at) ?? [0, 0] } });
}

/** Select the next node that way: along links across, by place up and down. */
function walk(editor: Editor, way: "left" | "right" | "up" | "down"): void {
  const graph = activeGraph(editor);
  const from = selectedNodes(editor).at(-1);
  if (!graph || from === undefined) return;
  const sources = (name: string) => Object.values(graph.nodes[name]?.inputs ?? {}).flatMap((value) => linkOf(value)?.node ?? []);
  const [x, y] = positionOf(graph.nodes[from]!);
  const linked = way === "left" ? sources(from) : way === "right" ? Object.keys(graph.nodes).filter((name) => sources(name).includes(from)) : [];
  const beside = Object.keys(graph.nodes).filter((name) => {
    const [, other] = positionOf(graph.nodes[name]!);
    return name !== from && (way === "up" ? other < y : other > y);
  });
  const near = (name: string) => {
    const [otherX, otherY] = positionOf(graph.nodes[name]!);
    return Math.abs(otherX - x) * (way === "left" || way === "right" ? 0.2 : 2) + Math.abs(otherY - y);
  };
  const next = (way === "left" || way === "right" ? linked : beside).filter((name) => graph.nodes[name]).sort((one, other) => near(one) - near(other))[0];
  if (next === undefined) return;
  editor.documents.select([next]);
  editor.canvas?.reveal(next);
}

function leave(editor: Editor): void {
  const depth = editor.documents.active?.trail.length ?? 0;
  if (depth > 0) editor.documents.leaveTo(depth - 1);
}
