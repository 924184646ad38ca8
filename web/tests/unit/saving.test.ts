// @vitest-environment jsdom
// Saving: whose content goes into which file, whatever is looked at meanwhile.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isUnsaved } from "@/store/documents";
import { Editor } from "@/store/editor";
import { publishSubgraph, saveAs, saveDocument } from "@/store/saving";
import { documentOf } from "./documents";
import { fakeService, type FakeService } from "./service";

let service: FakeService;
let editor: Editor;
const named = (name: string) => documentOf({}, { name });
const toasts = () => editor.view.store.getState().toasts;
const edit = (uid: string, description: string) => editor.documents.edit(uid, "Edit", (document) => ({ ...document, description }));
const wait = () => new Promise((done) => setTimeout(done));

beforeEach(() => {
  service = fakeService();
  editor = new Editor();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a file that was changed elsewhere", () => {
  let uid: string;
  beforeEach(async () => {
    uid = editor.documents.open(named("A"));
    await saveAs(editor, uid, "a", "its own");
    service.files.set("a", { document: named("elsewhere"), version: 7 });
    edit(uid, "mine");
    await saveDocument(editor);
  });

  test("is left alone, and told of", () => {
    expect(service.files.get("a")!.document.name).toBe("elsewhere");
    expect(isUnsaved(editor.documents.get(uid)!)).toBe(true);
    expect(toasts().at(-1)!.text).toContain("changed elsewhere");
  });

  test("is replaced by the document that was saved, not by the one that is looked at", async () => {
    const other = editor.documents.open(named("B"));
    toasts().at(-1)!.action!.run();
    await expect.poll(() => service.files.get("a")!.document).toMatchObject({ name: "A", description: "mine" });
    expect(editor.documents.get(other)!.file).toBeNull();
  });
});

test("a file that was deleted elsewhere is made anew when one asks for it", async () => {
  const uid = editor.documents.open(named("A"));
  await saveAs(editor, uid, "a", "its own");
  service.files.delete("a");
  edit(uid, "mine");
  await saveDocument(editor);
  expect(toasts().at(-1)!.text).toContain("changed elsewhere");
  toasts().at(-1)!.action!.run();
  await expect.poll(() => service.files.get("a")?.document).toMatchObject({ description: "mine" });
  expect(isUnsaved(editor.documents.get(uid)!)).toBe(false);
});

describe("saves of one document", () => {
  test("that follow each other at once are no conflict, and the last of them counts", async () => {
    const uid = editor.documents.open(named("A"));
    await saveAs(editor, uid, "a", "its own");
    const open = service.hold();
    edit(uid, "first");
    const first = saveDocument(editor);
    edit(uid, "second");
    const second = saveDocument(editor);
    open();
    await Promise.all([first, second]);
    expect(toasts().filter((one) => one.kind === "bad")).toEqual([]);
    expect(service.files.get("a")!.document.description).toBe("second");
    expect(isUnsaved(editor.documents.get(uid)!)).toBe(false);
  });

  test("leave it unsaved where it was edited while it was being saved", async () => {
    const uid = editor.documents.open(named("A"));
    const open = service.hold();
    const saving = saveAs(editor, uid, "a", "its own");
    await wait();
    edit(uid, "meanwhile");
    open();
    await saving;
    expect(isUnsaved(editor.documents.get(uid)!)).toBe(true);
  });
});

describe("a name that is taken", () => {
  test("is not written to unless one says so", async () => {
    service.files.set("theirs", { document: named("theirs"), version: 1 });
    const uid = editor.documents.open(named("A"));
    expect(await saveAs(editor, uid, "theirs", "its own")).toBe("exists");
    expect(service.files.get("theirs")!.document.name).toBe("theirs");
    expect(await saveAs(editor, uid, "theirs", "anything")).toBe("saved");
    expect(service.files.get("theirs")!.document.name).toBe("A");
  });

  test("of a kept subgraph is told as well; the subgraph is that of the document it was asked for in", async () => {
    service.files.set("subgraphs/Mine", { document: named("theirs"), version: 1 });
    editor.documents.open(documentOf({ one: { type: "subgraph:S" } }, { subgraphs: { S: { nodes: {} } } }));
    const place = editor.documents.place!;
    editor.documents.open(named("B"));
    expect(await publishSubgraph(editor, place, "one", "Mine", "its own")).toBe("exists");
    expect(await publishSubgraph(editor, place, "one", "Mine", "anything")).toBe("saved");
    expect(service.files.get("subgraphs/Mine")!.document.subgraphs).toEqual({ S: { nodes: {} } });
  });
});

test("work that failed lets the next have its turn", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
  const uid = editor.documents.open(named("A"));
  expect(await saveAs(editor, uid, "a", "its own")).toBe("failed");
  service = fakeService();
  expect(await saveAs(editor, uid, "a", "its own")).toBe("saved");
});

test("without a file a name is asked for", async () => {
  editor.documents.open(named("A"));
  await saveDocument(editor);
  expect(editor.view.store.getState().dialog).toBe("save");
  expect(service.asked).toEqual([]);
});
