// What a right click offers.
import { command, perform, runTo } from "@/commands/commands";
import { shownKeys } from "@/commands/keys";
import type { Target } from "@/model/connect";
import { graphAt, groupsOf, positionOf, SUBGRAPH } from "@/model/document";
import { addPoint, resetInput, setGroup } from "@/model/edit";
import { demote, isPromoted, promote, unlinkAny } from "@/model/subgraph";
import { scopeOf } from "@/store/documents";
import type { Editor } from "@/store/editor";
import type { MenuItem } from "@/store/view";

function item(editor: Editor, id: string, label?: string): MenuItem {
  const one = command(id);
  return { label: label ?? one.title, keys: one.keys?.[0] && shownKeys(one.keys[0]), run: () => perform(editor, id), disabled: one.enabled ? !one.enabled(editor) : false };
}

export function nodeMenu(editor: Editor, id: string, input: string | null): MenuItem[] {
  const one = editor.documents.active;
  if (!one) return [];
  const graph = graphAt(one.document, scopeOf(one));
  const node = graph.nodes[id];
  if (id.startsWith("group:")) return groupMenu(editor, Number(id.slice(6)));
  if (!node) return [item(editor, "delete")];
  const items: MenuItem[] = [];
  if (input !== null) {
    const to: Target = { node: id, input };
    const promoted = isPromoted(graph, to);
    const where = scopeOf(one) === "" ? "the form" : "the subgraph's inputs";
    items.push({
      label: promoted ? `Take ${input} out of ${where}` : `Put ${input} into ${where}`,
      run: () => editor.documents.editGraph(promoted ? "Take out of the form" : "Put into the form", (current) => (promoted ? demote(current, to) : promote(current, to))),
    });
    if (node.inputs?.[input] !== undefined) items.push({ label: `Reset ${input}`, run: () => editor.documents.editGraph("Reset", (current) => resetInput(current, id, input)) });
    items.push("line");
  }
  items.push({ label: "Run to here", run: () => void runTo(editor, [id]), keys: shownKeys("alt+Enter") }, "line");
  if (node.type.startsWith(SUBGRAPH)) items.push(item(editor, "enter-subgraph"), item(editor, "unpack-subgraph"), "line");
  items.push(
    item(editor, "rename"),
    item(editor, "copy"),
    item(editor, "duplicate"),
    "line",
    item(editor, "bypass", node.mode === "bypass" ? "No longer bypass" : "Bypass"),
    item(editor, "mute", node.mode === "mute" ? "No longer mute" : "Mute"),
    item(editor, "collapse", node.ui?.["collapsed"] === true ? "Expand" : "Collapse"),
    "line",
    item(editor, "group"),
    item(editor, "create-subgraph"),
    "line",
    { label: "About this node", run: () => editor.view.set({ side: "node" }), keys: "N" },
    { ...(item(editor, "delete") as Exclude<MenuItem, "line">), danger: true },
  );
  return items;
}

const COLOURS: [string, string][] = [
  ["Grey", "#8b8f98"],
  ["Red", "#d9706a"],
  ["Amber", "#d9a04a"],
  ["Green", "#62b57c"],
  ["Blue", "#6b9ae8"],
  ["Violet", "#a98be0"],
];

function groupMenu(editor: Editor, index: number): MenuItem[] {
  const members = () => {
    const one = editor.documents.active;
    const graph = one && graphAt(one.document, scopeOf(one));
    const group = graph && groupsOf(graph)[index];
    if (!graph || !group) return [];
    return Object.keys(graph.nodes).filter((name) => {
      const [x, y] = positionOf(graph.nodes[name]!);
      return x >= group.pos[0] && y >= group.pos[1] && x <= group.pos[0] + group.size[0] && y <= group.pos[1] + group.size[1];
    });
  };
  const all = (id: string) => () => {
    editor.documents.select(members());
    perform(editor, id);
  };
  return [
    { label: "Select its nodes", run: () => editor.documents.select(members()) },
    { label: "Bypass its nodes", run: all("bypass") },
    { label: "Mute its nodes", run: all("mute") },
    { label: "Make a subgraph of its nodes", run: all("create-subgraph") },
    "line",
    ...COLOURS.map(([label, color]): MenuItem => ({ label, run: () => editor.documents.editGraph("Colour group", (graph) => setGroup(graph, index, { color })) })),
    "line",
    { ...(item(editor, "delete", "Delete the frame") as Exclude<MenuItem, "line">), danger: true },
  ];
}

export function linkMenu(editor: Editor, to: Target, at: { x: number; y: number }): MenuItem[] {
  return [
    { label: "Add a point", run: () => editor.documents.editGraph("Add point", (graph) => addPoint(graph, to, editor.canvas!.toCanvas(at))) },
    { label: "Delete the link", danger: true, run: () => editor.documents.editGraph("Unlink", (graph) => unlinkAny(graph, to)) },
  ];
}

export function paneMenu(editor: Editor, at: { x: number; y: number }): MenuItem[] {
  return [
    { label: "Add node", keys: "Tab", run: () => editor.view.set({ palette: { at, place: editor.canvas!.toCanvas(at) } }) },
    item(editor, "note"),
    item(editor, "group"),
    "line",
    item(editor, "paste"),
    item(editor, "select-all"),
    "line",
    item(editor, "layout"),
    item(editor, "fit"),
  ];
}
