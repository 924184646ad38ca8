import { expect, test } from "vitest";
import { en } from "@/i18n/en";
import { setInput } from "@/model/edit";
import { stillFinished } from "@/model/finished";
import { runSentence, shownPlan, type PlanSummary } from "@/model/plan";
import { after, newJob } from "@/model/runs";
import { documentOf } from "./documents";
import type { Document, Graph } from "@/model/document";

const DOCUMENT = documentOf({
  prompt: { type: "Text", inputs: { text: "a" } },
  sampler: { type: "KSampler", inputs: { steps: 4, prompt: { from: ["prompt", "text"] } } },
  save: { type: "Save", inputs: { image: { from: ["sampler", "image"] } } },
});
const ALL = new Set(["prompt", "sampler", "save"]);
const edited = (name: string, input: string, value: unknown) => setInput(DOCUMENT as Graph, name, input, value) as Document;

const will = (status: "run" | "cached") => ({ type: "A", status, tier: null, reason: "", code: "", key: null });
const PLAN: PlanSummary = { targets: ["save"], run: 2, depends: 0, cached: 1, nodes: { prompt: will("cached"), sampler: will("run"), save: will("run") } };

test("what a job has finished is finished while the document is as it was asked for", () => {
  expect(stillFinished(ALL, DOCUMENT, DOCUMENT)).toEqual(ALL);
});

test("an edit makes what it changes and all below it run again, and nothing else", () => {
  expect([...stillFinished(ALL, DOCUMENT, edited("sampler", "steps", 5))]).toEqual(["prompt"]);
  expect([...stillFinished(ALL, DOCUMENT, edited("prompt", "text", "b"))]).toEqual([]);
});

test("the sentence counts down while a job runs, and what is finished says so", () => {
  const state = { status: "fresh" as const, plan: PLAN, problems: [], finished: new Set(["sampler"]) };
  expect(shownPlan(state)!.nodes["sampler"]!.status).toBe("done");
  expect(shownPlan({ ...state, finished: ALL })!.nodes["prompt"]!.status).toBe("cached");
  expect(runSentence(state, en.plan)).toBe("1 of 3 nodes still to run");
  expect(runSentence({ ...state, finished: null }, en.plan)).toBe("2 of 3 nodes will run");
});

test("a node is not finished by what it expands to", () => {
  const finish = (node: string, display: string, sequence: number) => ({ type: "node_finished", job: "j", sequence, data: { node, display, status: "ran", seconds: 1 } });
  const inside = after(newJob("j"), finish("loop.1.x", "loop", 1)).job;
  expect([...inside.finished]).toEqual([]);
  expect([...after(inside, finish("loop", "loop", 2)).job.finished]).toEqual(["loop"]);
});
