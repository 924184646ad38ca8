// What would run, and why: the service's plan as the editor shows it.
import type { Messages } from "@/i18n/messages";
import type { Problem } from "@/api/client";
import { instancesAround } from "@/model/inside";
import { writeJson } from "@/model/json";
import type { NodeOutput } from "@/model/runs";

/** `done` is no word of the service: a job that still runs has finished that node. */
export type PlanStatus = "cached" | "run" | "depends" | "unneeded" | "unavailable" | "done";

export interface PlanNode {
  type: string;
  status: PlanStatus;
  tier: string | null;
  /** For people: "`cfg` changed 7.0 -> 6.5". */
  reason: string;
  code: string;
  key: string | null;
  /** Of one that is known: what it wrote and shows. */
  output?: NodeOutput;
  /** Of an instance of a subgraph: how many of the nodes inside will run. */
  inside?: { will: number; all: number };
}

export interface PlanSummary {
  targets: string[];
  run: number;
  depends: number;
  cached: number;
  nodes: Record<string, PlanNode>;
}

/** What is known of the document's next run: a plan, or the faults that forbid one. */
export interface PlanState {
  /** `stale`: of an earlier document; the next is on its way. */
  status: "none" | "fresh" | "stale" | "faulty" | "unreachable";
  plan: PlanSummary | null;
  problems: readonly Problem[];
  /** While a job of the document runs: the nodes that it has finished, and need not run again. */
  finished: ReadonlySet<string> | null;
}

export const NO_PLAN: PlanState = { status: "none", plan: null, problems: [], finished: null };

const RANK: Record<PlanStatus, number> = { run: 5, depends: 4, unavailable: 3, done: 2, cached: 1, unneeded: 0 };

/** The plan as it is shown: less what a job that still runs has done of it. */
export function shownPlan({ plan, finished }: Pick<PlanState, "plan" | "finished">): PlanSummary | null {
  if (!plan || !finished || finished.size === 0) return plan;
  const nodes = Object.entries(plan.nodes).map(([name, one]): [string, PlanNode] => [name, finished.has(name) && one.status !== "cached" ? { ...one, status: "done", reason: "" } : one]);
  const count = (status: PlanStatus) => nodes.filter(([, one]) => one.status === status).length;
  return { ...plan, run: count("run"), depends: count("depends"), nodes: Object.fromEntries(nodes) };
}

/** What the plan says of a node of the document; of an instance of a subgraph what it says of most of what is inside. */
export function planOf(id: string, plan: PlanSummary | null): PlanNode | null {
  if (!plan) return null;
  const own = plan.nodes[id];
  if (own) return own;
  const inner = Object.entries(plan.nodes).filter(([name]) => name.startsWith(`${id}:`));
  const first = inner.reduce<PlanNode | null>((most, [, one]) => (most && RANK[most.status] >= RANK[one.status] ? most : one), null);
  if (!first) return null;
  const count = (status: PlanStatus) => inner.filter(([, one]) => one.status === status).length;
  const will = count("run") + count("depends");
  const inside = will > 0 ? { inside: { will, all: inner.length } } : {};
  const { output: _ofThatNode, ...state } = first;
  return { ...state, ...inside, tier: first.status === "cached" ? first.tier : null };
}

/** "3 of 12 nodes will run". */
export function runSentence(state: PlanState, t: Messages["plan"]): string {
  const { status, problems, finished } = state;
  if (status === "unreachable") return t.unreachable;
  const errors = problems.filter((one) => one.severity !== "warning").length;
  if (status === "faulty" && problems[0]?.code === "nothing_to_run") return t.nothing;
  if (status === "faulty") return t.problems(errors);
  const plan = shownPlan(state);
  if (!plan) return "";
  const all = Object.keys(plan.nodes).length;
  const will = plan.run + plan.depends;
  if (finished !== null) return t.stillToRun(will, all);
  if (will === 0) return t.known;
  return plan.depends > 0 ? t.mayRun(will, all) : t.willRun(will, all);
}

/** The instances of subgraphs whose inner nodes a plan has: `a` and `a:b` for `a:b:c`. */
export function instancesIn(plan: PlanSummary): string[] {
  return [...new Set(Object.keys(plan.nodes).flatMap(instancesAround))];
}

export function samePlanNode(one: PlanNode | undefined, other: PlanNode | undefined): boolean {
  if (!one || !other) return one === other;
  return one.status === other.status && one.reason === other.reason && one.tier === other.tier && one.code === other.code && one.inside?.will === other.inside?.will && one.inside?.all === other.inside?.all && sameOutput(one.output, other.output);
}

const sameOutput = (one: NodeOutput | undefined, other: NodeOutput | undefined): boolean => one === other || (one !== undefined && other !== undefined && writeJson(one) === writeJson(other));

/** Why it will run; of an instance of a subgraph also how much of what is inside. */
export const reasonOf = ({ inside, reason }: PlanNode, t: Messages["plan"]) => (inside ? `${t.inside(inside.will, inside.all)}; ${reason}` : reason);
