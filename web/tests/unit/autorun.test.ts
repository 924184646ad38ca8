import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sameWork, type Document, type Graph } from "@/model/document";
import { move, setInput, setTitle } from "@/model/edit";
import { AutoRun } from "@/store/autorun";
import { template } from "./documents";

const start = template("text_to_image");
const edited = (change: (graph: Graph) => Graph) => change(start) as Document;

describe("the same work", () => {
  test.each<[string, Document, boolean]>([
    ["the document itself", start, true],
    ["a node elsewhere", edited((graph) => move(graph, new Map([["sampler", [7, 7]]]))), true],
    ["another title", edited((graph) => setTitle(graph, "sampler", "Mine")), true],
    ["another value", edited((graph) => setInput(graph, "sampler", "steps", 3)), false],
    ["a muted node", edited((graph) => ({ ...graph, nodes: { ...graph.nodes, save: { ...graph.nodes["save"]!, mode: "mute" } } })), false],
  ])("%s", (_, other, same) => expect(sameWork(start, other)).toBe(same));
});

describe("a run on every change", () => {
  let document: Document | null;
  let on: boolean;
  let done: string[];
  let uid: string;
  let cancelled: () => void;
  let auto: AutoRun;

  beforeEach(() => {
    vi.useFakeTimers();
    document = start;
    on = true;
    done = [];
    uid = "one";
    cancelled = () => undefined;
    let jobs = 0;
    auto = new AutoRun({
      isOn: () => on,
      due: () => document && { uid, document },
      run: async () => (done.push(`run ${++jobs}`), String(jobs)),
      cancel: async (job) => {
        done.push(`cancel ${job}`);
        cancelled();
      },
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const later = () => vi.advanceTimersByTimeAsync(1000);

  test("waits for the last of several changes, and cancels its own run that is out of date", async () => {
    for (const steps of [1, 2, 3]) {
      document = edited((graph) => setInput(graph, "sampler", "steps", steps));
      auto.notice();
      await vi.advanceTimersByTimeAsync(100);
    }
    await later();
    expect(done).toEqual(["run 1"]);
    document = edited((graph) => setInput(graph, "sampler", "steps", 4));
    auto.notice();
    await later();
    expect(done).toEqual(["run 1", "cancel 1", "run 2"]);
  });

  test("does not run again for what changes nothing that is computed", async () => {
    auto.notice();
    await later();
    document = edited((graph) => move(graph, new Map([["sampler", [7, 7]]])));
    auto.notice();
    await later();
    expect(done).toEqual(["run 1"]);
  });

  test("runs nothing of another document that is looked at by the time the run before is cancelled", async () => {
    auto.notice();
    await later();
    document = edited((graph) => setInput(graph, "sampler", "steps", 4));
    cancelled = () => (uid = "two");
    auto.notice();
    await vi.advanceTimersByTimeAsync(400);
    expect(done).toEqual(["run 1", "cancel 1"]);
    await later();
    expect(done).toEqual(["run 1", "cancel 1", "run 2"]); // of the other, for itself
  });

  test.each([
    ["switched off meanwhile", () => (on = false)],
    ["with nothing left to run", () => (document = null)],
  ])("runs nothing %s", async (_, change) => {
    auto.notice();
    change();
    await later();
    expect(done).toEqual([]);
  });
});
