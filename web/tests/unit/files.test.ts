// @vitest-environment jsdom
// What takes its time on the way in: it arrives where it was asked for.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tidy } from "@/commands/arranging";
import { positionOf } from "@/model/document";
import { Editor } from "@/store/editor";
import { openFiles } from "@/store/files";
import { catalogue, documentOf, template } from "./documents";
import { fakeService, type FakeService } from "./service";

let service: FakeService;
let editor: Editor;
const picture = () => new File(["pixels"], "picture.png", { type: "image/png" });
const typesIn = (uid: string) => Object.values(editor.documents.get(uid)!.document.nodes).map((node) => node.type);

beforeEach(() => {
  service = fakeService();
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

test("a model file becomes the node that loads it, there as well", async () => {
  const one = editor.documents.open(documentOf({}));
  const answer = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, ...more: [RequestInit]) => (path === "api/v1/models" ? Promise.resolve(new Response('{"checkpoints": ["mine.safetensors"]}')) : answer(path, ...more)));
  const dropping = openFiles(editor, [new File(["weights"], "mine.safetensors")], [0, 0]);
  const two = editor.documents.open(documentOf({}));
  await dropping;
  expect([typesIn(one), typesIn(two)]).toEqual([["CheckpointLoaderSimple"], []]);
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
