import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calculate } from "@/widgets/number/arithmetic";

describe("arithmetic in number fields", () => {
  const sums: [string, number][] = [
    ["20", 20],
    [" 7.5 ", 7.5],
    ["7,5", 7.5],
    [",5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["512*1.5", 768],
    ["512 x 1,5", 768],
    ["1024/3*3", 1024],
    ["2+3*4", 14],
    ["(2+3)*4", 20],
    ["10-4-3", 3],
    ["-5", -5],
    ["--5", 5],
    ["3*-2", -6],
    ["2^3^2", 512],
    ["-2^2", -4],
    ["2^-1", 0.5],
    ["50%", 0.5],
    ["512*75%", 384],
    ["2*pi", 2 * Math.PI],
    ["64÷4−1", 15],
    ["16:9", 16 / 9],
  ];
  it.each(sums)("%s", (text, value) => {
    const answer = calculate(text);
    expect("value" in answer && answer.value).toBeCloseTo(value, 10);
  });

  it.each([
    ["", { kind: "early" }],
    ["512*", { kind: "early" }],
    ["(2+3", { kind: "open" }],
    ["2)", { kind: "rest", text: ")" }],
    ["1 024", { kind: "rest", text: "024" }],
    ["abc", { kind: "word", text: "abc" }],
    ["constructor", { kind: "word", text: "constructor" }],
    ["1/0", { kind: "infinite" }],
    ["alert(1)", { kind: "word", text: "alert" }],
    ["(".repeat(5000), { kind: "deep" }],
    ["2^".repeat(5000) + "2", { kind: "deep" }],
  ])("refuses %.20s", (text, fault) => {
    expect(calculate(text)).toEqual({ fault });
  });

  it("agrees with JavaScript on any sum of numbers", () => {
    const sum = fc.letrec<{ sum: string }>((tie) => ({
      sum: fc.oneof(
        { depthSize: "small" },
        fc.double({ min: 0.001, max: 1000, noNaN: true }).map((number) => number.toFixed(3)),
        fc.tuple(tie("sum"), fc.constantFrom("+", "-", "*", "/"), tie("sum")).map(([a, sign, b]) => `(${a}${sign}${b})`),
        tie("sum").map((inner) => `(-${inner})`),
      ),
    })).sum;
    fc.assert(
      fc.property(sum, (text) => {
        const expected = Number(new Function(`return ${text}`)());
        const answer = calculate(text);
        if (Number.isFinite(expected)) expect("value" in answer && answer.value).toBeCloseTo(expected, 6);
        else expect("fault" in answer).toBe(true);
      }),
    );
  });

  it("never throws, whatever is typed", () => {
    fc.assert(fc.property(fc.string(), (text) => void calculate(text)));
  });
});
