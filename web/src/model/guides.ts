// Lines that help to put things beside each other: where an edge or the middle of what is dragged comes near one of another.
import type { Box } from "@/model/geometry";

/** A line across the canvas at a place of one axis, from the first to the last thing that it touches. */
export interface Guide {
  axis: "x" | "y";
  at: number;
  from: number;
  to: number;
}

export interface Guided {
  /** How far what is dragged moves to be on the lines. */
  shift: { x: number; y: number };
  lines: readonly Guide[];
}

const NO_GUIDE: Guided = { shift: { x: 0, y: 0 }, lines: [] };

interface Side {
  axis: "x" | "y";
  start: "x" | "y";
  size: "width" | "height";
}

const ACROSS: Side = { axis: "x", start: "x", size: "width" };
const DOWN: Side = { axis: "y", start: "y", size: "height" };

/** The lines that a box comes near, not further than `reach` away, on each axis the nearest. */
export function guidesFor(box: Box, others: readonly Box[], reach: number): Guided {
  const [x, y] = [nearest(box, others, ACROSS, reach), nearest(box, others, DOWN, reach)];
  if (x === null && y === null) return NO_GUIDE;
  const shift = { x: x?.shift ?? 0, y: y?.shift ?? 0 };
  const put = { ...box, x: box.x + shift.x, y: box.y + shift.y };
  return { shift, lines: [x && line(put, others, ACROSS, x.at), y && line(put, others, DOWN, y.at)].filter((one) => one !== null) };
}

function nearest(box: Box, others: readonly Box[], side: Side, reach: number): { shift: number; at: number } | null {
  let best: { shift: number; at: number } | null = null;
  const own = edges(box, side);
  for (const other of others) {
    for (const at of edges(other, side)) {
      for (const edge of own) {
        const shift = at - edge;
        if (Math.abs(shift) <= reach && (best === null || Math.abs(shift) < Math.abs(best.shift))) best = { shift, at };
      }
    }
  }
  return best;
}

/** Begin, middle and end. */
function edges(box: Box, { start, size }: Side): readonly [number, number, number] {
  return [box[start], box[start] + box[size] / 2, box[start] + box[size]];
}

function line(box: Box, others: readonly Box[], side: Side, at: number): Guide {
  const along = side === ACROSS ? DOWN : ACROSS;
  const touched = [box, ...others.filter((one) => edges(one, side).some((edge) => Math.abs(edge - at) < 0.5))];
  return { axis: side.axis, at, from: Math.min(...touched.map((one) => one[along.start])), to: Math.max(...touched.map((one) => one[along.start] + one[along.size])) };
}
