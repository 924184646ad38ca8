// From key presses to commands. Single letters work only where nobody types.
import { commandFor, keysOf } from "@/commands/bindings";
import { command, perform, type CommandId } from "@/commands/commands";
import { MAC, shownKeys } from "@/i18n/keyNames";
import type { Messages } from "@/i18n/messages";
import { isReadable } from "@/store/clipboard";
import type { Editor } from "@/store/editor";
import type { Settings } from "@/store/settings";

/**
 * The keys of an event as commands write them: `mod+shift+z`. A Mac's Option writes another letter, and many layouts have none of
 * the Latin ones: there the key itself counts.
 */
export function pressed(event: KeyboardEvent, mac = MAC): string {
  const foreign = /^[^\u0000-\u007f]$/u.test(event.key);
  const letter = foreign || (mac && event.altKey) ? /^Key([A-Z])$/.exec(event.code)?.[1] : undefined;
  const written = letter ?? event.key;
  const key = written.length === 1 ? written.toLowerCase() : written;
  const parts: string[] = [];
  if (mac ? event.metaKey : event.ctrlKey) parts.push("mod");
  if (event.altKey) parts.push("alt");
  if (event.shiftKey && (key.length > 1 || /[a-z]/i.test(key))) parts.push("shift");
  return [...parts, key].join("+");
}

/** The first keys of a command, to be read; undefined where it has none. */
export function shownFor(chosen: Settings["keys"], id: CommandId, names: Messages["keys"]): string | undefined {
  const first = keysOf(chosen, id)[0] ?? command(id).fixed;
  return first === undefined ? undefined : shownKeys(first, names);
}

/** What a button for a command says when pointed at: its name and its keys. */
export function tipFor(chosen: Settings["keys"], id: CommandId, { commands, keys }: Messages): string {
  return [commands[id], shownFor(chosen, id, keys)].filter(Boolean).join("  ");
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return element?.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable=true], [contenteditable=true] *") ?? false;
}

/** Whether the focus is where single keys act on the graph: on the canvas, or nowhere. */
function onCanvas(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return element === document.body || element?.closest?.("[data-testid=canvas]") !== null;
}

/** Whether the focus is on what Tab leads on from and Enter presses: a button in a node, say. */
function isControl(target: EventTarget | null): boolean {
  return (target as HTMLElement | null)?.closest?.("button, a[href], input, [role=switch], [role=combobox], [role=slider]") != null;
}

/** Whether text is marked that one may want to copy: on the canvas it is nodes that are copied. */
export function isTextMarked(marked: Pick<Selection, "anchorNode" | "toString"> | null): boolean {
  if (!marked?.anchorNode || marked.toString() === "") return false;
  const element = marked.anchorNode instanceof Element ? marked.anchorNode : marked.anchorNode.parentElement;
  return !element?.closest("[data-testid=canvas]");
}

export function handleKey(editor: Editor, event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  const { dialog, palette, commands, mask, picture } = editor.view.store.getState();
  if (dialog || palette || commands || mask || picture) return;
  const typing = isTyping(event.target);
  if (event.key === "Escape") {
    if (typing) (event.target as HTMLElement).blur();
    else if (editor.documents.active?.selection.size) editor.documents.select([]);
    else perform(editor, "leave-subgraph");
    editor.canvas?.focus();
    return;
  }
  const keys = pressed(event);
  const id = commandFor(editor.settings.getState().keys, keys);
  if (id === undefined || (typing && !command(id).always)) return;
  const bare = !keys.includes("+") || keys === "+";
  if (bare && keys.length > 1 && !onCanvas(event.target)) return; // Tab, Delete and the like belong to what has the focus
  if ((keys === "Tab" || keys === "Enter") && isControl(event.target)) return;
  if (id === "copy" && isTextMarked(window.getSelection())) return;
  if (id === "paste-links" && !isReadable()) {
    editor.pasting.expectLinks(() => editor.view.say(editor.t.says.pasteByKeys));
    return;
  }
  event.preventDefault();
  perform(editor, id);
}
