import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitted, moved, pinched, reined, toPicture, wheelFactor, zoomed, type View } from "@/widgets/picture/view";

const STAGE = { width: 1000, height: 800 };
const number = fc.double({ min: -500, max: 1500, noNaN: true });
const view: fc.Arbitrary<View> = fc.record({ scale: fc.double({ min: 0.1, max: 10, noNaN: true }), x: number, y: number });
const point = fc.record({ x: number, y: number });

describe("looking at a picture", () => {
  it.each([
    [{ width: 4000, height: 1000 }, { scale: 0.238, x: 24, y: 281 }],
    [{ width: 100, height: 100 }, { scale: 1, x: 450, y: 350 }],
  ])("%j is whole and in the middle", (picture, expected) => {
    const made = fitted(picture, STAGE);
    expect(made.scale).toBeCloseTo(expected.scale, 3);
    expect([Math.round(made.x), Math.round(made.y)]).toEqual([expected.x, expected.y]);
  });

  it("zooms around the pointer", () => {
    fc.assert(
      fc.property(view, point, fc.double({ min: 0.5, max: 2, noNaN: true }), (from, at, factor) => {
        const [before, after] = [toPicture(from, at), toPicture(zoomed(from, at, factor), at)];
        expect(after.x).toBeCloseTo(before.x, 6);
        expect(after.y).toBeCloseTo(before.y, 6);
      }),
    );
  });

  it("follows two fingers", () => {
    fc.assert(
      fc.property(view, point, point, point, (from, a, b, by) => {
        fc.pre(Math.hypot(a.x - b.x, a.y - b.y) > 20);
        const shifted = pinched(from, [a, b], [{ x: a.x + by.x, y: a.y + by.y }, { x: b.x + by.x, y: b.y + by.y }]);
        expect(shifted.scale).toBeCloseTo(from.scale, 6);
        expect(shifted.x).toBeCloseTo(moved(from, by).x, 4);
      }),
    );
  });

  it("never loses the picture", () => {
    fc.assert(
      fc.property(view, (from) => {
        const { scale, x } = reined(from, { width: 300, height: 200 }, STAGE);
        expect(x).toBeLessThanOrEqual(STAGE.width - 48);
        expect(x + 300 * scale).toBeGreaterThanOrEqual(47.999);
      }),
    );
  });

  it("knows wheels and trackpads", () => {
    expect(wheelFactor({ deltaY: -100, deltaMode: 0, ctrlKey: false })).toBeCloseTo(1.16, 2);
    expect(wheelFactor({ deltaY: 3, deltaMode: 1, ctrlKey: false })).toBeLessThan(1);
    expect(wheelFactor({ deltaY: -5, deltaMode: 0, ctrlKey: true })).toBeCloseTo(1.05, 2);
  });
});
