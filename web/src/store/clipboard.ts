// The clipboard of the system. Browsers hand it out on pages of https and of this machine alone; a page of plain http beyond that
// copies as if a text had been selected, and is told what is pasted only when the person pastes.
import type { Editor } from "@/store/editor";

/** Put a text there. Raises what the browser says against it. */
export async function copyText(editor: Editor, text: string): Promise<void> {
  if (navigator.clipboard as Clipboard | undefined) await navigator.clipboard.writeText(text);
  else if (!copiedAsSelected(text)) throw new Error(editor.t.says.notCopied);
}

/** Put a picture there, once it has come: it is asked for at once, while what the person did still allows it. */
export async function copyPicture(editor: Editor, picture: Promise<Blob>): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard?.write) throw new Error(editor.t.says.notCopied);
  await clipboard.write([new ClipboardItem({ "image/png": picture.then(asPng) })]);
}

/** Clipboards take no other kind of picture. */
async function asPng(picture: Blob): Promise<Blob> {
  if (picture.type === "image/png") return picture;
  const pixels = await createImageBitmap(picture);
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d")!.drawImage(pixels, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Whether this page may look into it without a person pasting. */
export const isReadable = (): boolean => Boolean((navigator.clipboard as Clipboard | undefined)?.readText);

/** Read it; null where the browser tells a page nothing that was not pasted. */
export async function pastedText(): Promise<string | null> {
  return isReadable() ? navigator.clipboard.readText() : null;
}

function copiedAsSelected(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}
