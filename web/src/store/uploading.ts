// Pictures of this computer on their way to the service: one that is damaged is told here, not when a run fails on it.
import { upload, uploadMask } from "@/api/client";
import type { Editor } from "@/store/editor";

/** Kinds that every browser reads; others are for the service to judge. */
const KNOWN: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"]);

/** Keep a picture in the input folder, and know it there. Resolves to the name it has got; rejects with what is wrong with it. */
export async function keepPicture(editor: Editor, file: Blob, name: string, onProgress?: (share: number) => void): Promise<string> {
  await refuseDamaged(editor, file);
  const kept = await upload(file, name, onProgress);
  await editor.library.refreshModels();
  return kept;
}

/** Keep a picture with a mask that was painted on it, beside the one that it was painted on. */
export async function keepMask(editor: Editor, mask: Blob, original: string): Promise<string> {
  const kept = await uploadMask(mask, original);
  await editor.library.refreshModels();
  return kept;
}

async function refuseDamaged(editor: Editor, file: Blob): Promise<void> {
  if (!KNOWN.has(file.type)) return;
  try {
    (await createImageBitmap(file)).close();
  } catch {
    throw new Error(editor.t.files.damaged);
  }
}
