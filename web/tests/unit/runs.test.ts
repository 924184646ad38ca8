import { badgeOf } from "@/canvas/StateBadge";
import { de } from "@/i18n/de";
import { en } from "@/i18n/en";
import type { Messages } from "@/i18n/messages";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planOf, runSentence, type PlanSummary } from "@/model/plan";
import { after, newJob, progressOf, withEarlier, type JobEvent, type JobRun } from "@/model/runs";

const EVENTS: JobEvent[] = [
  { type: "queued", job: "j", sequence: 1, data: { number: 1 } },
  { type: "running", job: "j", sequence: 2, data: { attempt: 1 } },
  { type: "started", job: "j", sequence: 3, data: { nodes: 3, cached: ["a"], outputs: { a: { text: ["hello"] } } } },
  { type: "node_started", job: "j", sequence: 4, data: { node: "b", display: "b", type: "KSampler" } },
  { type: "progress", job: "j", data: { node: "b", display: "b", value: 5, maximum: 10 } },
  { type: "node_finished", job: "j", sequence: 5, data: { node: "b", display: "b", status: "ran", seconds: 1.5, reason: "first", tier: null } },
  { type: "node_failed", job: "j", sequence: 6, data: { node: "c", display: "c", code: "x", message: "no" } },
  { type: "failed", job: "j", sequence: 7, data: { error: { code: "x", message: "no", node: "c" } } },
];

const fold = (events: readonly JobEvent[]): JobRun => events.reduce((job, event) => after(job, event).job, newJob("j"));

test("a job is what its events say", () => {
  const job = fold(EVENTS);
  expect(job.state).toBe("failed");
  expect(Object.fromEntries(Object.entries(job.nodes).map(([name, one]) => [name, one.state]))).toEqual({ a: "cached", b: "ran", c: "failed" });
  expect(job.nodes["a"]!.output).toEqual({ text: ["hello"] });
  expect(job.failure?.node).toBe("c");
});

test("hearing events again, as after a lost connection, changes nothing", () => {
  fc.assert(
    fc.property(fc.nat(EVENTS.length), fc.nat(EVENTS.length), (heard, from) => {
      const kept = EVENTS.filter((one) => one.sequence !== undefined);
      const job = fold(EVENTS.slice(0, heard));
      const again = kept.slice(0, from).reduce((one, event) => after(one, event).job, job);
      const replayed = kept.reduce((one, event) => after(one, event).job, again);
      expect({ ...replayed, nodes: { ...replayed.nodes } }).toEqual(expect.objectContaining({ state: "failed", sequence: 7 }));
      expect(replayed.over).toBe(fold(EVENTS).over);
    }),
  );
});

test("an event touches only the node it tells of", () => {
  const before = fold(EVENTS.slice(0, 4));
  const { job, touched } = after(before, EVENTS[4]!);
  expect(touched).toEqual(["b"]);
  expect(job.nodes["a"]).toBe(before.nodes["a"]);
});

test.each([[3, 1 / 3], [4, 1 / 3], [5, 1.5 / 3], [6, 2 / 3], [8, 1]])("after %i events it is so far", (count, share) => {
  expect(progressOf(fold(EVENTS.slice(0, count)))).toBeCloseTo(share);
});

const page = (ids: string, next: number | null) => ({ jobs: [...ids].map((id) => ({ id })), next });
test.each([
  ["what is known goes on from it", "dcb", 2, "cba9", 1, "dcba9", 1],
  ["nothing is new", "cb", 2, "cba", null, "cba", null],
  ["no more than the first page is known", "dc", 3, "cb", 2, "dcb", 2],
  ["nothing further than the first page is known", "dc", 3, "dc", 3, "dc", 3],
  ["too much is new", "fe", 5, "cba", null, "fe", 5],
  ["the first page is all there is", "cb", null, "cba", 1, "cb", null],
  ["there is none", "", null, "cba", 1, "", null],
])("the history as read before is kept where %s", (_, first, next, known, further, jobs, after_) => {
  expect(withEarlier(page(first, next), page(known, further))).toEqual(page(jobs, after_));
});

const plan: PlanSummary = {
  targets: ["save"],
  run: 2,
  depends: 0,
  cached: 1,
  nodes: {
    a: { type: "A", status: "cached", tier: "disk", reason: "", code: "none", key: "k" },
    "s:x": { type: "X", status: "run", tier: null, reason: "`cfg` changed 7.0 -> 6.5", code: "literal", key: null },
    "s:y": { type: "Y", status: "run", tier: null, reason: "upstream `x`", code: "upstream", key: null },
  },
};

test("the plan is one sentence", () => {
  expect(runSentence({ status: "fresh", plan, problems: [], finished: null }, en.plan)).toBe("2 of 3 nodes will run");
  expect(runSentence({ status: "fresh", plan: { ...plan, run: 0 }, problems: [], finished: null }, en.plan)).toBe("Nothing will run: all is known");
  expect(runSentence({ status: "faulty", plan: null, problems: [{ code: "x", message: "m" }], finished: null }, en.plan)).toBe("1 problem to solve");
});

test("a subgraph's mark is that of what is inside", () => {
  expect(planOf("s", plan)).toMatchObject({ status: "run", reason: "`cfg` changed 7.0 -> 6.5", inside: { will: 2, all: 2 } });
  const why = (messages: Messages) => badgeOf(planOf("s", plan)!, undefined, undefined, messages.plan).why;
  expect(why(en)).toBe("2 of 2 nodes inside will run; `cfg` changed 7.0 -> 6.5");
  expect(why(de)).toBe("2 von 2 Knoten darin werden laufen; `cfg` changed 7.0 -> 6.5");
  expect(planOf("none", plan)).toBeNull();
});
