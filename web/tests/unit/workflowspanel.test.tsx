// @vitest-environment jsdom
// Saved workflows in lists: in the panel while workflows are saved, and beside the templates.
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkflowsPanel } from "@/panels/FilePanels";
import { Templates } from "@/panels/Templates";
import { Editor, EditorContext } from "@/store/editor";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

let service: ToldService;
let editor: Editor;
let root: Root;
let own: string[];

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  service = new ToldService();
  own = ["first"];
  service.on("GET api/v1/workflows", (query) => ({ shipped: ["shipped"], user: [...own] })[query.get("whose") ?? ""] ?? [...own, "shipped"]);
  service.on("POST api/v1/validate", () => ({ valid: true, problems: [] }));
  editor = new Editor();
  document.body.innerHTML = "<main></main>";
  root = createRoot(document.querySelector("main")!);
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

const show = (what: ReactNode) => act(() => root.render(<EditorContext value={editor}>{what}</EditorContext>));
const listed = () => [...document.querySelectorAll("[class*=rowTitle]")].map((one) => one.textContent!.trim());

test("a workflow that is saved under another name is listed, also with the same content", async () => {
  const saved = documentOf({});
  const uid = editor.documents.open(saved, { file: { name: "first", version: "1" } });
  await show(<WorkflowsPanel />);
  await expect.poll(() => listed()).toEqual(["first", "shipped"]);
  own.push("second");
  await act(() => editor.documents.markSaved(uid, saved, { name: "second", version: "1" }));
  await expect.poll(() => listed()).toEqual(["first", "second", "shipped"]);
});

test("only one's own are renamed and deleted", async () => {
  await show(<WorkflowsPanel />);
  await expect.poll(() => listed()).toEqual(["first", "shipped"]);
  const buttons = [...document.querySelectorAll("button")].map((one) => one.getAttribute("aria-label") ?? "");
  expect(buttons.filter((one) => /^(Rename|Delete)/.test(one))).toEqual(["Rename first", "Delete first"]);
});

test("beside the templates one's own are called as their files are, and have no picture to be asked for; code in what is told is code", async () => {
  for (const name of ["first", "shipped"]) service.on(`GET api/v1/workflows/${name}`, () => ({ document: documentOf({}, { name: "Text to image", description: "with `steps`" }) }));
  await show(<Templates onDone={() => undefined} />);
  const card = (name: string) => document.querySelector(`[data-testid=template-${name}]`)!;
  await expect.poll(() => [card("first"), card("shipped")].map((one) => one.querySelector("strong")!.textContent)).toEqual(["first", "Text to image"]);
  expect([card("first"), card("shipped")].map((one) => one.querySelector("img")?.getAttribute("src"))).toEqual([undefined, "templates/shipped.png"]);
  expect(card("shipped").textContent).toContain("with steps");
  expect(card("shipped").querySelector("code")!.textContent).toBe("steps");
});
