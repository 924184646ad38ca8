import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NumberSchema, WidgetSchema } from "@/model/catalogue";
import { fromHex, fromHsv, toHex, toHsv } from "@/widgets/colour/colour";
import { isColour } from "@/widgets/colour/ColourField";
import { drawSeed, keepable } from "@/widgets/number/seed";

describe("seeds", () => {
  const schema: NumberSchema = { widget: "number", kind: "INT", minimum: 0, maximum: 18446744073709551615, seed: true };
  it("are drawn from what JSON keeps exact", () => {
    fc.assert(fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (high, low) => Number.isSafeInteger(drawSeed(schema, () => new Uint32Array([high, low])))));
    expect(drawSeed(schema, () => new Uint32Array([0xffffffff, 0xffffffff]))).toBe(Number.MAX_SAFE_INTEGER);
  });
  it("keep to small ranges", () => {
    fc.assert(fc.property(fc.nat(0xffffffff), (low) => drawSeed({ ...schema, minimum: 5, maximum: 9 }, () => new Uint32Array([low, low])) <= 9));
  });
  it("are never negative", () => expect(drawSeed({ ...schema, minimum: -(2 ** 63) }, () => new Uint32Array([0, 3]))).toBe(3));
  it.each<[number | bigint | string | undefined, number | bigint | null]>([
    [undefined, null],
    [7, 7],
    ["9007199254740991", 9007199254740991],
    [18446744073709551615n, 18446744073709551615n],
    ["9007199254740993", 9007199254740993n],
    ["random", null],
  ])("kept from %s: %s", (last, expected) => expect(keepable(last)).toBe(expected));
});

describe("colours", () => {
  const colour = fc.nat(0xffffff);
  it("survive hex", () => fc.assert(fc.property(colour, (one) => fromHex(toHex(one)) === one)));
  it("survive hue, saturation and value", () => fc.assert(fc.property(colour, (one) => fromHsv(toHsv(one)) === one)));
  it.each<[string, number | null]>([
    ["#fff", 0xffffff],
    ["7AA7FF", 0x7aa7ff],
    [" #123456 ", 0x123456],
    ["#12345", null],
    ["red", null],
  ])("read %s", (text, expected) => expect(fromHex(text)).toBe(expected));
  it.each<[WidgetSchema, boolean]>([
    [{ widget: "number", kind: "INT", minimum: 0, maximum: 0xffffff }, true],
    [{ widget: "number", kind: "INT", minimum: 0, maximum: 16384 }, false],
    [{ widget: "number", kind: "FLOAT", minimum: 0, maximum: 0xffffff }, false],
    [{ widget: "text" }, false],
  ])("%j", (schema, expected) => expect(isColour(schema)).toBe(expected));
});
