// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { JobEvent, JobRun } from "@/model/runs";
import { Runs } from "@/store/runs";
import { held, refusal, ToldService } from "./toldservice";
import { documentOf } from "./documents";

const REQUEST = { workflow: documentOf({}) };

const course = (job: string): JobEvent[] => [
  { type: "queued", job, sequence: 1, data: {} },
  { type: "running", job, sequence: 2, data: {} },
  { type: "started", job, sequence: 3, data: { nodes: 1, cached: ["save"], outputs: { save: { files: [{ folder: "output", name: `${job}.png` }] } } } },
  { type: "done", job, sequence: 4, data: {} },
];

let service: ToldService;
let runs: Runs;
let ended: JobRun[];

/** The service has these events of a job, and says so when it is asked. */
const tells = (job: string, events: () => readonly JobEvent[]) =>
  service.on(`GET api/v1/jobs/${job}/events`, (query) => ({ events: events().filter(({ sequence }) => sequence! > Number(query.get("after"))) }));

const accepts = (job: string) => service.on("POST api/v1/jobs", () => ({ id: job, state: "queued", outputs: [] }));
const stateOf = (job: string) => runs.store.getState().running[job]?.state;

beforeEach(() => {
  service = new ToldService();
  ended = [];
  runs = new Runs((_, job) => void ended.push(job));
});
afterEach(() => runs.end());

test("a job that is over before its submission is answered is over here too", async () => {
  accepts("a");
  tells("a", () => course("a"));
  for (const event of course("a")) runs.take(event);
  await runs.submit("one", REQUEST);
  await expect.poll(() => stateOf("a")).toBe("done");
});

test("however many jobs of others there were", async () => {
  for (let index = 0; index < 200; index++) for (const event of course(`foreign-${index}`)) runs.take(event);
  accepts("a");
  tells("a", () => course("a"));
  await runs.submit("one", REQUEST);
  await expect.poll(() => stateOf("a")).toBe("done");
  expect(Object.keys(runs.store.getState().running)).toEqual(["a"]);
});

test("what is told while missed events are being read is not lost, though it is the last that is told", async () => {
  const [queued, running, started, done] = course("a");
  const first = held<unknown>();
  const kept = [queued!, running!];
  service.on("GET api/v1/jobs/a/events", () => (service.asked.filter((one) => one.endsWith("a/events")).length === 1 ? first.answer() : { events: [started!, done!] }));
  runs.own("one", "a");
  runs.take(running!); // the first was missed: all are read
  runs.take(done!); // and this one is more than the answer on its way has
  first.come({ events: kept });
  await expect.poll(() => stateOf("a")).toBe("done");
  expect(ended.map(({ id }) => id)).toEqual(["a"]);
});

test("a job that is over makes room when its document has a later one; what its nodes made stays", async () => {
  for (const job of ["a", "b", "c"]) {
    runs.own("one", job);
    for (const event of course(job)) runs.take(event);
  }
  runs.own("two", "d");
  expect(Object.keys(runs.store.getState().running)).toEqual(["c", "d"]);
  expect(runs.nodes.get("one/save")!.output!.files![0]!.name).toBe("c.png");
  expect(runs.earlier.get("one/save")!.name).toBe("b.png");
});

test("of several jobs of a document each is known until it is over, and the last stays", () => {
  for (const job of ["a", "b"]) runs.own("one", job);
  expect(runs.pending("one").map(({ id }) => id)).toEqual(["a", "b"]);
  for (const job of ["a", "b"]) for (const event of course(job)) runs.take(event);
  expect(ended.map(({ id }) => id)).toEqual(["a", "b"]);
  expect(Object.keys(runs.store.getState().running)).toEqual(["b"]);
});

describe("what is known of runs that failed", () => {
  const fails = (job: string, sequence = 1, message = "no memory") => runs.take({ type: "failed", job, sequence, data: { error: { code: "memory", message, node: "sampler" } } });
  const failed = () => (runs.store.getState().failed["one"] ?? []).map(({ job, failure }) => [job, failure.message]);

  test("one that failed stays known while a later one runs, and when that is done", () => {
    for (const job of ["a", "b"]) runs.own("one", job);
    fails("a");
    expect(failed()).toEqual([["a", "no memory"]]);
    for (const event of course("b")) runs.take(event);
    expect(failed()).toEqual([["a", "no memory"]]);
  });

  test("runs that failed alike are told of once, others each", () => {
    for (const job of ["a", "b", "c"]) runs.own("one", job);
    fails("a");
    fails("b", 1, "no disk");
    fails("c");
    expect(failed()).toEqual([["b", "no disk"], ["c", "no memory"]]);
  });

  test("what is asked for later makes them past, and so does closing", () => {
    for (const job of ["a", "b"]) runs.own("one", job);
    fails("a");
    runs.failuresArePast("one");
    expect(failed()).toEqual([]);
    fails("b");
    runs.forget("one");
    expect(runs.store.getState().failed).toEqual({});
  });

  test("one that cost its workers their lives failed, too; one that was cancelled did not", () => {
    for (const job of ["a", "b"]) runs.own("one", job);
    runs.take({ type: "quarantined", job: "a", sequence: 1, data: { error: { code: "quarantined", message: "its worker died" } } });
    runs.take({ type: "cancelled", job: "b", sequence: 1, data: {} });
    expect(failed()).toEqual([["a", "its worker died"]]);
  });
});

test("a document is busy while any job of it runs or waits, though its last is over", () => {
  for (const job of ["a", "b"]) runs.own("one", job);
  runs.take({ type: "running", job: "a", sequence: 1, data: {} });
  runs.take({ type: "cancelled", job: "b", sequence: 1, data: {} });
  expect(runs.current("one")!.id).toBe("a");
  runs.take({ type: "done", job: "a", sequence: 2, data: {} });
  expect(runs.current("one")).toBeUndefined();
});

test("of a document that is closed nothing is left but the name of its last job", () => {
  runs.own("one", "a");
  runs.own("two", "b");
  for (const job of ["a", "b"]) for (const event of course(job)) runs.take(event);
  runs.forget("one");
  expect(runs.nodes.keys()).toEqual(["two/save"]);
  expect(runs.pending("one")).toEqual([]);
  expect(runs.store.getState()).toMatchObject({ running: { b: {} }, last: { one: "a", two: "b" } });
  expect(runs.store.getState().running).not.toHaveProperty("a");
});

test("all jobs of a document that had not ended are taken up again: what waits, what runs, what was done meanwhile", async () => {
  const [queued, running] = [course("b")[0]!, course("b")[1]!];
  tells("a", () => course("a"));
  tells("b", () => [queued, running]);
  tells("d", () => [course("d")[0]!]);
  await runs.adopt("one", ["a", "b", "gone", "d"]);
  expect(runs.pending("one").map(({ id, state }) => [id, state])).toEqual([["b", "running"], ["d", "queued"]]);
  expect(runs.current("one")!.id).toBe("b");
  expect(runs.nodes.get("one/save")!.output!.files![0]!.name).toBe("a.png");
  expect(runs.store.getState().last["one"]).toBe("d");
  expect(runs.jobsOf("one")).toEqual(["b", "d"]);
});

test("what nodes say is what the later job made of them, however slow the answer about the one before it", async () => {
  const first = held<unknown>();
  service.on("GET api/v1/jobs/a/events", () => first.answer());
  tells("b", () => course("b"));
  const adopted = runs.adopt("one", ["a", "b"]);
  await new Promise((done) => setTimeout(done, 5));
  first.come({ events: course("a") });
  await adopted;
  expect(runs.nodes.get("one/save")!.output!.files![0]!.name).toBe("b.png");
});

test("a document that is closed and opened again has the jobs that go on, and its last", () => {
  for (const job of ["a", "b", "c"]) runs.own("one", job);
  for (const event of course("a")) runs.take(event);
  runs.take({ type: "cancelled", job: "c", sequence: 1, data: {} });
  runs.forget("one");
  expect(runs.jobsOf("one")).toEqual(["b", "c"]);
});

test("a job that was forgotten while the connection was down does not run for ever", async () => {
  runs.own("one", "a");
  runs.take({ type: "running", job: "a", sequence: 1, data: {} });
  service.on("GET api/v1/jobs/a/events", () => refusal(404, "unknown_job"));
  runs.take({ type: "progress", job: "a", sequence: 7, data: {} }); // what was missed is asked for
  await expect.poll(() => runs.current("one")).toBeUndefined();
  expect(stateOf("a")).toBeUndefined();
});

test("nothing of a job that was forgotten meanwhile goes on working", async () => {
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined }));
  runs.own("one", "a");
  runs.take({ type: "running", job: "a", sequence: 1, data: {} });
  runs.take({ type: "node_started", job: "a", sequence: 2, data: { node: "sub:save" } });
  runs.take({ type: "progress", job: "a", data: { node: "sub:save", value: 1, maximum: 2 } }, new Blob(["x"]));
  expect([runs.nodes.get("one/sub:save")!.state, runs.nodes.get("one/sub")!.state, runs.previews.get("one/sub:save")]).toEqual(["running", "running", "blob:x"]);
  service.on("GET api/v1/jobs/a/events", () => refusal(404, "unknown_job"));
  runs.take({ type: "progress", job: "a", sequence: 7, data: {} });
  await expect.poll(() => runs.nodes.get("one/sub:save")!.state).toBe("skipped");
  expect([runs.nodes.get("one/sub")!.state, runs.previews.get("one/sub:save"), runs.previews.get("one/sub")]).toEqual(["skipped", undefined, undefined]);
});

test("the queue is looked at however much is told", async () => {
  vi.useFakeTimers();
  service.on("GET api/v1/jobs", () => ({ jobs: [], counts: {}, next: null }));
  service.on("GET api/v1/queue", () => ({ paused: false, waiting: [], counts: {} }));
  for (let index = 0; index < 40; index++) {
    runs.take({ type: "queued", job: `foreign-${index}`, sequence: 1, data: {} });
    await vi.advanceTimersByTimeAsync(50);
  }
  vi.useRealTimers();
  const looks = service.asked.filter((one) => one.includes("api/v1/queue")).length;
  expect(looks).toBeGreaterThan(5);
  expect(looks).toBeLessThan(20);
});

test("answers that take longer than it is until the next question are shown all the same, in their order", async () => {
  const [first, second] = [held<unknown>(), held<unknown>()];
  let asked = 0;
  service.on("GET api/v1/jobs", () => (asked++ === 0 ? first.answer() : second.answer()));
  service.on("GET api/v1/queue", () => ({ paused: false, waiting: [], counts: {} }));
  const looks = [runs.refresh(), runs.refresh()];
  first.come({ jobs: [], counts: { queued: 1 }, next: null });
  await looks[0];
  expect(runs.store.getState().counts).toEqual({ queued: 1 });
  second.come({ jobs: [], counts: { queued: 2 }, next: null });
  await looks[1];
  expect(runs.store.getState().counts).toEqual({ queued: 2 });
});

test("an answer that is older than a pause does not take it back", async () => {
  const jobs = held<unknown>();
  service.on("GET api/v1/jobs", () => jobs.answer());
  service.on("GET api/v1/queue", () => ({ paused: false, waiting: [], counts: {} }));
  service.on("POST api/v1/queue/pause", () => ({ paused: true, waiting: [], counts: {} }));
  const looking = runs.refresh();
  await runs.pause(true);
  jobs.come({ jobs: [], counts: {}, next: null });
  await looking;
  expect(runs.store.getState().paused).toBe(true);
});

test("a job that the service has forgotten is not taken for one that waits", async () => {
  service.on("GET api/v1/jobs/a", () => refusal(404, "unknown_job"));
  await runs.adopt("one", ["a"]);
  expect(runs.current("one")).toBeUndefined();
  expect(stateOf("a")).toBeUndefined();
});

test("a document that is opened again is told anew what its last job made", async () => {
  tells("a", () => course("a"));
  service.on("GET api/v1/jobs/a", () => ({ id: "a", state: "done", seeds: { save: { seed: 7 } } }));
  runs.own("one", "a");
  runs.forget("one");
  await runs.adopt("one", ["a"]);
  expect(runs.nodes.get("one/save")!.state).toBe("cached");
  expect(runs.store.getState().draws["one"]!["save"]!.seeds).toEqual({ seed: 7 });
});
