// @vitest-environment jsdom
// What is asked of the service when one runs: how often, at which place in the queue, up to which nodes.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { perform } from "@/commands/commands";
import { Editor } from "@/store/editor";
import { catalogue, documentOf, template } from "./documents";
import { refusal, ToldService } from "./toldservice";

let service: ToldService;
let editor: Editor;
let sent: { front?: boolean; targets?: string[] }[];
/** Called when a job is taken, before the next is asked for. */
let taken: (job: string) => void;

beforeEach(() => {
  service = new ToldService();
  sent = [];
  taken = () => undefined;
  service.on("POST api/v1/jobs", (_, request) => {
    if (sent.length > 0) taken(`job-${sent.length}`);
    sent.push(request as (typeof sent)[number]);
    return { id: `job-${sent.length}`, state: "queued", outputs: [] };
  });
  for (const number of [1, 2, 3, 4]) service.on(`GET api/v1/jobs/job-${number}/events`, () => ({ events: [] }));
  editor = new Editor();
  editor.library.store.setState({ catalogue });
  editor.documents.open(template("text_to_image"));
});
afterEach(() => {
  editor.runs.end();
  vi.unstubAllGlobals();
});

const ran = (count: number) => expect.poll(() => sent).toHaveLength(count);

test("as often as is set, behind all that waits", async () => {
  editor.view.set({ batch: 3 });
  perform(editor, "run");
  await ran(3);
  for (const one of sent) expect(Object.keys(one)).toEqual(["workflow", "scope", "client"]);
});

test("before all that waits, once, however often is set", async () => {
  editor.view.set({ batch: 3 });
  perform(editor, "run-front");
  await ran(1);
  await expect.poll(() => editor.runs.pending(editor.documents.active!.uid)).toHaveLength(1);
  expect(sent).toMatchObject([{ front: true }]);
});

describe("what is selected", () => {
  test("runs with what it needs, and nothing without a selection", async () => {
    perform(editor, "run-selected");
    editor.documents.select(["decode"]);
    perform(editor, "run-selected");
    await ran(1);
    expect(sent).toMatchObject([{ targets: ["decode"] }]);
  });

  test("in a subgraph is named by the whole way to it; an instance is to be entered first", async () => {
    const inner = { name: "Inner", nodes: { decode: { type: "VAEDecode" } } };
    editor.documents.open(documentOf({ outer: { type: "subgraph:inner" } }, { subgraphs: { inner } }));
    editor.documents.select(["outer"]);
    perform(editor, "run-selected");
    expect(editor.view.store.getState().toasts.map(({ text }) => text)).toEqual([editor.t.says.enterFirst]);
    editor.documents.enter("outer");
    editor.documents.select(["decode"]);
    perform(editor, "run-selected");
    await ran(1);
    expect(sent).toMatchObject([{ targets: ["outer:decode"] }]);
  });
});

describe("how runs failed", () => {
  const fails = (job: string) => editor.runs.take({ type: "failed", job, sequence: 1, data: { error: { code: "memory", message: `no memory for ${job}` } } });
  const failed = () => (editor.runs.store.getState().failed[editor.documents.active!.uid] ?? []).map(({ job }) => job);

  test("is told of all of a batch, also of one that failed before the next was taken, and no more once another is", async () => {
    taken = (job) => job !== "job-3" && fails(job);
    editor.view.set({ batch: 3 });
    perform(editor, "run");
    await ran(3);
    expect(failed()).toEqual(["job-1", "job-2"]);
    perform(editor, "run-front");
    await ran(4);
    await expect.poll(() => failed()).toEqual([]);
  });

  test("is told still when another is refused", async () => {
    await editor.run();
    fails("job-1");
    service.on("POST api/v1/jobs", () => refusal(422, "invalid"));
    await editor.run();
    expect(failed()).toEqual(["job-1"]);
  });
});
