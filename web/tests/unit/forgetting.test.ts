// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Forgetting } from "@/store/forgetting";
import { Runs } from "@/store/runs";
import { SHOWN_LONG } from "@/store/view";
import { held, refusal, ToldService } from "./toldservice";

let service: ToldService;
let runs: Runs;
let forgetting: Forgetting;
let faults: unknown[];
/** What brings a job back, of those for which that is offered. */
let offered: Map<string, () => void>;

const job = (id: string, state = "done") => ({ id, state, outputs: [] });
const take = (id: string) => forgetting.take(id, (bringBack) => (offered.set(id, bringBack), () => void offered.delete(id)));
const ended = () => Object.values(runs.store.getState().counts).reduce((sum, count) => sum + count, 0) - (runs.store.getState().counts["running"] ?? 0);
const leaving = () => [...forgetting.store.getState().leaving];
const listed = () => runs.store.getState().jobs.map(({ id }) => id);
const deleted = () => service.asked.filter((one) => one.startsWith("DELETE")).map((one) => one.split("/").at(-1));

beforeEach(async () => {
  vi.useFakeTimers();
  service = new ToldService();
  service.on("GET api/v1/queue", () => ({ paused: false, waiting: [], counts: {} }));
  service.on("GET api/v1/jobs", () => ({ jobs: [job("a", "running"), job("b"), job("c", "failed")], counts: { running: 1, done: 7, failed: 1 }, next: null }));
  for (const id of ["b", "c"]) service.on(`DELETE api/v1/jobs/${id}`, () => ({ forgotten: 1 }));
  runs = new Runs(() => undefined);
  await runs.refresh();
  faults = [];
  offered = new Map();
  forgetting = new Forgetting(runs, (error) => faults.push(error));
  forgetting.start();
});

afterEach(() => {
  forgetting.end();
  vi.useRealTimers();
});

test("a job is out of sight at once, and forgotten when it can be brought back no more", async () => {
  take("b");
  expect([leaving(), deleted()]).toEqual([["b"], []]);
  await vi.advanceTimersByTimeAsync(SHOWN_LONG);
  expect([leaving(), deleted(), listed()]).toEqual([[], ["b"], ["a", "c"]]);
});

test("what is brought back is never forgotten", async () => {
  take("b");
  take("c");
  offered.get("b")!();
  expect(leaving()).toEqual(["c"]);
  await vi.advanceTimersByTimeAsync(2 * SHOWN_LONG);
  expect([deleted(), listed()]).toEqual([["c"], ["a", "b"]]);
});

test("what is out of sight is forgotten when the page goes", async () => {
  const fetching = vi.spyOn(globalThis, "fetch");
  take("b");
  window.dispatchEvent(new Event("pagehide"));
  expect(deleted()).toEqual(["b"]);
  expect(fetching.mock.lastCall![1]).toMatchObject({ keepalive: true }); // else it would go with the page
  await vi.advanceTimersByTimeAsync(2 * SHOWN_LONG);
  expect(deleted()).toEqual(["b"]);
});

test("one that somebody else has forgotten is gone; one that cannot be forgotten comes back, and why is told", async () => {
  service.on("DELETE api/v1/jobs/b", () => refusal(404, "unknown_job"));
  service.on("DELETE api/v1/jobs/c", () => refusal(507, "store_full"));
  take("b");
  take("c");
  await vi.advanceTimersByTimeAsync(SHOWN_LONG);
  expect([leaving(), listed()]).toEqual([[], ["a", "c"]]);
  expect(faults).toMatchObject([{ code: "store_full" }]);
});

test("all that have ended are cleared, nothing that runs", async () => {
  service.on("POST api/v1/history/clear", () => ({ forgotten: 2 }));
  service.on("GET api/v1/queue", () => refusal(503, "busy")); // the list cannot be read again
  await forgetting.clear();
  expect(service.asked).toContain("POST api/v1/history/clear");
  expect([listed(), ended()]).toEqual([["a"], 0]);
});

test("what was out of sight when all are cleared cannot be brought back, and is not asked for again", async () => {
  service.on("POST api/v1/history/clear", () => ({ forgotten: 2 }));
  take("b");
  await forgetting.clear();
  expect([[...offered.keys()], leaving()]).toEqual([[], []]);
  await vi.advanceTimersByTimeAsync(2 * SHOWN_LONG);
  expect(deleted()).toEqual([]);
});

test("what the service is being asked to forget cannot be brought back", async () => {
  const answer = held<unknown>();
  service.on("DELETE api/v1/jobs/b", answer.answer);
  take("b");
  const bringBack = offered.get("b")!;
  await vi.advanceTimersByTimeAsync(SHOWN_LONG);
  bringBack(); // it was pressed as its time ran out
  expect([[...offered.keys()], leaving(), deleted()]).toEqual([[], ["b"], ["b"]]);
  answer.come({ forgotten: 1 });
  await vi.advanceTimersByTimeAsync(0);
  expect([leaving(), listed(), ended()]).toEqual([[], ["a", "c"], 7]);
});
