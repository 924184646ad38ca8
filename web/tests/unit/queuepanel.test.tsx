// @vitest-environment jsdom
// The queue: what tells jobs of one workflow apart.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Job } from "@/api/client";
import { QueuePanel } from "@/panels/QueuePanel";
import { Editor, EditorContext } from "@/store/editor";
import { catalogue, documentOf } from "./documents";
import { ToldService } from "./toldservice";

let service: ToldService;
let editor: Editor;
let root: Root;

const job = (id: string, name: string): Job => ({ id, name, state: "queued", number: 1, created: 0, outputs: [], texts: {} }) as unknown as Job;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class {
    observe = () => undefined;
    disconnect = () => undefined;
  });
  service = new ToldService();
  editor = new Editor();
  editor.library.store.setState({ catalogue });
  document.body.innerHTML = "<main></main>";
  root = createRoot(document.querySelector("main")!);
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

test("jobs of one workflow say what of them differs; their workflows are asked for once; one that is alone says nothing", async () => {
  const withSeed = (seed: number) => ({ document: documentOf({ sampler: { type: "KSampler", inputs: { seed, steps: 20 } } }) });
  service.on("GET api/v1/jobs/a/workflow", () => withSeed(1));
  service.on("GET api/v1/jobs/b/workflow", () => withSeed(2));
  editor.runs.store.setState({ waiting: [job("a", "foxes"), job("b", "foxes"), job("gone", "foxes"), job("c", "hares")] });
  await act(() => root.render(<EditorContext value={editor}><QueuePanel /></EditorContext>));
  const told = () => [...document.querySelectorAll("[data-job]")].map((row) => row.querySelector("[data-testid=job-differs]")?.textContent ?? "");
  await expect.poll(() => told()).toEqual(["seed 1", "seed 2", "", ""]);
  await act(() => editor.runs.store.setState({ waiting: [job("b", "foxes"), job("a", "foxes"), job("c", "hares")] }));
  expect(told()).toEqual(["seed 2", "seed 1", ""]);
  expect(service.asked.filter((one) => one.endsWith("/workflow"))).toEqual(["a", "b", "gone"].map((id) => `GET api/v1/jobs/${id}/workflow`));
});
