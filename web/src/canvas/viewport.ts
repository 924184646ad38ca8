// From what is to be seen to where to look from.
import type { Box } from "@/model/geometry";
import type { Viewport } from "@/store/documents";

export const FURTHEST = 0.04;
export const NEAREST = 2.5;
export const FAR = 0.3;
export const MIDDLE = 0.55;

export function boundsOf(boxes: Iterable<Box>): Box | null {
  let left = Infinity;
  let top = Infinity;
  let right = -Infinity;
  let bottom = -Infinity;
  for (const one of boxes) {
    left = Math.min(left, one.x);
    top = Math.min(top, one.y);
    right = Math.max(right, one.x + one.width);
    bottom = Math.max(bottom, one.y + one.height);
  }
  return left === Infinity ? null : { x: left, y: top, width: right - left, height: bottom - top };
}

/** The viewport in which a box fills a window, with a margin, not nearer than `nearest`. */
export function fitted(box: Box | null, width: number, height: number, nearest = 1): Viewport {
  if (!box || width === 0 || height === 0) return { x: width / 2, y: height / 3, zoom: 1 };
  const margin = Math.min(60, width * 0.06);
  const zoom = Math.max(FURTHEST, Math.min(nearest, (width - 2 * margin) / box.width, (height - 2 * margin) / box.height));
  return { x: width / 2 - (box.x + box.width / 2) * zoom, y: height / 2 - (box.y + box.height / 2) * zoom, zoom };
}

/** How far from a corner of the window something covers it that lies there. */
export interface Corner {
  width: number;
  height: number;
}

/** The same, with none of the boxes under what covers the corner at the bottom right: beside it or above it, where they are larger. */
export function fittedClear(boxes: readonly Box[], width: number, height: number, covered: Corner | null): Viewport {
  const box = boundsOf(boxes);
  const whole = fitted(box, width, height);
  if (!covered || !boxes.some((one) => isUnder(one, whole, width - covered.width, height - covered.height))) return whole;
  const beside = fitted(box, Math.max(1, width - covered.width), height);
  const above = fitted(box, width, Math.max(1, height - covered.height));
  return above.zoom > beside.zoom ? above : beside;
}

function isUnder(box: Box, { x, y, zoom }: Viewport, left: number, top: number): boolean {
  return (box.x + box.width) * zoom + x > left && (box.y + box.height) * zoom + y > top;
}

export function levelOf(zoom: number): "near" | "middle" | "far" {
  return zoom < FAR ? "far" : zoom < MIDDLE ? "middle" : "near";
}
