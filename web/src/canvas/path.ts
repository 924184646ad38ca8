// The line of a link: from socket to socket with level ends, through its points.
import type { Point } from "@/model/document";

export type LinkStyle = "spline" | "straight" | "step" | "hidden";

export function linkPath(style: LinkStyle, from: Point, to: Point, via: readonly Point[] = []): string {
  const stops = [from, ...via, to];
  const parts = [`M${from[0]} ${from[1]}`];
  for (let index = 1; index < stops.length; index++) parts.push(piece(style, stops[index - 1]!, stops[index]!));
  return parts.join("");
}

function piece(style: LinkStyle, from: Point, to: Point): string {
  if (style === "straight") return `L${to[0]} ${to[1]}`;
  if (style === "step") {
    const middle = (from[0] + to[0]) / 2;
    return `L${middle} ${from[1]}L${middle} ${to[1]}L${to[0]} ${to[1]}`;
  }
  const reach = reachOf(from, to);
  return `C${from[0] + reach} ${from[1]} ${to[0] - reach} ${to[1]} ${to[0]} ${to[1]}`;
}

/** How far a curve goes level before it turns. */
export function reachOf(from: Point, to: Point): number {
  const across = to[0] - from[0];
  const down = Math.abs(to[1] - from[1]);
  return across >= 0 ? Math.max(Math.min(across / 2, 160), Math.min(down / 2, 60)) : Math.min(60 + -across / 3, 220);
}
