import { describe, expect, test } from "vitest";
import { fitted, fittedClear, boundsOf } from "@/canvas/viewport";
import type { Box } from "@/model/geometry";

const MAP = { width: 190, height: 130 };
const box = (x: number, y: number, width = 240, height = 200): Box => ({ x, y, width, height });

/** What of a window of 1000 by 600 the boxes are in, from where one looks to see them all. */
function seen(boxes: readonly Box[], corner: typeof MAP | null = MAP) {
  const { x, y, zoom } = fittedClear(boxes, 1000, 600, corner);
  return boxes.map((one) => ({ left: one.x * zoom + x, top: one.y * zoom + y, right: (one.x + one.width) * zoom + x, bottom: (one.y + one.height) * zoom + y }));
}

describe("all that is there, looked at", () => {
  test("is under no map", () => {
    for (const boxes of [[box(0, 0), box(1500, 700)], [box(0, 0, 3000, 200), box(2000, 0, 800, 900)], [box(0, 0, 300, 3000)], [box(0, 0, 3000, 700)]]) {
      for (const { left, top, right, bottom } of seen(boxes)) {
        expect(right <= 1000 - MAP.width || bottom <= 600 - MAP.height).toBe(true);
        expect(left >= 0 && top >= 0 && right <= 1000 && bottom <= 600).toBe(true);
      }
    }
  });

  test("fills the window where nothing is in that corner, or no map is", () => {
    const corner = [box(0, 0), box(1500, 0), box(0, 700)];
    expect(fittedClear(corner, 1000, 600, MAP)).toEqual(fitted(boundsOf(corner), 1000, 600));
    const all = [...corner, box(1500, 700)];
    expect(fittedClear(all, 1000, 600, null)).toEqual(fitted(boundsOf(all), 1000, 600));
  });
});
