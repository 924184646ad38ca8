// @vitest-environment jsdom
// The list of saved workflows, while workflows are saved.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, expect, test, vi } from "vitest";
import { WorkflowsPanel } from "@/panels/FilePanels";
import { Editor, EditorContext } from "@/store/editor";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

afterEach(() => {
  vi.unstubAllGlobals();
});

test("lists a workflow that is saved under another name, also with the same content", async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  const service = new ToldService();
  const names = ["first"];
  service.on("GET api/v1/workflows", () => [...names]);
  const editor = new Editor();
  const document_ = documentOf({});
  const uid = editor.documents.open(document_, { file: { name: "first", version: "1" } });
  document.body.innerHTML = "<main></main>";
  const root = createRoot(document.querySelector("main")!);
  await act(() => root.render(<EditorContext value={editor}><WorkflowsPanel /></EditorContext>));
  const listed = () => [...document.querySelectorAll("[class*=rowTitle]")].map((one) => one.textContent!.trim());
  await vi.waitFor(() => expect(listed()).toEqual(["first"]));
  names.push("second");
  await act(() => editor.documents.markSaved(uid, document_, { name: "second", version: "1" }));
  await vi.waitFor(() => expect(listed()).toEqual(["first", "second"]));
  await act(() => root.unmount());
});
