// @vitest-environment jsdom
// What takes its time on the way in: it arrives where it was asked for.
import { File as NodeFile } from "node:buffer";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tidy } from "@/commands/arranging";
import { dropFiles } from "@/commands/dropping";
import { positionOf } from "@/model/document";
import { Editor } from "@/store/editor";
import { openFiles } from "@/store/files";
import { catalogue, documentOf, template } from "./documents";
import { fakeService, type FakeService } from "./service";

let service: FakeService;
let editor: Editor;
const picture = () => new File(["pixels"], "picture.png", { type: "image/png" });
const toasts = () => editor.view.store.getState().toasts.map(({ text }) => text);
const typesIn = (uid: string) => Object.values(editor.documents.get(uid)!.document.nodes).map((node) => node.type);

beforeEach(() => {
  service = fakeService();
  vi.stubGlobal("createImageBitmap", async (file: File) => {
    if (file.name === "torn.png") throw new Error("The source image could not be decoded.");
    return { close: () => undefined };
  });
  editor = new Editor();
  editor.library.store.setState({ catalogue });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("a picture becomes a node of the document that it was dropped on", async () => {
  const one = editor.documents.open(documentOf({}));
  const open = service.hold();
  const dropping = openFiles(editor, [picture()], [40, 8]);
  const two = editor.documents.open(documentOf({}));
  open();
  await dropping;
  expect([typesIn(one), typesIn(two)]).toEqual([["LoadImage"], []]);
  expect(editor.documents.get(one)!.selection.size).toBe(1);
});

test.each([
  ["onto the canvas", async (file: File) => openFiles(editor, [file], [0, 0])],
  ["onto a node that loads one", async (file: File) => {
    editor.documents.open(documentOf({ load: { type: "LoadImage" } }));
    const on = document.body.appendChild(document.createElement("div"));
    on.dataset["node"] = "load";
    await dropFiles(editor, [file], on, { x: 0, y: 0 });
    expect(editor.documents.active!.document.nodes["load"]!.inputs).toBeUndefined();
    on.remove();
  }],
])("a damaged picture dropped %s is told by its name, and nothing is made of it", async (_, drop) => {
  await drop(new File(["pixels"], "torn.png", { type: "image/png" }));
  expect(toasts()).toEqual(["torn.png: the picture cannot be read: it is damaged or cut off"]);
  expect(service.asked.filter((one) => one.endsWith("upload/image"))).toEqual([]);
  expect(editor.documents.active ? typesIn(editor.documents.active.uid).length : 0).toBeLessThan(2);
});

test("a picture of a kind that browsers do not know is for the service to judge", async () => {
  await openFiles(editor, [new File(["pixels"], "scan.tiff", { type: "image/tiff" })], [0, 0]);
  expect([typesIn(editor.documents.active!.uid), toasts()]).toEqual([["LoadImage"], []]);
});

test("what is no workflow is told by its name", async () => {
  await openFiles(editor, [new File(["hello"], "notes.txt", { type: "text/plain" }), new File(["7"], "seven.json")], null);
  expect(toasts().map((text) => text.split(":")[0])).toEqual(["notes.txt", "seven.json"]);
});

test("a model file becomes the node that loads it, there as well", async () => {
  const one = editor.documents.open(documentOf({}));
  const answer = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, ...more: [RequestInit]) => (path === "api/v1/models" ? Promise.resolve(new Response('{"checkpoints": ["mine.safetensors"]}')) : answer(path, ...more)));
  const dropping = openFiles(editor, [new File(["weights"], "mine.safetensors")], [0, 0]);
  const two = editor.documents.open(documentOf({}));
  await dropping;
  expect([typesIn(one), typesIn(two)]).toEqual([["CheckpointLoaderSimple"], []]);
});

test.each([
  ["loras", '{"a.lora_down.weight": {}}', "It belongs in /models/loras;"],
  ["no kind that it tells", "{}", "does not tell its kind. Put it where models of its kind are: /models/checkpoints, /models/loras,"],
])("a model file that the service has not is told where it goes: %s", async (_, header, says) => {
  const answer = globalThis.fetch;
  const directories = JSON.stringify([{ name: "loras", folders: ["/models/loras", "/other"] }, { name: "checkpoints", folders: ["/models/checkpoints"] }]);
  vi.stubGlobal("fetch", (path: string, ...more: [RequestInit]) => (path === "experiment/models" ? Promise.resolve(new Response(directories)) : answer(path, ...more)));
  const length = new BigUint64Array([BigInt(header.length)]);
  await openFiles(editor, [new NodeFile([new Uint8Array(length.buffer), header], "fox.safetensors") as unknown as File], [0, 0]);
  expect(toasts()).toEqual([expect.stringContaining(says)]);
});

test("pictures dropped where nothing is open share a new document", async () => {
  await openFiles(editor, [picture(), picture()], [0, 0]);
  expect(Object.keys(editor.documents.store.getState().open)).toHaveLength(1);
  expect(typesIn(editor.documents.active!.uid)).toEqual(["LoadImage", "LoadImage"]);
});

test("a layout arranges the graph that it was worked out for", async () => {
  const document = template("text_to_image");
  const one = editor.documents.open(document);
  const arranging = tidy(editor);
  const two = editor.documents.open(document);
  await arranging;
  const places = (uid: string) => Object.values(editor.documents.get(uid)!.document.nodes).map(positionOf);
  expect(places(two)).toEqual(Object.values(document.nodes).map(positionOf));
  expect(places(one)).not.toEqual(places(two));
});
