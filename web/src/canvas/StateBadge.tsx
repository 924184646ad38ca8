// What a node's state is, in one place: what the plan says of it, or what a run is doing with it. An icon and a word, and why.
import { memo } from "react";
import { Check, Circle, CircleDashed, CircleDot, CircleSlash2, Loader2, TriangleAlert } from "lucide-react";
import type { Messages } from "@/i18n/messages";
import type { Problem } from "@/api/client";
import { shortTime } from "@/model/durations";
import { reasonOf, type PlanNode } from "@/model/plan";
import type { NodeRun } from "@/model/runs";
import styles from "@/canvas/canvas.module.css";

export type BadgeState = "error" | "running" | "cached" | "done" | "run" | "depends" | "unneeded" | "unavailable" | "none";

export interface Badge {
  state: BadgeState;
  word: string;
  why: string;
  /** The whole name of the node that this is about: of an instance of a subgraph, one inside. */
  at?: string | undefined;
}

/** What to show: faults first, then what is running, then the plan. */
export function badgeOf(plan: PlanNode | undefined, run: NodeRun | undefined, problems: readonly Problem[] | undefined, t: Messages["plan"]): Badge {
  if (run?.state === "running") {
    const word = run.maximum ? `${run.value}/${run.maximum}` : t.words.running;
    return { state: "running", word, why: t.runningNow, at: run.at };
  }
  const error = problems?.find((one) => one.severity !== "warning");
  if (error) return { state: "error", word: t.words.error, why: error.hint ? `${error.message}. ${error.hint}` : error.message, at: error.node ?? undefined };
  if (run?.state === "failed" && plan?.status !== "cached" && plan?.status !== "done") {
    return { state: "error", word: t.words.failed, why: [run.failure?.message, run.failure?.hint].filter(Boolean).join(". "), at: run.at };
  }
  switch (plan?.status) {
    case "cached":
      return { state: "cached", word: t.words.cached, why: t.cachedWhy(plan.tier ? (t.tiers[plan.tier] ?? plan.tier) : "") };
    case "done":
      return { state: "done", word: t.words.done, why: t.doneWhy };
    case "run":
      return { state: "run", word: t.words.run, why: reasonOf(plan, t) };
    case "depends":
      return { state: "depends", word: t.words.depends, why: reasonOf(plan, t) };
    case "unneeded":
      return { state: "unneeded", word: t.words.unneeded, why: plan.reason || t.unneededWhy };
    case "unavailable":
      return { state: "unavailable", word: t.words.unavailable, why: plan.reason };
    case undefined:
      return { state: "none", word: "", why: "" };
  }
}

const ICONS = {
  error: TriangleAlert,
  running: Loader2,
  cached: Check,
  done: Check,
  run: Circle,
  depends: CircleDot,
  unneeded: CircleDashed,
  unavailable: CircleSlash2,
} as const;

export const StateBadge = memo(function StateBadge({ state, word, why, seconds }: Omit<Badge, "at"> & { seconds?: number | undefined }) {
  if (state === "none") return null;
  const Icon = ICONS[state];
  return (
    <span className={`${styles.badge} ${styles[`badge-${state}`] ?? ""}`} data-state={state} data-tip={why} aria-label={`${word}: ${why}`} role="img">
      {seconds !== undefined && state !== "running" && state !== "error" ? <span className={styles.seconds}>{shortTime(seconds)}</span> : null}
      <span className={styles.word}>{word}</span>
      <Icon size={12} strokeWidth={2.4} aria-hidden />
    </span>
  );
});
