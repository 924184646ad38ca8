// @vitest-environment jsdom
// The numbers at the panels' buttons.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Rail } from "@/shell/Rail";
import { Editor, EditorContext } from "@/store/editor";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  new ToldService();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("the problems are what the service says of the graph and how runs failed", async () => {
  const editor = new Editor();
  const uid = editor.documents.open(documentOf({}));
  document.body.innerHTML = "<main></main>";
  const root = createRoot(document.querySelector("main")!);
  await act(() => root.render(<EditorContext value={editor}><Rail /></EditorContext>));
  const number = () => document.querySelector("[data-testid=rail-problems]")!.textContent;
  expect(number()).toBe("");
  const failure = { code: "memory", message: "no memory" };
  await act(() => editor.runs.store.setState({ failed: { [uid]: [{ job: "a", failure }], other: [{ job: "b", failure }] } }));
  expect(number()).toBe("1");
  const problem = { code: "missing", message: "no model", severity: "error" as const };
  await act(() => editor.plans.store.setState({ [uid]: { ...editor.plans.get(uid), problems: [problem, problem] } }));
  expect(number()).toBe("3");
  await act(() => root.unmount());
});
