// Documents in and out: files of the service, files of this computer, templates. Nothing that is open is ever written over by
// something that is opened.
import { convert, deleteWorkflow, getWorkflow, listWorkflows, listWorkflowsOf, readFile, saveWorkflow, ServiceError } from "@/api/client";
import { readJson, writeJson } from "@/model/json";
import { emptyDocument, type Document, type Graph, type GraphNode, type Point } from "@/model/document";
import { addNode, setInput } from "@/model/edit";
import { filesNamed, folderFor, isModelFile, loaderOf, weightsIn, type ModelFile } from "@/model/loaders";
import { lacksOf } from "@/model/missing";
import { copyText } from "@/store/clipboard";
import { filesOf } from "@/store/library";
import { tellRemarks } from "@/store/remarks";
import { isUnsaved, type OpenDocument, type Place } from "@/store/documents";
import type { Editor } from "@/store/editor";
import { keepPicture } from "@/store/uploading";
import { jobsIn } from "@/store/shelf";
import { publishedFollow } from "@/store/saving";

export const titleOf = (one: OpenDocument): string => one.file?.name.split("/").at(-1) ?? one.document.name ?? "";

export function newDocument(editor: Editor): void {
  editor.documents.open(emptyDocument(editor.t.shell.untitled));
}

/** Open a workflow of the service in a tab of its own, or show the tab that has it. */
export async function openWorkflow(editor: Editor, name: string): Promise<void> {
  const { open } = editor.documents.store.getState();
  const known = Object.values(open).find((one) => one.file?.name === name);
  if (known) {
    editor.documents.activate(known.uid);
    return;
  }
  const { document, version } = await getWorkflow(name);
  openDocument(editor, document, { file: { name, ...(version ? { version } : {}) } });
}

/** Open a copy: a template is started from, not written to. */
export async function openTemplate(editor: Editor, name: string): Promise<void> {
  const { document } = await getWorkflow(name);
  openDocument(editor, document);
}

/** Open a document in a tab of its own; what it names and is not here is shown at once, with what is remarked on it. */
export function openDocument(editor: Editor, document: Document, more: Partial<OpenDocument> = {}): void {
  const uid = editor.documents.open(document, more);
  void editor.library.ready().then(() => {
    if (!showsLacks(editor, uid)) tellRemarks(editor, uid);
  });
}

/** Whether what a document names and is not here is shown now. */
function showsLacks(editor: Editor, uid: string): boolean {
  const state = editor.library.store.getState();
  const one = editor.documents.active;
  if (one?.uid !== uid || lacksOf(one.document, state.catalogue, filesOf(state)).length === 0) return false;
  if (editor.view.store.getState().dialog === null) editor.view.set({ dialog: "missing" });
  return editor.view.store.getState().dialog === "missing";
}

export async function openFromDisk(editor: Editor): Promise<void> {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".json,.png,.webp,.jpg,.jpeg";
  input.multiple = true;
  input.onchange = () => void openFiles(editor, [...(input.files ?? [])], null);
  input.click();
}

/** How a model of the service is called while it is dragged to the canvas. */
export const MODEL = "application/x-latentgraph-model";

/** Where something goes that has yet to arrive: the graph that was looked at when it was asked for, and the place in it. */
interface Spot {
  place: Place | null;
  at: Point;
}

const spotOf = (editor: Editor, at: Point | null): Spot => ({ place: editor.documents.place, at: at ?? editor.canvas?.centre() ?? [0, 0] });

/** Put a node there and select it. Where nothing was open, what is open now has to do, or a new document. */
function putNode(editor: Editor, { place, at }: Spot, label: string, type: string, inputs: NonNullable<GraphNode["inputs"]>): void {
  if (!place && !editor.documents.active) newDocument(editor);
  const where = place ?? editor.documents.place!;
  let added: string[] = [];
  editor.documents.editAt(where, label, (graph) => {
    const made = addNode(graph, type, at, { inputs });
    added = [made.name];
    return made.graph;
  });
  editor.documents.selectAt(where, added);
}

/** A node that loads a model file, at a place of the canvas or in its middle. False where no node loads such files. */
export function placeModel(editor: Editor, model: ModelFile, at: Point | null): boolean {
  return loadModel(editor, model, spotOf(editor, at));
}

function loadModel(editor: Editor, { folder, name }: ModelFile, spot: Spot): boolean {
  const loader = loaderOf(folder, editor.library.catalogue);
  if (!loader) return false;
  putNode(editor, spot, editor.t.edits.addLoader, loader.type, { [loader.input]: name });
  return true;
}

/** A model file from this computer: what the service has under that name is loaded; else it is told where to put it. */
async function dropModel(editor: Editor, file: File, spot: Spot): Promise<void> {
  await editor.library.refreshModels();
  const { models } = editor.library.store.getState();
  const weights = await weightsIn(file);
  const kind = folderFor(weights);
  const found = filesNamed(file.name, models);
  const chosen = found.find((one) => one.folder === kind) ?? found[0];
  if (chosen && loadModel(editor, chosen, spot)) return;
  if (chosen) editor.view.say(editor.t.files.nothingLoads(chosen.folder));
  else await sayWhereItGoes(editor, file.name, kind);
}

/** The kinds of models that most people have: the folders that are named for a file that does not tell its kind. */
const USUAL_FOLDERS = ["checkpoints", "loras", "vae", "controlnet"];

async function sayWhereItGoes(editor: Editor, name: string, kind: string | null): Promise<void> {
  const directories: Readonly<Record<string, string>> = await editor.library.seeDirectories().catch(() => ({}));
  const { files: t, missing } = editor.t;
  const placeOf = (folder: string) => directories[folder] ?? `models/${folder}`;
  if (kind === null) {
    editor.view.say(t.kindUnknown(name, USUAL_FOLDERS.map(placeOf)), "bad");
    return;
  }
  const copy = () => void copyText(editor, placeOf(kind)).catch((error: unknown) => editor.fail(error));
  editor.view.say(t.modelNotHere(name, placeOf(kind)), "info", { label: missing.copyFolder, run: copy });
}

export const isPicture = (file: File) => file.type.startsWith("image/");

/** Files dropped or chosen: workflows are opened, models and pictures without one become nodes that load them. */
export async function openFiles(editor: Editor, files: readonly File[], at: Point | null): Promise<void> {
  const spot = spotOf(editor, at);
  for (const file of files) {
    try {
      if (isModelFile(file.name)) {
        await dropModel(editor, file, spot);
        continue;
      }
      const { document, problems } = await readFile(file);
      const named = document.name ? document : { ...document, name: file.name.replace(/\.[^.]*$/, "") };
      openDocument(editor, named, problems.length > 0 ? { report: { source: file.name, problems } } : {});
    } catch (error) {
      if (isPicture(file) && error instanceof ServiceError && error.code !== "unreachable") await placePicture(editor, file, spot);
      else editor.fail(error, file.name);
    }
  }
}

async function placePicture(editor: Editor, file: File, spot: Spot): Promise<void> {
  try {
    const name = await keepPicture(editor, file, file.name || "pasted.png");
    putNode(editor, spot, editor.t.edits.loadPicture, "LoadImage", { image: name });
  } catch (error) {
    editor.fail(error, file.name);
  }
}

export async function downloadDocument(editor: Editor, form: "latentgraph" | "comfyui" | "comfyui-api"): Promise<void> {
  const one = editor.documents.active;
  if (!one) return;
  const made = form === "latentgraph" ? one.document : (await convert(one.document, form)).document;
  downloadFile(new Blob([writeJson(made, 2) + "\n"], { type: "application/json" }), `${titleOf(one) || "workflow"}${form === "latentgraph" ? "" : `.${form}`}.json`);
}

/** Hand a file to the person, as the browser does that. */
export function downloadFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Close a tab. It is kept, and can be opened again; where it was not saved, that is said. */
export function closeDocument(editor: Editor, uid: string): void {
  const one = editor.documents.get(uid);
  if (!one) return;
  editor.documents.close(uid);
  if (!isUnsaved(one)) return;
  editor.view.say(editor.t.files.closed(titleOf(one) || editor.t.files.aWorkflow), "info", { label: editor.t.files.openAgain, run: () => void editor.documents.open(one.document, one) });
}

/** Open again what was closed last, with what its last run made. */
export async function reopenClosed(editor: Editor): Promise<void> {
  const one = await editor.keeping.reopen();
  if (!one) editor.view.say(editor.t.files.noneClosed);
  else void editor.runs.adopt(one.uid, jobsIn(one));
}

/** Give a workflow of the service another name. What has it open follows. */
export async function renameWorkflow(editor: Editor, name: string, to: string): Promise<boolean> {
  try {
    const { document } = await getWorkflow(name);
    const saved = await saveWorkflow(to, document, null);
    await deleteWorkflow(name);
    for (const one of Object.values(editor.documents.store.getState().open)) {
      if (one.file?.name === name) editor.documents.markSaved(one.uid, one.saved, { name: to, ...(saved.version ? { version: saved.version } : {}) });
    }
    await publishedFollow(editor, name, to);
    return true;
  } catch (error) {
    if (error instanceof ServiceError && error.status === 412) editor.view.say(editor.t.files.exists(to), "bad");
    else editor.fail(error);
    return false;
  }
}

/** Take a workflow away from the service; it can be had back. */
export async function removeWorkflow(editor: Editor, name: string, onChange: () => void): Promise<void> {
  try {
    const { document } = await getWorkflow(name);
    await deleteWorkflow(name);
    const changed = () => {
      onChange();
      void publishedFollow(editor, name).catch((error: unknown) => editor.fail(error));
    };
    changed();
    editor.view.say(editor.t.files.removed(name), "info", { label: editor.t.files.bringBack, run: () => void saveWorkflow(name, document, null).then(changed, (error: unknown) => editor.fail(error)) });
  } catch (error) {
    editor.fail(error);
  }
}

export interface WorkflowFile {
  name: string;
  /** Whether it is the user's; what came with the service can be neither renamed nor deleted. */
  own: boolean;
}

export async function workflowFiles(): Promise<WorkflowFile[]> {
  const [names, own] = await Promise.all([listWorkflows(), listWorkflowsOf("user")]);
  return names.map((name) => ({ name, own: own.includes(name) }));
}

/** `#form=NAME&values={...}` opens the form of a workflow with these values; `#open=NAME` the workflow. */
export async function openFromAddress(editor: Editor): Promise<void> {
  const asked = new URLSearchParams(window.location.hash.slice(1));
  const form = asked.get("form");
  const name = form ?? asked.get("open");
  if (name === null) return;
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  try {
    await openWorkflow(editor, name);
    if (form === null) return;
    editor.view.set({ side: "form" });
    const one = editor.documents.active;
    const values = readJson(asked.get("values") ?? "{}") as Record<string, unknown>;
    if (one) editor.documents.edit(one.uid, editor.t.edits.fillForm, (document) => filledIn(document, values));
  } catch (error) {
    editor.fail(error);
  }
}

/** The document with values for its parameters, by name. Others are left out. */
function filledIn(document: Document, values: Readonly<Record<string, unknown>>): Document {
  return (document.parameters ?? []).reduce<Document>((next, parameter) => {
    if (!Object.hasOwn(values, parameter.name)) return next;
    return parameter.binds.reduce<Document>((current, [node, input]) => setInput(current as Graph, node, input, values[parameter.name]) as Document, next);
  }, document);
}
