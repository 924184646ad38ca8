// @vitest-environment jsdom
// What runs inside a subgraph, told of at its instance.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { instancesAround, runInside } from "@/model/inside";
import type { JobEvent, NodeRun } from "@/model/runs";
import { Runs } from "@/store/runs";

const run = (change: Partial<NodeRun> & Pick<NodeRun, "state">): NodeRun => ({ job: "a", ...change });

test("a node is inside of every instance on the way to it", () => {
  expect(instancesAround("save")).toEqual([]);
  expect(instancesAround("a:b:c")).toEqual(["a", "a:b"]);
});

describe("an instance", () => {
  test("is told nothing of while nothing inside is, and nothing by what is beside it", () => {
    expect(runInside("sub", { save: run({ state: "ran" }), "sub2:sampler": run({ state: "running" }) })).toBeUndefined();
  });

  test("runs as far as what runs inside", () => {
    const nodes = { "sub:load": run({ state: "running" }), "sub:deep:sampler": run({ state: "running", value: 3, maximum: 20 }), "sub:text": run({ state: "ran", seconds: 1 }) };
    expect(runInside("sub", nodes)).toEqual({ state: "running", job: "a", at: "sub:deep:sampler", value: 3, maximum: 20, seconds: 1 });
    expect(runInside("sub:deep", nodes)).toMatchObject({ state: "running", at: "sub:deep:sampler", value: 3 });
  });

  test("failed where something inside did, and says which", () => {
    const failure = { code: "memory", message: "no memory" };
    expect(runInside("sub", { "sub:text": run({ state: "ran" }), "sub:sampler": run({ state: "failed", failure }) })).toEqual({ state: "failed", job: "a", at: "sub:sampler", failure });
    expect(runInside("sub", { "sub:sampler": run({ state: "blocked", reason: "closed" }) })).toMatchObject({ state: "blocked", at: "sub:sampler", reason: "closed" });
  });

  test("took as long as everything inside together", () => {
    expect(runInside("sub", { "sub:text": run({ state: "cached" }), "sub:sampler": run({ state: "ran", seconds: 2 }), "sub:decode": run({ state: "ran", seconds: 0.5 }) })).toEqual({ state: "ran", job: "a", seconds: 2.5 });
    expect(runInside("sub", { "sub:text": run({ state: "cached" }) })).toEqual({ state: "cached", job: "a" });
  });
});

describe("a job's events", () => {
  let runs: Runs;
  const take = (type: string, sequence: number | undefined, data: JobEvent["data"], picture?: Blob) => runs.take({ type, job: "a", ...(sequence === undefined ? {} : { sequence }), data }, picture);

  beforeEach(() => {
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:picture", revokeObjectURL: () => undefined }));
    runs = new Runs(() => undefined);
    runs.own("one", "a");
    take("started", 1, { nodes: 3, cached: ["text"] });
  });

  test("wake the instance that they are in, and no other node", () => {
    const woken: string[] = [];
    for (const name of ["sub", "sub:sampler", "sub:decode", "other", "text"]) runs.nodes.subscribe(`one/${name}`, () => void woken.push(name));
    take("node_started", 2, { node: "sub:sampler" });
    woken.length = 0;
    take("progress", undefined, { node: "sub:sampler", value: 4, maximum: 20 });
    expect(woken).toEqual(["sub:sampler", "sub"]);
    expect(runs.nodes.get("one/sub")).toMatchObject({ state: "running", value: 4, maximum: 20, at: "sub:sampler" });
  });

  test("do not draw an instance again that they change nothing of", () => {
    take("node_started", 2, { node: "sub:sampler" });
    take("progress", undefined, { node: "sub:sampler", value: 4, maximum: 20 });
    const woken = vi.fn();
    runs.nodes.subscribe("one/sub", woken);
    take("node_started", 3, { node: "sub:load" });
    expect(woken).not.toHaveBeenCalled();
  });

  test("show at the instance what is sampled inside, as long as that works", () => {
    take("node_started", 2, { node: "sub:sampler" });
    take("progress", undefined, { node: "sub:sampler", value: 4, maximum: 20 }, new Blob());
    expect(runs.previews.get("one/sub")).toBe("blob:picture");
    take("node_finished", 3, { node: "sub:sampler", status: "ran", seconds: 2 });
    expect(runs.previews.get("one/sub")).toBeUndefined();
    expect(runs.nodes.get("one/sub")).toMatchObject({ state: "ran", seconds: 2 });
  });

  test("of a failure inside leave it at the instance", () => {
    take("node_failed", 2, { node: "sub:sampler", code: "memory", message: "no memory" });
    take("failed", 3, { error: { code: "memory", message: "no memory", node: "sub:sampler" } });
    expect(runs.nodes.get("one/sub")).toMatchObject({ state: "failed", at: "sub:sampler", failure: { message: "no memory" } });
  });
});
