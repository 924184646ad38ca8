// Ctrl+Up and Ctrl+Down: weigh what is selected, the group the caret is in, or the word at the caret. Pure.
import { read, type Group } from "@/widgets/prompt/grammar";

export interface Edit {
  from: number;
  to: number;
  insert: string;
  /** What is selected afterwards, so that the next key weighs the same. */
  select: readonly [number, number];
}

export const WEIGHT_STEP = 0.05;

/** The edit that changes the weight; null where there is nothing to weigh. */
export function reweigh(text: string, from: number, to: number, by: number): Edit | null {
  const groups = read(text).groups;
  const target = from === to ? atCaret(text, groups, from) : ofSelection(text, groups, from, to);
  if (target === null) return null;
  if (isGroup(target)) return changed(text, target, by);
  const weight = rounded(1 + by);
  return wrapped(text.slice(target.from, target.to), target.from, target.to, weight);
}

type Target = Group | { from: number; to: number };

const isGroup = (target: Target): target is Group => "innerFrom" in target;

function atCaret(text: string, groups: readonly Group[], caret: number): Target | null {
  const around = groups.filter((group) => group.from < caret && caret < group.to).at(-1);
  return around ?? wordAt(text, caret);
}

function ofSelection(text: string, groups: readonly Group[], from: number, to: number): Target | null {
  while (from < to && /\s/.test(text[from] ?? "")) from += 1;
  while (to > from && /\s/.test(text[to - 1] ?? "")) to -= 1;
  if (from === to) return null;
  const same = groups.find((group) => (group.from === from && group.to === to) || (group.innerFrom === from && group.innerTo === to));
  if (same) return same;
  const crosses = groups.some((group) => group.from < to && group.to > from && !contains(group, from, to) && !(from <= group.from && group.to <= to));
  return crosses ? null : { from, to };
}

/** The selection lies within what the group weighs. */
function contains(group: Group, from: number, to: number): boolean {
  return group.innerFrom <= from && to <= group.innerTo;
}

function wordAt(text: string, caret: number): Target | null {
  const isWord = (at: number) => /[^\s,.;|()[\]{}]/.test(text[at] ?? " ");
  let from = caret;
  let to = caret;
  while (from > 0 && isWord(from - 1)) from -= 1;
  while (to < text.length && isWord(to)) to += 1;
  return from === to ? null : { from, to };
}

function changed(text: string, group: Group, by: number): Edit {
  return wrapped(text.slice(group.innerFrom, group.innerTo), group.from, group.to, rounded(group.weight + by));
}

function wrapped(inner: string, from: number, to: number, weight: number): Edit {
  if (weight === 1) return { from, to, insert: inner, select: [from, from + inner.length] };
  return { from, to, insert: `(${inner}:${weight})`, select: [from + 1, from + 1 + inner.length] };
}

function rounded(weight: number): number {
  return Math.max(0, Math.round(weight * 100) / 100);
}
