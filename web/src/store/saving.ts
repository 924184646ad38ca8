// Documents into files of the service. What is in a file is written over by its own next version alone, else only when one is asked
// and says so.
import { getWorkflow, saveWorkflow, ServiceError } from "@/api/client";
import { graphAt, type Document } from "@/model/document";
import { FOLDER, published } from "@/model/published";
import type { Place } from "@/store/documents";
import type { Editor } from "@/store/editor";

/** Why a name was not written to: there is a file that is none of this document's, or a version of it that is not known here. */
type Conflict = "exists" | "changedElsewhere";
export type SaveOutcome = "saved" | "failed" | Conflict;

/** What may be written over: the version that the document was read from, or whatever is there. */
export type Over = "its own" | "anything";

/** Save what is looked at under the name it has; ask for one when it has none. */
export async function saveDocument(editor: Editor): Promise<void> {
  const one = editor.documents.active;
  if (!one) return;
  if (!one.file) {
    editor.view.set({ dialog: "save" });
    return;
  }
  const { uid, file } = one;
  const outcome = await saveAs(editor, uid, file.name, "its own");
  if (outcome === "saved" || outcome === "failed") return;
  editor.view.say(editor.t.files[outcome](file.name), "bad", { label: editor.t.files.replace, run: () => void saveAs(editor, uid, file.name, "anything") });
}

/** Save a document under a name. Saves of one document take turns: the next one knows the version that the last one made. */
export function saveAs(editor: Editor, uid: string, name: string, over: Over): Promise<SaveOutcome> {
  return editor.saves.take(uid, () => write(editor, uid, name, over));
}

async function write(editor: Editor, uid: string, name: string, over: Over): Promise<SaveOutcome> {
  const one = editor.documents.get(uid);
  if (!one) return "failed";
  const { document } = one;
  const known = name === one.file?.name ? one.file.version : null;
  try {
    const { version } = await saveOver(name, document, over === "anything" ? undefined : known);
    editor.documents.markSaved(uid, document, { name, ...(version ? { version } : {}) });
    editor.view.say(editor.t.files.saved(name), "good");
  } catch (error) {
    return refused(editor, error, known === null ? "exists" : "changedElsewhere");
  }
  await publishedFollow(editor, name).catch((error: unknown) => editor.fail(error));
  return "saved";
}

/** Keep an instance of a subgraph for other workflows. */
export async function publishSubgraph(editor: Editor, { uid, scope }: Place, instance: string, title: string, over: Over): Promise<SaveOutcome> {
  const one = editor.documents.get(uid);
  const made = one && published(one.document, graphAt(one.document, scope), instance, title);
  if (!made) return "failed";
  try {
    await saveWorkflow(FOLDER + title, made, over === "anything" ? undefined : null);
    await editor.library.refreshPublished();
    editor.view.say(editor.t.files.published(title), "good");
    return "saved";
  } catch (error) {
    return refused(editor, error, "exists");
  }
}

function refused(editor: Editor, error: unknown, conflict: Conflict): SaveOutcome {
  if (error instanceof ServiceError && error.status === 412) return conflict;
  editor.fail(error);
  return "failed";
}

/** What is offered of kept subgraphs follows their files. */
export async function publishedFollow(editor: Editor, ...names: readonly string[]): Promise<void> {
  if (names.some((name) => name.startsWith(FOLDER))) await editor.library.refreshPublished();
}

/** A workflow that ships with the service is not the user's yet: the first version of theirs is made beside it. */
async function saveOver(name: string, document: Document, over: string | null | undefined): Promise<{ version?: string }> {
  try {
    return await saveWorkflow(name, document, over);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status !== 412 || !over) throw error;
    const there = await getWorkflow(name).catch((gone: unknown) => {
      throw gone instanceof ServiceError && gone.status === 404 ? error : gone; // it was deleted elsewhere: to be replaced, if asked
    });
    if (there.version !== over) throw error;
    return saveWorkflow(name, document, null);
  }
}
