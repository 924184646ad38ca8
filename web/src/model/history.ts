// What was done to a document, to be undone and done again. One gesture is one step.
import { apply, diff, inverse, joined, type Patch } from "@/model/patch";

export interface Step {
  label: string;
  patches: readonly Patch[];
  /** Edits with the same key that follow each other are one step, until it is closed. */
  merge?: string;
}

export interface History {
  done: readonly Step[];
  undone: readonly Step[];
}

export const NO_HISTORY: History = { done: [], undone: [] };
const MOST_STEPS = 500;

export function record<T>(history: History, before: T, after: T, label: string, merge?: string): History {
  const patches = diff(before, after);
  if (patches.length === 0) return history;
  const last = history.done.at(-1);
  if (merge !== undefined && last?.merge === merge && history.undone.length === 0) {
    const step = { ...last, patches: joined(last.patches, patches) };
    return { done: [...history.done.slice(0, -1), step], undone: [] };
  }
  const step: Step = merge === undefined ? { label, patches } : { label, patches, merge };
  return { done: [...history.done.slice(-MOST_STEPS + 1), step], undone: [] };
}

/** Let the next edit be a step of its own. */
export function closed(history: History): History {
  const last = history.done.at(-1);
  if (last?.merge === undefined) return history;
  return { ...history, done: [...history.done.slice(0, -1), { label: last.label, patches: last.patches }] };
}

export function undo<T>(history: History, value: T): { history: History; value: T; label: string } | null {
  const step = history.done.at(-1);
  if (step === undefined) return null;
  const next = { done: history.done.slice(0, -1), undone: [...history.undone, step] };
  return { history: next, value: apply(value, inverse(step.patches)), label: step.label };
}

export function redo<T>(history: History, value: T): { history: History; value: T; label: string } | null {
  const step = history.undone.at(-1);
  if (step === undefined) return null;
  const next = { done: [...history.done, step], undone: history.undone.slice(0, -1) };
  return { history: next, value: apply(value, step.patches), label: step.label };
}
