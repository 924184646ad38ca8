// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PlanSummary } from "@/model/plan";
import { setInput } from "@/model/edit";
import { Documents } from "@/store/documents";
import { Plans } from "@/store/plans";
import { documentOf } from "./documents";
import { held, refusal, ToldService } from "./toldservice";

const DOCUMENT = documentOf({ sampler: { type: "KSampler", inputs: { steps: 4 } } });
const VALID = { valid: true, problems: [] };

const planned = (status: "run" | "cached"): PlanSummary => ({
  targets: ["sampler"],
  run: status === "run" ? 1 : 0,
  depends: 0,
  cached: status === "cached" ? 1 : 0,
  nodes: { sampler: { type: "KSampler", status, tier: null, reason: "", code: "", key: null } },
});

let service: ToldService;
let documents: Documents;
let plans: Plans;

beforeEach(() => {
  vi.useFakeTimers();
  service = new ToldService();
  service.on("POST api/v1/validate", () => VALID);
  documents = new Documents();
  plans = new Plans(documents, (uid) => uid);
});

afterEach(() => {
  plans.end();
  vi.useRealTimers();
});

const opened = () => {
  const uid = documents.open(DOCUMENT);
  plans.start();
  return uid;
};
const later = () => vi.advanceTimersByTimeAsync(1000);
const edit = (steps: number) => documents.editGraph("Steps", (graph) => setInput(graph, "sampler", "steps", steps));
const times = (what: string) => service.asked.filter((one) => one === what).length;

test("what is open has a plan, and a new one after an edit", async () => {
  service.on("POST api/v1/plan", () => planned("run"));
  const uid = opened();
  await later();
  expect(plans.get(uid).status).toBe("fresh");
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("run");
  service.on("POST api/v1/plan", () => planned("cached"));
  edit(5);
  await later();
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("cached");
  expect(times("POST api/v1/plan")).toBe(2);
});

test("an answer to an earlier question is thrown away", async () => {
  const slow = held<PlanSummary>();
  service.on("POST api/v1/plan", slow.answer);
  const uid = opened();
  await later();
  service.on("POST api/v1/plan", () => planned("cached"));
  edit(5);
  await later();
  slow.come(planned("run"));
  await later();
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("cached");
});

test("what forbids a plan is told at the node, and what else is wrong with it", async () => {
  const wrong = { code: "unknown_input", message: "no", node: "sampler", input: "x" };
  const beside = { code: "unused", message: "nothing needs it", node: "sampler", severity: "warning" };
  service.on("POST api/v1/plan", () => refusal(422, "input_wrong", [wrong]));
  service.on("POST api/v1/validate", () => ({ valid: false, problems: [wrong, beside] }));
  const uid = opened();
  await later();
  expect(plans.get(uid)).toMatchObject({ status: "faulty", plan: null });
  expect(plans.problems.get(`${uid}/sampler`)).toEqual([wrong, beside]);
});

test("a service that is away is told of, and what it said of nodes goes", async () => {
  service.on("POST api/v1/plan", () => planned("run"));
  const uid = opened();
  await later();
  service.on("POST api/v1/plan", () => Promise.reject(new TypeError("no connection")));
  edit(5);
  await later();
  expect(plans.get(uid).status).toBe("unreachable");
  expect(plans.nodes.keys()).toEqual([]);
});

test("of a document that is closed nothing is left, also of an answer that was on its way", async () => {
  service.on("POST api/v1/plan", () => planned("run"));
  const uid = opened();
  await later();
  const slow = held<PlanSummary>();
  service.on("POST api/v1/plan", slow.answer);
  edit(5);
  await later();
  documents.close(uid);
  plans.forget(uid);
  slow.come(planned("cached"));
  await later();
  expect(plans.store.getState()).toEqual({});
  expect(plans.nodes.keys()).toEqual([]);
});

test("what the running job has finished is done, also while the plan is asked for anew", async () => {
  service.on("POST api/v1/plan", () => planned("run"));
  const uid = opened();
  await later();
  plans.finish(uid, new Set(["sampler"]));
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("done");
  plans.refresh();
  await later();
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("done");
});

test("what a job finished that is over stays done until the service answers what it was asked since", async () => {
  const early = held<PlanSummary>();
  service.on("POST api/v1/plan", early.answer);
  const uid = opened();
  plans.finish(uid, new Set(["sampler"]));
  await later();
  plans.finishNone(uid);
  early.come(planned("run"));
  await later();
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("done");
  service.on("POST api/v1/plan", () => planned("run"));
  plans.refresh();
  await later();
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("run");
  expect(plans.get(uid).finished).toBeNull();
});

test("what a job finished that is over is forgotten with an edit, but not what a job finished that runs", async () => {
  service.on("POST api/v1/plan", () => planned("run"));
  const uid = opened();
  await later();
  plans.finish(uid, new Set(["sampler"]));
  plans.forgetFinished(uid);
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("done");
  plans.finishNone(uid);
  plans.forgetFinished(uid);
  expect(plans.nodes.get(`${uid}/sampler`)!.status).toBe("run");
});
