// What a right click offers.
import { colour } from "@/commands/arranging";
import { command, perform, runTo, type CommandId } from "@/commands/commands";
import { shownFor } from "@/commands/keys";
import { pictureItems } from "@/commands/pictures";
import { membersOf } from "@/commands/selection";
import type { Target } from "@/model/connect";
import { graphAt, groupsOf, hiddenLinksOf, isPinned, linkOf, SUBGRAPH } from "@/model/document";
import { addPoint, hideLink, resetInput } from "@/model/edit";
import { demote, isPromoted, promote, unlinkAny } from "@/model/subgraph";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";
import type { MenuAction, MenuItem } from "@/store/view";

const keysFor = (editor: Editor, id: CommandId) => shownFor(editor.settings.getState().keys, id, editor.t.keys);

/** A command as an entry of a menu. */
export function item(editor: Editor, id: CommandId, label?: string): MenuItem {
  const one = command(id);
  return { label: label ?? editor.t.commands[id], keys: keysFor(editor, id), run: () => perform(editor, id), disabled: one.enabled ? !one.enabled(editor) : false };
}

export function nodeMenu(editor: Editor, id: string, input: string | null): MenuItem[] {
  const one = editor.documents.active;
  if (!one) return [];
  const graph = graphAt(one.document, scopeOf(one));
  const node = graph.nodes[id];
  if (id.startsWith("group:")) return groupMenu(editor, Number(id.slice(6)));
  if (id.startsWith("note:")) return [item(editor, "edit-field", editor.t.menu.writeNote), { ...(item(editor, "delete") as MenuAction), danger: true }];
  if (!node) return [item(editor, "delete")];
  const { menu: t, edits } = editor.t;
  const items: MenuItem[] = [];
  if (input !== null) {
    const to: Target = { node: id, input };
    const promoted = isPromoted(graph, to);
    const outside = scopeOf(one) === "";
    items.push({
      label: promoted ? (outside ? t.outOfForm(input) : t.outOfInputs(input)) : outside ? t.intoForm(input) : t.intoInputs(input),
      run: () => editor.documents.editGraph(promoted ? edits.outOfForm : edits.intoForm, (current) => (promoted ? demote(current, to) : promote(current, to))),
    });
    if (node.inputs?.[input] !== undefined) items.push({ label: t.reset(input), run: () => editor.documents.editGraph(edits.reset, (current) => resetInput(current, id, input)) });
    if (linkOf(node.inputs?.[input])) items.push(hiding(editor, to), unlinking(editor, to));
    items.push("line");
  }
  items.push(...pictureItems(editor, id));
  items.push({ label: t.runToHere, run: () => void runTo(editor, [id]), keys: keysFor(editor, "run-selected") }, "line");
  if (node.type.startsWith(SUBGRAPH)) items.push(item(editor, "enter-subgraph"), item(editor, "unpack-subgraph"), item(editor, "rename-subgraph"), item(editor, "publish-subgraph"), "line");
  items.push(
    item(editor, "rename"),
    item(editor, "copy"),
    item(editor, "duplicate"),
    "line",
    item(editor, "bypass", node.mode === "bypass" ? t.noBypass : undefined),
    item(editor, "mute", node.mode === "mute" ? t.noMute : undefined),
    item(editor, "collapse", node.ui?.["collapsed"] === true ? t.expand : undefined),
    item(editor, "pin", isPinned(node) ? t.unpin : undefined),
    { colours: (value) => colour(editor, value) },
    "line",
    item(editor, "group"),
    item(editor, "create-subgraph"),
    "line",
    { label: t.about, run: () => editor.view.set({ side: "node" }), keys: keysFor(editor, "help-node") },
    { ...(item(editor, "delete") as MenuAction), danger: true },
  );
  return items;
}

function groupMenu(editor: Editor, index: number): MenuItem[] {
  const { menu: t } = editor.t;
  const one = editor.documents.active;
  const graph = one && graphAt(one.document, scopeOf(one));
  const frame = graph && groupsOf(graph)[index];
  const members = membersOf(editor, index);
  const all = (mode: "bypass" | "mute") => members.length > 0 && members.every((name) => graph?.nodes[name]?.mode === mode);
  const withMembers = (id: CommandId) => () => {
    editor.documents.select(members);
    perform(editor, id);
  };
  return [
    { label: t.selectNodes, run: () => editor.documents.select(members) },
    item(editor, "bypass", all("bypass") ? t.noBypassNodes : t.bypassNodes),
    item(editor, "mute", all("mute") ? t.noMuteNodes : t.muteNodes),
    { label: t.subgraphOfNodes, run: withMembers("create-subgraph") },
    "line",
    item(editor, "rename"),
    item(editor, "collapse", frame?.collapsed ? t.openFrame : t.closeFrame),
    item(editor, "pin", frame?.pinned ? t.unpin : undefined),
    { colours: (value) => colour(editor, value) },
    "line",
    { ...(item(editor, "delete", t.deleteFrame) as MenuAction), danger: true },
  ];
}

export function linkMenu(editor: Editor, to: Target, at: { x: number; y: number }): MenuItem[] {
  const { menu: t, edits } = editor.t;
  const one = editor.documents.active;
  const isAtEnd = !one || !linkOf(graphAt(one.document, scopeOf(one)).nodes[to.node]?.inputs?.[to.input]);
  return [
    { label: t.addPoint, disabled: isAtEnd, run: () => editor.documents.editGraph(edits.addPoint, (graph) => addPoint(graph, to, editor.canvas!.toCanvas(at))) },
    hiding(editor, to),
    "line",
    unlinking(editor, to),
  ];
}

function unlinking(editor: Editor, to: Target): MenuItem {
  return { label: editor.t.menu.deleteLink, danger: true, run: () => editor.documents.editGraph(editor.t.edits.unlink, (graph) => unlinkAny(graph, to)) };
}

/** Hide a link, or show one that is hidden. */
function hiding(editor: Editor, to: Target): MenuItem {
  const one = editor.documents.active;
  const node = one && graphAt(one.document, scopeOf(one)).nodes[to.node];
  const isHidden = node ? hiddenLinksOf(node).includes(to.input) : false;
  const { menu: t, edits } = editor.t;
  return { label: isHidden ? t.showLink : t.hideLink, run: () => editor.documents.editGraph(isHidden ? edits.showLink : edits.hideLink, (graph) => hideLink(graph, to, !isHidden)) };
}

export function paneMenu(editor: Editor, at: { x: number; y: number }): MenuItem[] {
  return [
    { label: editor.t.commands["add-node"], keys: keysFor(editor, "add-node"), run: () => editor.view.set({ palette: { at, place: editor.canvas!.toCanvas(at) } }) },
    item(editor, "note"),
    item(editor, "group"),
    "line",
    item(editor, "paste"),
    item(editor, "select-all"),
    "line",
    item(editor, "layout"),
    item(editor, "fit"),
    "line",
    item(editor, "download-png"),
  ];
}
