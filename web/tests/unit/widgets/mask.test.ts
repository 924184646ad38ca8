import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MaskHistory } from "@/widgets/mask/history";
import { clipped, coverage, cut, emptyMask, feather, invert, maskOfTransparency, transparencyOfMask, type Mask } from "@/widgets/mask/mask";
import { falloff, Stroke, type StrokeOptions } from "@/widgets/mask/stroke";

const PAINT: StrokeOptions = { effect: "paint", opacity: 1, hardness: 1 };
const at = (mask: Mask, x: number, y: number) => mask.data[y * mask.width + x];
const painted = (width = 32, height = 32, options: Partial<StrokeOptions> = {}) => {
  const mask = emptyMask(width, height);
  const stroke = new Stroke(mask, { ...PAINT, ...options });
  return { mask, stroke };
};

describe("a stroke", () => {
  it("covers a disc", () => {
    const { mask, stroke } = painted();
    stroke.to({ x: 16, y: 16, radius: 8 });
    expect([at(mask, 16, 16), at(mask, 16, 22), at(mask, 16, 25), at(mask, 22, 22)]).toEqual([255, 255, 0, 0]);
    expect(coverage(mask)).toBeCloseTo((Math.PI * 64) / 1024, 1);
  });

  it("covers the way between two places", () => {
    const { mask, stroke } = painted();
    stroke.to({ x: 4, y: 16, radius: 3 });
    stroke.to({ x: 28, y: 16, radius: 3 });
    for (let x = 4; x < 28; x++) expect(at(mask, x, 16)).toBe(255);
  });

  it("follows pressure", () => {
    const { mask, stroke } = painted();
    stroke.to({ x: 4, y: 16, radius: 1 });
    stroke.to({ x: 28, y: 16, radius: 8 });
    const height = (x: number) => Array.from({ length: 32 }, (_, y) => at(mask, x, y) ?? 0).filter((one) => one > 127).length;
    expect(height(26)).toBeGreaterThan(height(8) + 4);
  });

  it("is no darker where it goes twice", () => {
    const { mask, stroke } = painted(32, 32, { opacity: 0.5 });
    for (const x of [8, 24, 8, 24]) stroke.to({ x, y: 16, radius: 4 });
    expect(at(mask, 16, 16)).toBe(128);
  });

  it("adds to what other strokes left", () => {
    const { mask, stroke } = painted(32, 32, { opacity: 0.5 });
    stroke.to({ x: 16, y: 16, radius: 4 });
    new Stroke(mask, { ...PAINT, opacity: 0.5 }).to({ x: 16, y: 16, radius: 4 });
    expect(at(mask, 16, 16)).toBe(192);
  });

  it("erases", () => {
    const { mask, stroke } = painted();
    stroke.to({ x: 16, y: 16, radius: 10 });
    new Stroke(mask, { ...PAINT, effect: "erase", opacity: 0.5 }).to({ x: 16, y: 16, radius: 4 });
    expect([at(mask, 16, 16), at(mask, 16, 24)]).toEqual([128, 255]);
  });

  it("is soft towards its edge", () => {
    const values = [0, 4, 6, 8].map((distance) => falloff(distance, 8, 0.25));
    expect(values[0]).toBe(1);
    expect(values[3]).toBe(0);
    expect(values[1]! > values[2]! && values[2]! > 0).toBe(true);
  });

  it.each([0.1, 0.4, 1])("of radius %d leaves a mark", (radius) => {
    const { mask, stroke } = painted();
    stroke.to({ x: 16.5, y: 16.5, radius });
    expect(at(mask, 16, 16)).toBeGreaterThan(100);
  });

  it("outside the picture changes nothing", () => {
    const { mask, stroke } = painted();
    expect([stroke.to({ x: -50, y: -50, radius: 5 }), stroke.end(), coverage(mask)]).toEqual([null, null, 0]);
  });

  it("fills outlines, with shares of pixels at the edges", () => {
    const { mask, stroke } = painted(8, 8);
    stroke.fill([{ x: 1.5, y: 2 }, { x: 5, y: 2 }, { x: 5, y: 6 }, { x: 1.5, y: 6 }]);
    expect([at(mask, 1, 3), at(mask, 2, 3), at(mask, 4, 3), at(mask, 5, 3), at(mask, 3, 6)]).toEqual([128, 255, 255, 0, 0]);
  });

  it("fills what an outline that crosses itself encloses", () => {
    const { mask, stroke } = painted(20, 20);
    stroke.fill([{ x: 0, y: 0 }, { x: 20, y: 20 }, { x: 20, y: 0 }, { x: 0, y: 20 }]);
    expect([at(mask, 2, 10), at(mask, 18, 10), at(mask, 10, 2)]).toEqual([255, 255, 0]);
  });
});

describe("a whole mask", () => {
  it("is the transparency of its picture, and back", () => {
    const rgba = new Uint8ClampedArray([1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 100]);
    const mask = maskOfTransparency(3, 1, rgba);
    expect([...mask.data]).toEqual([0, 255, 155]);
    expect([...transparencyOfMask(mask)].filter((_, index) => index % 4 === 3)).toEqual([255, 0, 100]);
  });

  it("is inverted", () => {
    const mask = maskOfTransparency(2, 1, new Uint8ClampedArray([0, 0, 0, 255, 0, 0, 0, 55]));
    invert(mask);
    expect([...mask.data]).toEqual([255, 55]);
  });

  it.each([2, 5, 12])("feathered by %d keeps how much it covers, and is soft", (radius) => {
    const { mask, stroke } = painted(96, 96);
    stroke.to({ x: 48, y: 48, radius: 20 });
    const before = coverage(mask);
    feather(mask, radius);
    expect(coverage(mask)).toBeCloseTo(before, 2);
    const edge = Array.from({ length: 48 }, (_, x) => at(mask, 48 + x, 48) ?? 0);
    expect(edge.every((value, index) => index === 0 || value <= edge[index - 1]!)).toBe(true);
    expect(edge.filter((value) => value > 5 && value < 250).length).toBeGreaterThanOrEqual(radius);
  });

  it("feathered stays full where it is full to the edge", () => {
    const mask = emptyMask(16, 16);
    mask.data.fill(255);
    feather(mask, 8);
    expect(coverage(mask)).toBe(1);
  });

  it("clips to whole pixels", () => expect([clipped(emptyMask(10, 10), -3, 2.5, 4.2, 30), clipped(emptyMask(10, 10), 11, 0, 20, 5)]).toEqual([{ x: 0, y: 2, width: 5, height: 8 }, null]));
});

describe("undo", () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant("stroke" as const), x: fc.integer({ min: -4, max: 20 }), y: fc.integer({ min: -4, max: 20 }), radius: fc.integer({ min: 1, max: 6 }), erase: fc.boolean() }),
    fc.constantFrom({ kind: "invert" as const }, { kind: "undo" as const }, { kind: "redo" as const }),
  );

  it("is as if the last step had not been, whatever the steps", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const mask = emptyMask(16, 16);
        const history = new MaskHistory(mask);
        let model = [[...mask.data]];
        let now = 0;
        for (const one of acts) {
          if (one.kind === "undo") {
            history.undo();
            now = Math.max(0, now - 1);
          } else if (one.kind === "redo") {
            history.redo();
            now = Math.min(model.length - 1, now + 1);
          } else {
            if (one.kind === "invert") history.change("Invert", invert);
            else {
              const stroke = new Stroke(mask, { ...PAINT, effect: one.erase ? "erase" : "paint" });
              stroke.to(one);
              const made = stroke.end();
              if (!made) continue;
              history.push("Brush", made.rect, made.before);
            }
            model = [...model.slice(0, now + 1), [...mask.data]];
            now += 1;
          }
          expect([...mask.data]).toEqual(model[now]);
          expect([history.undoable !== null, history.redoable !== null]).toEqual([now > 0, now < model.length - 1]);
        }
      }),
    );
  });

  it("forgets the oldest steps rather than fill memory", () => {
    const mask = emptyMask(16, 16);
    const history = new MaskHistory(mask, 16 * 16 * 2 * 3);
    for (let step = 0; step < 5; step++) history.change("Invert", invert);
    let undone = 0;
    while (history.undo()) undone += 1;
    expect(undone).toBe(3);
  });

  it("cuts out what it keeps", () => expect([...cut({ width: 3, height: 2, data: new Uint8ClampedArray([1, 2, 3, 4, 5, 6]) }, { x: 1, y: 0, width: 2, height: 2 })]).toEqual([2, 3, 5, 6]));
});
