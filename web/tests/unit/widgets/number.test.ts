import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NumberSchema } from "@/model/catalogue";
import { allowed, bounds, dragged, exactly, isSlider, shareOf, snapped, stepped, steppedExactly, written, type Pace } from "@/widgets/number/number";

const steps: NumberSchema = { widget: "number", kind: "INT", minimum: 1, maximum: 10000 };
const cfg: NumberSchema = { widget: "number", kind: "FLOAT", minimum: 0, maximum: 100, step: 0.1, round: 0.01 };
const width: NumberSchema = { widget: "number", kind: "INT", minimum: 16, maximum: 16384, step: 8 };
const denoise: NumberSchema = { widget: "number", kind: "FLOAT", minimum: 0, maximum: 1, step: 0.01 };
const strength: NumberSchema = { widget: "number", kind: "FLOAT", minimum: -100, maximum: 100, step: 0.01 };
const seed: NumberSchema = { widget: "number", kind: "INT", minimum: 0, maximum: 18446744073709551615, seed: true };
const free: NumberSchema = { widget: "number", kind: "FLOAT" };

describe("what a number field allows", () => {
  it.each<[string, NumberSchema, number, number]>([
    ["rounds whole numbers", steps, 20.4, 20],
    ["keeps to the minimum", steps, -3, 1],
    ["keeps to the maximum", steps, 1e9, 10000],
    ["rounds to the precision", cfg, 7.12345, 7.12],
    ["leaves other fractions as typed", denoise, 0.123456, 0.123456],
    ["never leaves exact whole numbers", seed, 1e19, Number.MAX_SAFE_INTEGER],
    ["has no minus zero", steps, -0.2, 1],
    ["knows fields without bounds", free, -1e12, -1e12],
  ])("%s", (_, schema, given, expected) => expect(allowed(schema, given)).toBe(expected));

  it("is idempotent and inside the bounds", () => {
    fc.assert(
      fc.property(fc.constantFrom(steps, cfg, width, denoise, strength, seed, free), fc.double({ noNaN: true, noDefaultInfinity: true }), (schema, given) => {
        const value = allowed(schema, given);
        expect(allowed(schema, value)).toBe(value);
        expect(value).toBeGreaterThanOrEqual(bounds(schema).minimum);
        expect(value).toBeLessThanOrEqual(bounds(schema).maximum);
      }),
    );
  });
});

describe("steps", () => {
  it.each<[NumberSchema, number, number, Pace, number]>([
    [steps, 20, 1, "normal", 21],
    [steps, 20, 1, "coarse", 30],
    [steps, 20, -1, "fine", 19],
    [steps, 1, -1, "normal", 1],
    [cfg, 8, 1, "normal", 8.1],
    [cfg, 8, 1, "fine", 8.01],
    [cfg, 0.1, 2, "normal", 0.3],
    [width, 512, 1, "normal", 520],
    [width, 513, 1, "normal", 520],
    [width, 513, -1, "normal", 512],
    [width, 512, 1, "coarse", 592],
    [denoise, 0.5, 1, "fine", 0.501],
    [strength, 1, -1, "normal", 0.99],
  ])("%j from %d by %d, %s", (schema, value, count, pace, expected) => expect(stepped(schema, value, count, pace)).toBe(expected));

  it("one up and one down lead back on the grid", () => {
    fc.assert(
      fc.property(fc.constantFrom(steps, cfg, width, denoise), fc.integer({ min: 2, max: 90 }), (schema, count) => {
        const value = stepped(schema, schema.minimum ?? 0, count);
        if (value < (bounds(schema).maximum)) expect(stepped(schema, stepped(schema, value, 1), -1)).toBe(value);
      }),
    );
  });
});

describe("seeds of 64 bits", () => {
  // As the catalogue is read: what is beyond 2^53 is a bigint.
  const long = { ...seed, maximum: 18446744073709551615n as unknown as number };
  it("have bounds", () => expect([bounds(long), shareOf(long, 3), snapped(long, 7, "normal")]).toEqual([{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }, null, 7]));
  it.each<[string, number | bigint | null]>([
    ["18446744073709551615", 18446744073709551615n],
    ["99999999999999999999", 18446744073709551615n],
    ["9 007 199 254 740 993", 9007199254740993n],
    ["0000000000000000042", 42],
    ["-9007199254740993", 0],
    ["42", null],
    ["2^60", null],
  ])("typed as %s are %s", (text, expected) => expect(exactly(long, text)).toBe(expected));
  it("step", () => expect([steppedExactly(long, 9007199254740993n, 1, "coarse"), steppedExactly(long, 18446744073709551615n, 1, "normal")]).toEqual([9007199254741003n, 18446744073709551615n]));
});

describe("the slider", () => {
  it("is for short ranges", () => expect([steps, cfg, width, denoise, strength, seed, free].map(isSlider)).toEqual([false, true, false, true, false, false, false]));
  it("knows its share", () => expect([shareOf(denoise, 0.25), shareOf(cfg, 150), shareOf(steps, 3)]).toEqual([0.25, 1, null]));
  it("is as long as its field", () => expect(dragged(denoise, 100, 200, "normal")).toBeCloseTo(0.5));
  it("moves long ranges by steps", () => expect(snapped(width, 512 + dragged(width, 40, 200, "normal"), "normal")).toBe(592));
  it("snaps to multiples of the step", () => expect([snapped(width, 517, "normal"), snapped(denoise, 0.123, "normal"), snapped(denoise, 0.1234, "fine")]).toEqual([520, 0.12, 0.123]));
});

describe("how a number is written", () => {
  it.each<[NumberSchema, number, string]>([
    [steps, 20, "20"],
    [cfg, 8, "8.0"],
    [denoise, 0.1 + 0.2, "0.3"],
    [free, 1e-9, "1e-9"],
    [seed, 2 ** 53, "9007199254740992"],
  ])("%j %d", (schema, value, text) => expect(written(schema, value)).toBe(text));
});
