// What is pasted on the page: nodes as JSON, pictures, files.
import { paste } from "@/commands/clipping";
import type { Editor } from "@/store/editor";
import { openFiles } from "@/store/files";

export function handlePaste(editor: Editor, event: ClipboardEvent): void {
  const links = editor.pasting.takeLinks();
  if ((event.target as HTMLElement).matches?.("input, textarea, [contenteditable=true] *")) return;
  const files = [...(event.clipboardData?.files ?? [])];
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (files.length === 0 && text === "") return;
  event.preventDefault();
  if (files.length > 0) void openFiles(editor, files, editor.canvas?.pointed() ?? null);
  else void paste(editor, links, text).catch((error: unknown) => editor.fail(error));
}
