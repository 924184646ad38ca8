// What widgets may ask of the editor.
import { countTokens, fileUrl } from "@/api/client";
import { graphAt } from "@/model/document";
import { checkpointOf } from "@/model/checkpoint";
import { scopeOf } from "@/store/documents";
import { insertLora } from "@/model/lora";
import type { Editor } from "@/store/editor";
import { keepMask, keepPicture } from "@/store/uploading";
import type { Draws } from "@/store/runs";
import { filesOf } from "@/store/library";
import type { TokenCount, WidgetServices } from "@/widgets/contract";

/** `draws`: what was drawn at the last run for the inputs of this node. `node`: its name in the graph that is looked at, if it is there. */
export function servicesFor(editor: Editor, draws: Draws | undefined, node?: string): WidgetServices {
  const told = async (kept: Promise<string>, about: string): Promise<string> => {
    try {
      return await kept;
    } catch (error) {
      editor.fail(error, about);
      throw error;
    }
  };
  return {
    files: (folder) => filesOf(editor.library.store.getState())(folder) ?? NONE,
    upload: (file, name, _folder, onProgress) => told(keepPicture(editor, file, name, onProgress), name),
    uploadMask: (mask, original) => told(keepMask(editor, mask, original), original),
    pictureUrl: (name, folder) => fileUrl(folder, name),
    modelPictures: (folder) => editor.library.store.getState().pictures[folder] ?? null,
    watchFiles: (listener) => editor.library.store.subscribe(listener),
    lastSeed: draws ? Object.values(draws.seeds)[0] : undefined,
    lastTexts: draws?.prompts ?? NOTHING,
    editMask: (name) => new Promise((done) => editor.view.set({ mask: { name, done } })),
    tokens: (text, signal) => tokens(text, node === undefined ? null : checkpointFor(editor, node), signal),
    ...(node === undefined ? {} : { addLora: (name: string) => addLora(editor, node, name) }),
  };
}

async function tokens(text: string, checkpoint: string | null, signal: AbortSignal): Promise<TokenCount> {
  const { chunks, room } = await countTokens(text, checkpoint, signal);
  const letters = [...text];
  return { room, chunks: chunks.map((chunk) => ({ tokens: chunk.tokens, from: letters.slice(0, chunk.from).join("").length })) };
}

function checkpointFor(editor: Editor, node: string): string | null {
  const one = editor.documents.active;
  const found = one && checkpointOf(node, graphAt(one.document, scopeOf(one)), one.document, editor.library.catalogue);
  return found && filesOf(editor.library.store.getState())("checkpoints")?.includes(found) ? found : null;
}

function addLora(editor: Editor, prompt: string, name: string): void {
  let added: string | null = null;
  editor.documents.settle();
  editor.documents.editGraph(editor.t.edits.loadLora, (graph, document) => {
    const made = insertLora(graph, prompt, name, document, editor.library.catalogue);
    added = made?.name ?? null;
    return made?.graph ?? graph;
  });
  editor.documents.settle();
  if (added === null) editor.view.say(editor.t.says.loraNeedsModel);
  else editor.view.say(editor.t.says.loraLoaded(name), "good");
}

const NONE: readonly string[] = [];
const NOTHING: Readonly<Record<string, string>> = {};
