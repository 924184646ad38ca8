// From key presses to commands. Single letters work only where nobody types.
import { COMMANDS, perform } from "@/commands/commands";
import type { Editor } from "@/store/editor";

const MAC = navigator.platform.startsWith("Mac");

/** The keys of an event as commands write them: `mod+shift+z`. */
export function pressed(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const parts: string[] = [];
  if (MAC ? event.metaKey : event.ctrlKey) parts.push("mod");
  if (event.altKey) parts.push("alt");
  if (event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key))) parts.push("shift");
  return [...parts, key].join("+");
}

export function shownKeys(keys: string): string {
  const words: Record<string, string> = MAC ? { mod: "⌘", alt: "⌥", shift: "⇧", Enter: "⏎" } : { mod: "Ctrl", alt: "Alt", shift: "Shift", Enter: "Enter" };
  const parts = keys.split("+").map((part) => words[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  return keys.endsWith("+") ? "+" : parts.join(MAC ? "" : "+");
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

export function handleKey(editor: Editor, event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  const { dialog, palette, commands, mask, picture } = editor.view.store.getState();
  if (dialog || palette || commands || mask || picture) return;
  const typing = isTyping(event.target);
  if (event.key === "Escape") {
    if (typing) (event.target as HTMLElement).blur();
    else editor.documents.select([]);
    editor.canvas?.focus();
    return;
  }
  const keys = pressed(event);
  const found = COMMANDS.find((one) => one.keys?.includes(keys));
  if (!found || (typing && !found.always)) return;
  const bare = !keys.includes("+") || keys === "+";
  if (bare && keys.length > 1 && !onCanvas(event.target)) return; // Tab, Delete and the like belong to what has the focus
  if (found.keys?.includes("mod+c") && window.getSelection()?.toString()) return;
  event.preventDefault();
  perform(editor, found.id);
}
