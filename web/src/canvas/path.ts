// The line of a link: from socket to socket with level ends, through its points.
import type { Point } from "@/model/document";

/** How links are to be drawn, all of them. */
export type LinkStyle = "spline" | "straight" | "step" | "hidden";
/** How one is. */
export type LineStyle = Exclude<LinkStyle, "hidden">;

const STEPS = 24;

/** How a link is drawn, null where it is not: of those that are hidden, one that is selected is seen. */
export function lineStyleOf(style: LinkStyle, selected: boolean | undefined): LineStyle | null {
  if (style !== "hidden") return style;
  return selected ? "spline" : null;
}

export function linkPath(style: LineStyle, from: Point, to: Point, via: readonly Point[] = []): string {
  const stops = [from, ...via, to];
  const parts = [`M${from[0]} ${from[1]}`];
  for (let index = 1; index < stops.length; index++) parts.push(piece(style, stops[index - 1]!, stops[index]!));
  return parts.join("");
}

function piece(style: LineStyle, from: Point, to: Point): string {
  if (style !== "spline") return cornersOf(style, from, to).map(([x, y]) => `L${x} ${y}`).join("");
  const reach = reachOf(from, to);
  return `C${from[0] + reach} ${from[1]} ${to[0] - reach} ${to[1]} ${to[0]} ${to[1]}`;
}

/** How far a curve goes level before it turns. */
export function reachOf(from: Point, to: Point): number {
  const across = to[0] - from[0];
  const down = Math.abs(to[1] - from[1]);
  return across >= 0 ? Math.max(Math.min(across / 2, 160), Math.min(down / 2, 60)) : Math.min(60 + -across / 3, 220);
}

/** How far a piece goes out over its ends to the sides, at most. */
export function overhangOf(style: LineStyle, from: Point, to: Point): number {
  return style === "spline" ? reachOf(from, to) : 0;
}

/** A piece as straight ones: where each of them ends. A curve is nearly these. */
export function cornersOf(style: LineStyle, from: Point, to: Point): readonly Point[] {
  if (style === "straight") return [to];
  if (style === "spline") return curveOf(from, to);
  const middle = (from[0] + to[0]) / 2;
  return [[middle, from[1]], [middle, to[1]], to];
}

function curveOf(from: Point, to: Point): readonly Point[] {
  const reach = reachOf(from, to);
  const corners: Point[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const t = step / STEPS;
    const s = 1 - t;
    const x = s * s * s * from[0] + 3 * s * s * t * (from[0] + reach) + 3 * s * t * t * (to[0] - reach) + t * t * t * to[0];
    const y = (s * s * s + 3 * s * s * t) * from[1] + (3 * s * t * t + t * t * t) * to[1];
    corners.push([x, y]);
  }
  return corners;
}
