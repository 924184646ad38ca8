// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Forgetting, UNDONE_WITHIN } from "@/store/forgetting";
import { Runs } from "@/store/runs";
import { refusal, ToldService } from "./toldservice";

let service: ToldService;
let runs: Runs;
let forgetting: Forgetting;
let faults: unknown[];

const job = (id: string, state = "done") => ({ id, state, outputs: [] });
const leaving = () => [...forgetting.store.getState().leaving];
const listed = () => runs.store.getState().jobs.map(({ id }) => id);
const deleted = () => service.asked.filter((one) => one.startsWith("DELETE")).map((one) => one.split("/").at(-1));

beforeEach(async () => {
  vi.useFakeTimers();
  service = new ToldService();
  service.on("GET api/v1/queue", () => ({ paused: false, waiting: [], counts: {} }));
  service.on("GET api/v1/jobs", () => ({ jobs: [job("a", "running"), job("b"), job("c", "failed")], counts: {}, next: null }));
  for (const id of ["b", "c"]) service.on(`DELETE api/v1/jobs/${id}`, () => ({ forgotten: 1 }));
  runs = new Runs(() => undefined);
  await runs.refresh();
  faults = [];
  forgetting = new Forgetting(runs, (error) => faults.push(error));
  forgetting.start();
});

afterEach(() => {
  forgetting.end();
  vi.useRealTimers();
});

test("a job is out of sight at once, and forgotten when it can be brought back no more", async () => {
  forgetting.take("b");
  expect([leaving(), deleted()]).toEqual([["b"], []]);
  await vi.advanceTimersByTimeAsync(UNDONE_WITHIN);
  expect([leaving(), deleted(), listed()]).toEqual([[], ["b"], ["a", "c"]]);
});

test("what is brought back is never forgotten", async () => {
  const bringBack = forgetting.take("b");
  forgetting.take("c");
  bringBack();
  expect(leaving()).toEqual(["c"]);
  await vi.advanceTimersByTimeAsync(2 * UNDONE_WITHIN);
  expect([deleted(), listed()]).toEqual([["c"], ["a", "b"]]);
});

test("what is out of sight is forgotten when the page goes", async () => {
  forgetting.take("b");
  window.dispatchEvent(new Event("pagehide"));
  expect(deleted()).toEqual(["b"]);
  await vi.advanceTimersByTimeAsync(2 * UNDONE_WITHIN);
  expect(deleted()).toEqual(["b"]);
});

test("one that somebody else has forgotten is gone; one that cannot be forgotten comes back, and why is told", async () => {
  service.on("DELETE api/v1/jobs/b", () => refusal(404, "unknown_job"));
  service.on("DELETE api/v1/jobs/c", () => refusal(507, "store_full"));
  forgetting.take("b");
  forgetting.take("c");
  await vi.advanceTimersByTimeAsync(UNDONE_WITHIN);
  expect([leaving(), listed()]).toEqual([[], ["a", "c"]]);
  expect(faults).toMatchObject([{ code: "store_full" }]);
});

test("all that have ended are cleared, nothing that runs", async () => {
  service.on("POST api/v1/history/clear", () => ({ forgotten: 2 }));
  service.on("GET api/v1/jobs", () => ({ jobs: [job("a", "running")], counts: {}, next: null }));
  await forgetting.clear();
  expect(listed()).toEqual(["a"]);
});
