// What a run does inside an instance of a subgraph, as it is told of at the instance: a whole name such as `48:31` says that `31` is
// inside `48`.
import type { NodeRun } from "@/model/runs";

/** The instances that a node is inside of, the outermost first: of `a:b:c` these are `a` and `a:b`. */
export function instancesAround(name: string): string[] {
  const parts = name.split(":");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(":"));
}

/** What its job makes of an instance: what goes on inside, else what went wrong, else that it ran. Undefined where nothing is told of it. */
export function runInside(instance: string, nodes: Readonly<Record<string, NodeRun>>): NodeRun | undefined {
  const inside = Object.entries(nodes).filter(([name]) => name.startsWith(`${instance}:`));
  const [first] = inside;
  if (!first) return undefined;
  const of = (state: NodeRun["state"]) => inside.filter(([, one]) => one.state === state);
  const working = of("running");
  const told = working.find(([, { maximum }]) => maximum) ?? working[0] ?? of("failed")[0] ?? of("blocked")[0];
  if (told) return about(told, inside);
  const state = of("ran").length > 0 ? "ran" : of("skipped").length > 0 ? "skipped" : first[1].state;
  return { state, job: first[1].job, ...secondsOf(inside) };
}

type Named = readonly [name: string, run: NodeRun];

/** The same as at the node that it happens to, which is named; what other nodes made is not the instance's. */
function about([name, { state, job, value, maximum, reason, failure }]: Named, inside: readonly Named[]): NodeRun {
  return {
    state,
    job,
    at: name,
    ...(value === undefined ? {} : { value }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(reason === undefined ? {} : { reason }),
    ...(failure === undefined ? {} : { failure }),
    ...secondsOf(inside),
  };
}

function secondsOf(inside: readonly Named[]): { seconds?: number } {
  const known = inside.flatMap(([, { seconds }]) => (seconds === undefined ? [] : [seconds]));
  return known.length > 0 ? { seconds: known.reduce((sum, one) => sum + one, 0) } : {};
}

export function sameRun(one: NodeRun | undefined, other: NodeRun | undefined): boolean {
  if (!one || !other) return one === other;
  return KEYS.every((key) => one[key] === other[key]);
}

const KEYS = ["state", "value", "maximum", "seconds", "tier", "reason", "output", "failure", "job", "at"] as const satisfies readonly (keyof NodeRun)[];
