// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setInput } from "@/model/edit";
import type { JobEvent } from "@/model/runs";
import { Documents } from "@/store/documents";
import { Plans } from "@/store/plans";
import { Progress } from "@/store/progress";
import { Runs } from "@/store/runs";
import { documentOf } from "./documents";
import { ToldService } from "./toldservice";

const DOCUMENT = documentOf({
  prompt: { type: "Text", inputs: { text: "a" } },
  sampler: { type: "KSampler", inputs: { steps: 4, prompt: { from: ["prompt", "text"] } } },
});

let service: ToldService;
let documents: Documents;
let plans: Plans;
let runs: Runs;
let progress: Progress;
let uid: string;

beforeEach(async () => {
  vi.useFakeTimers();
  service = new ToldService();
  service.on("POST api/v1/validate", () => ({ valid: true, problems: [] }));
  service.on("POST api/v1/plan", () => {
    const will = { type: "A", status: "run", tier: null, reason: "", code: "", key: null };
    return { targets: ["sampler"], run: 2, depends: 0, cached: 0, nodes: { prompt: will, sampler: will } };
  });
  service.on("POST api/v1/jobs", () => ({ id: "job", state: "queued", outputs: [] }));
  service.on("GET api/v1/jobs/job/events", () => ({ events: [] }));
  documents = new Documents();
  plans = new Plans(documents, (of) => of);
  runs = new Runs(() => {});
  progress = new Progress(documents, runs, plans);
  uid = documents.open(DOCUMENT);
  plans.start();
  progress.start();
  await later();
});

afterEach(() => {
  progress.end();
  plans.end();
  runs.end();
  vi.useRealTimers();
});

const later = () => vi.advanceTimersByTimeAsync(2000);
const submit = () => runs.submit(uid, { workflow: DOCUMENT });
const tell = (...events: Omit<JobEvent, "job">[]) => {
  for (const event of events) runs.take({ ...event, job: "job" });
};
const BEGUN = [
  { type: "running", sequence: 1, data: {} },
  { type: "started", sequence: 2, data: { nodes: 2, cached: [] } },
];
const PROMPT_FINISHED = { type: "node_finished", sequence: 3, data: { node: "prompt", status: "ran", seconds: 1 } };
const statuses = () => ["prompt", "sampler"].map((name) => plans.nodes.get(`${uid}/${name}`)?.status);
const timesAsked = () => service.asked.filter((one) => one === "POST api/v1/plan").length;

test("a node that the running job has finished is done, and the others will run", async () => {
  await submit();
  tell(...BEGUN);
  await later();
  expect(statuses()).toEqual(["run", "run"]);
  tell(PROMPT_FINISHED);
  await later();
  expect(statuses()).toEqual(["done", "run"]);
});

test("an edit of what is finished makes it run again, at once; taken back it is done", async () => {
  await submit();
  tell(...BEGUN, PROMPT_FINISHED);
  await later();
  documents.editGraph("Text", (graph) => setInput(graph, "prompt", "text", "b"));
  expect(statuses()).toEqual(["run", "run"]);
  documents.undo();
  expect(statuses()).toEqual(["done", "run"]);
});

test("when the job is over the service's plan holds again", async () => {
  await submit();
  tell(...BEGUN, PROMPT_FINISHED, { type: "cancelled", sequence: 4, data: {} });
  await later();
  plans.refresh();
  await later();
  expect(statuses()).toEqual(["run", "run"]);
  expect(plans.get(uid).finished).toBeNull();
});

test("of a job that was not asked for here the service is asked what is left of its plan", async () => {
  runs.own(uid, "job");
  const before = timesAsked();
  tell(...BEGUN, PROMPT_FINISHED);
  await later();
  expect(timesAsked()).toBe(before + 1);
  expect(statuses()).toEqual(["run", "run"]);
});

test("begun again in the middle of a run, it goes on", async () => {
  await submit();
  tell(...BEGUN);
  progress.end();
  progress.start();
  tell(PROMPT_FINISHED);
  await later();
  expect(statuses()).toEqual(["done", "run"]);
});
