// @vitest-environment jsdom
// Pasting on a page of plain http, which may not look into the clipboard: what is pasted comes with the event of the browser.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { handleKey } from "@/commands/keys";
import { handlePaste } from "@/commands/pasting";
import { copied } from "@/model/clipboard";
import { writeJson } from "@/model/json";
import { Editor } from "@/store/editor";
import { documentOf } from "./documents";
import { fakeService } from "./service";

const nodes = documentOf({ model: { type: "CheckpointLoaderSimple" }, sampler: { type: "KSampler", inputs: { model: { from: ["model", "MODEL"] } } } });
const clip = writeJson(copied(nodes, nodes, new Set(["sampler"]))!);

let editor: Editor;
const pastedInputs = () => Object.entries(editor.documents.active!.document.nodes).filter(([name]) => !Object.hasOwn(nodes.nodes, name)).map(([, node]) => node.inputs ?? {});
const texts = () => editor.view.store.getState().toasts.map(({ text }) => text);

/** Keys as the browser tells of them. Returns whether it goes on with them itself. */
function press(init: KeyboardEventInit): boolean {
  const event = new KeyboardEvent("keydown", { cancelable: true, ...init });
  Object.defineProperty(event, "target", { value: document.body });
  handleKey(editor, event);
  return !event.defaultPrevented;
}

function browserPastes(text: string): void {
  const event = new Event("paste", { cancelable: true });
  Object.defineProperties(event, { target: { value: document.body }, clipboardData: { value: { files: [], getData: () => text } } });
  handlePaste(editor, event as ClipboardEvent);
}

const WITH_LINKS = { key: "V", ctrlKey: true, shiftKey: true };

beforeEach(() => {
  vi.useFakeTimers();
  fakeService();
  editor = new Editor();
  editor.documents.open(nodes);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the keys of pasting with links are left to the browser, and what it pastes keeps its links", () => {
  expect(press(WITH_LINKS)).toBe(true);
  browserPastes(clip);
  expect(pastedInputs()).toEqual([{ model: { from: ["model", "MODEL"] } }]);
  vi.runAllTimers();
  expect(texts()).toEqual([]);
});

test("what is pasted then has no links, as before", () => {
  press(WITH_LINKS);
  browserPastes("");
  browserPastes(clip);
  expect(pastedInputs()).toEqual([{}]);
});

test("where the browser pastes nothing by these keys, it is said how one can paste", () => {
  press(WITH_LINKS);
  vi.advanceTimersByTime(400);
  expect(texts()).toEqual([editor.t.says.pasteByKeys]);
  browserPastes(clip);
  expect(pastedInputs()).toEqual([{}]);
});

test("a page that may look into the clipboard does so itself", () => {
  vi.stubGlobal("navigator", { clipboard: { readText: () => Promise.resolve(clip) } });
  expect(press(WITH_LINKS)).toBe(false);
});
