// What widgets may ask of the editor.
import { fileUrl, upload, uploadMask } from "@/api/client";
import type { Editor } from "@/store/editor";
import type { WidgetServices } from "@/widgets/contract";

/** `seeds`: what was drawn at the last run for the inputs of this node. */
export function servicesFor(editor: Editor, seeds: Record<string, number> | undefined): WidgetServices {
  const inFolder = async (kept: Promise<string>): Promise<string> => {
    try {
      const name = await kept;
      await editor.library.refreshModels();
      return name;
    } catch (error) {
      editor.fail(error);
      throw error;
    }
  };
  return {
    files: (folder) => {
      const { models, files } = editor.library.store.getState();
      return models[folder] ?? files[folder] ?? NONE;
    },
    upload: (file, name, _folder, onProgress) => inFolder(upload(file, name, onProgress)),
    uploadMask: (mask, original) => inFolder(uploadMask(mask, original)),
    pictureUrl: (name, folder) => fileUrl(folder, name),
    lastSeed: seeds ? Object.values(seeds)[0] : undefined,
    editMask: (name) => new Promise((done) => editor.view.set({ mask: { name, done } })),
  };
}

const NONE: readonly string[] = [];
