// How a prompt reads: which stretches weigh how much, where embeddings are named, which parentheses mean nothing. The same rules as
// the service's (`nodes/diffusion/prompt.py`): `(text)` weighs 1.1 times as much, `(text:1.3)` exactly 1.3, inner weights win,
// `\(` and `\)` are plain. Pure.

import { alternativesIn } from "@/widgets/prompt/alternatives";

const EMPHASIS = 1.1;
const DEEPEST = 64;
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** A pair of parentheses that weighs what is in it. */
export interface Group {
  from: number;
  to: number;
  /** What is weighed. */
  innerFrom: number;
  innerTo: number;
  weight: number;
  /** Whether a number says the weight. */
  explicit: boolean;
}

/** A stretch of plain text under one weight, escapes unresolved. */
export interface Piece {
  from: number;
  to: number;
  weight: number;
}

export interface Reading {
  pieces: readonly Piece[];
  /** Outer groups before the inner ones. */
  groups: readonly Group[];
}

export function read(text: string): Reading {
  const pieces: Piece[] = [];
  const groups: Group[] = [];
  weigh(text, 0, text.length, 1, 0, pieces, groups);
  return { pieces, groups };
}

function weigh(text: string, from: number, to: number, weight: number, depth: number, pieces: Piece[], groups: Group[]): void {
  const parts = depth < DEEPEST ? split(text, from, to) : [[from, to] as const];
  for (const [begin, end] of parts) {
    if (begin === end) continue;
    if (depth === DEEPEST || !isGroup(text, begin, end)) {
      pieces.push({ from: begin, to: end, weight });
      continue;
    }
    const group = groupAt(text, begin, end, weight);
    groups.push(group);
    weigh(text, group.innerFrom, group.innerTo, group.weight, depth + 1, pieces, groups);
  }
}

/** Cut around every group of the outermost level. Depth may fall below zero, as a stray `)` makes it. */
function split(text: string, from: number, to: number): (readonly [number, number])[] {
  const parts: (readonly [number, number])[] = [];
  const parenthesis = /\\[()]|[()]/g;
  parenthesis.lastIndex = from;
  let begin = from;
  let depth = 0;
  for (let found = parenthesis.exec(text); found && found.index < to; found = parenthesis.exec(text)) {
    if (found[0] === "(") {
      if (depth === 0) {
        parts.push([begin, found.index]);
        begin = found.index;
      }
      depth += 1;
    } else if (found[0] === ")") {
      depth -= 1;
      if (depth === 0) {
        parts.push([begin, found.index + 1]);
        begin = found.index + 1;
      }
    }
  }
  parts.push([begin, to]);
  return parts;
}

function isGroup(text: string, from: number, to: number): boolean {
  return to - from >= 2 && text[from] === "(" && text[to - 1] === ")" && text[to - 2] !== "\\";
}

function groupAt(text: string, from: number, to: number, around: number): Group {
  const colon = text.lastIndexOf(":", to - 2);
  const said = colon > from + 1 ? text.slice(colon + 1, to - 1) : "";
  const explicit = NUMBER.test(said) && Number.isFinite(Number(said));
  return { from, to, innerFrom: from + 1, innerTo: explicit ? colon : to - 1, weight: explicit ? Number(said) : around * EMPHASIS, explicit };
}

export type MarkKind = "up" | "up2" | "up3" | "down" | "down2" | "syntax" | "open" | "embedding" | "unknown" | "stray";

/** A stretch to be shown differently. Marks are in order and never overlap. */
export interface Mark {
  from: number;
  to: number;
  kinds: readonly MarkKind[];
}

const EMBEDDING = /embedding:((?:\\[()]|[^\s,:()])+)/g;
const LONGEST = 20_000;

/** What of a prompt to mark. `isKnown` says whether there is an embedding of a name. A text longer than any prompt has no marks. */
export function marksOf(text: string, isKnown: (name: string) => boolean): Mark[] {
  if (text.length > LONGEST) return [];
  const kinds = new Map<number, MarkKind[]>();
  const edges = new Set<number>([0, text.length]);
  const spans: { from: number; to: number; kind: MarkKind }[] = [];
  const { pieces, groups } = read(text);
  for (const { from, to, weight } of pieces) {
    const kind = kindOf(weight);
    if (kind) spans.push({ from, to, kind });
    for (const stray of text.slice(from, to).matchAll(/\\[()]|[()]/g)) {
      if (stray[0].length === 1) spans.push({ from: from + stray.index, to: from + stray.index + 1, kind: "stray" });
    }
  }
  for (const { from, to, innerFrom, innerTo } of groups) spans.push({ from, to: innerFrom, kind: "syntax" }, { from: innerTo, to, kind: "syntax" });
  for (const found of text.matchAll(EMBEDDING)) {
    const name = (found[1] ?? "").replace(/\\([()])/g, "$1");
    spans.push({ from: found.index, to: found.index + found[0].length, kind: isKnown(name) ? "embedding" : "unknown" });
  }
  for (const at of alternativesIn(text)) spans.push({ from: at, to: at + 1, kind: "open" });
  for (const { from, to } of spans) edges.add(from).add(to);
  const sorted = [...edges].sort((a, b) => a - b);
  const place = new Map(sorted.map((edge, index) => [edge, index]));
  for (const { from, to, kind } of spans) {
    for (let index = place.get(from) ?? 0; index < (place.get(to) ?? 0); index++) kinds.set(index, [...(kinds.get(index) ?? []), kind]);
  }
  return [...kinds].sort((a, b) => a[0] - b[0]).map(([index, found]) => ({ from: sorted[index] ?? 0, to: sorted[index + 1] ?? 0, kinds: found }));
}

function kindOf(weight: number): MarkKind | null {
  if (weight > 1.4) return "up3";
  if (weight > 1.15) return "up2";
  if (weight > 1) return "up";
  if (weight >= 1) return null;
  return weight >= 0.6 ? "down" : "down2";
}
