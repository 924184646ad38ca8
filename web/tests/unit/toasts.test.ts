// @vitest-environment jsdom
// Messages that come and go: what is told step by step is one of them.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { perform } from "@/commands/commands";
import { Editor } from "@/store/editor";
import { documentOf } from "./documents";
import { fakeService } from "./service";

let editor: Editor;
let uid: string;
const texts = () => editor.view.store.getState().toasts.map(({ text }) => text);
const edit = (label: string) => editor.documents.edit(uid, label, (document) => ({ ...document, description: `${document.description}.` }));

beforeEach(() => {
  vi.useFakeTimers();
  fakeService();
  editor = new Editor();
  uid = editor.documents.open(documentOf({}));
  for (const label of ["Move", "Link", "Paste"]) edit(label);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("several steps of undo are one message, which counts them", () => {
  perform(editor, "undo");
  expect(texts()).toEqual(["Undone: paste"]);
  perform(editor, "undo");
  perform(editor, "undo");
  expect(texts()).toEqual(["Undone 3 steps, the last: move"]);
});

test("doing again takes its place, and counts anew", () => {
  for (const id of ["undo", "undo", "redo", "redo"] as const) perform(editor, id);
  expect(texts()).toEqual(["Done again 2 steps, the last: paste"]);
});

test("after an edit the count begins anew", () => {
  perform(editor, "undo");
  perform(editor, "undo");
  edit("Tidy up");
  perform(editor, "undo");
  expect(texts()).toEqual(["Undone: tidy up"]);
});

test("other messages stay, and the one of steps lasts from its last step on", () => {
  editor.view.say("Saved", "bad");
  perform(editor, "undo");
  vi.advanceTimersByTime(3000);
  perform(editor, "undo");
  vi.advanceTimersByTime(3000);
  expect(texts()).toEqual(["Saved", "Undone 2 steps, the last: link"]);
  vi.advanceTimersByTime(1000);
  expect(texts()).toEqual(["Saved"]);
});
