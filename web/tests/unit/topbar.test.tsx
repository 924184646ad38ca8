// @vitest-environment jsdom
// How often one runs is written beside the button that runs.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TopBar } from "@/shell/TopBar";
import { Editor, EditorContext } from "@/store/editor";
import { template } from "./documents";
import { ToldService } from "./toldservice";

let service: ToldService;
let editor: Editor;
let root: Root;

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  Element.prototype.scrollIntoView = () => undefined; // jsdom has none
  vi.stubGlobal("ResizeObserver", class {
    observe = () => undefined;
    disconnect = () => undefined;
  });
  service = new ToldService();
  service.on("POST api/v1/jobs", () => ({ id: `job-${service.asked.length}`, state: "queued", outputs: [] }));
  editor = new Editor();
  const uid = editor.documents.open(template("text_to_image"));
  editor.plans.store.setState({ [uid]: { ...editor.plans.get(uid), status: "fresh" } });
  document.body.innerHTML = "<main></main>";
  root = createRoot(document.querySelector("main")!);
  await act(() => root.render(<EditorContext value={editor}><TopBar /></EditorContext>));
});
afterEach(async () => {
  await act(() => root.unmount());
  editor.runs.end();
  vi.unstubAllGlobals();
});

const field = () => document.querySelector<HTMLInputElement>("input[type=number]")!;
const write = (text: string) =>
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(field(), text); // as a person, behind React's back
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
const submitted = () => service.asked.filter((one) => one === "POST api/v1/jobs").length;

test("what is written there is how often one press runs", async () => {
  expect([field().value, field().getAttribute("aria-label")]).toEqual(["1", editor.t.shell.howOften]);
  await write("3");
  await act(async () => document.querySelector<HTMLElement>("[data-testid=run]")!.click());
  await expect.poll(() => submitted()).toBe(3);
});

test.each([
  ["0", 1],
  ["", 1],
  ["2.6", 3],
  ["1000", 100],
])("%s is %d times", async (text, times) => {
  await write("7");
  await write(text);
  expect(editor.view.store.getState().batch).toBe(times);
});
