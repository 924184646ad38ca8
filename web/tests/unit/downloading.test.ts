// @vitest-environment jsdom
// A workflow as a file: in our form, as ComfyUI's editor reads it, and as its API takes it.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { perform, type CommandId } from "@/commands/commands";
import { Editor } from "@/store/editor";
import { documentOf } from "./documents";
import { refusal, ToldService } from "./toldservice";

const DOCUMENT = documentOf({ save: { type: "SaveImage" } }, { name: "foxes" });
const FORMS = { comfyui: { nodes: [{ id: 1, type: "SaveImage" }], links: [] }, "comfyui-api": { "1": { class_type: "SaveImage", inputs: {} } } };

let service: ToldService;
let editor: Editor;
/** The files that the browser was handed, by name. */
let files: Map<string, Blob>;

beforeEach(() => {
  service = new ToldService();
  for (const [form, document] of Object.entries(FORMS))
    service.on(`POST api/v1/convert/${form}`, (_, sent) => {
      expect(sent).toEqual({ workflow: DOCUMENT });
      return { document, problems: [] };
    });
  files = new Map();
  let made: Blob;
  Object.assign(URL, { createObjectURL: (content: Blob) => ((made = content), "blob:file"), revokeObjectURL: () => undefined }); // jsdom has neither
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    files.set(this.download, made);
  });
  editor = new Editor();
  editor.documents.open(DOCUMENT);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test.each<[CommandId, string, unknown]>([
  ["download", "foxes.json", DOCUMENT],
  ["download-comfyui", "foxes.comfyui.json", FORMS["comfyui"]],
  ["download-api", "foxes.comfyui-api.json", FORMS["comfyui-api"]],
])("%s hands out %s", async (command, name, content) => {
  perform(editor, command);
  await expect.poll(() => [...files.keys()]).toEqual([name]);
  expect(JSON.parse(await textOf(files.get(name)!))).toEqual(content);
});

test("what cannot be written in a form is said, and no file made", async () => {
  service.on("POST api/v1/convert/comfyui-api", () => refusal(422, "not_in_this_form"));
  perform(editor, "download-api");
  await expect.poll(() => editor.view.store.getState().toasts.map(({ text }) => text)).toEqual(["not_in_this_form"]);
  expect(files.size).toBe(0);
});

/** jsdom's blobs have no text(). */
const textOf = (content: Blob) =>
  new Promise<string>((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.readAsText(content);
  });
