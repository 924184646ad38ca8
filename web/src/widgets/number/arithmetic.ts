// Reads what people type into a number field: a number, or a sum such as `512*1.5`. A comma is a point, spaces mean nothing,
// `x` and `×` multiply, `%` divides by a hundred, `^` raises. Nothing is ever evaluated as a program.
//
//     sum     = product { ("+" | "-") product }
//     product = power { ("*" | "/") power }
//     power   = sign [ "^" power ]
//     sign    = { "-" | "+" } value { "%" }
//     value   = number | constant | "(" sum ")"

export type Answer = { value: number } | { fault: Fault };

/** What cannot be read: `rest` is what is left over, `word` what is no number. */
export type Fault = { kind: "rest" | "word"; text: string } | { kind: "infinite" | "deep" | "early" | "open" };

const DEEPEST = 100;
const CONSTANTS: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };
const NUMBER = /^(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?/;
const SIGNS: Readonly<Record<string, string>> = { "×": "*", x: "*", X: "*", "·": "*", "÷": "/", ":": "/", "−": "-", "–": "-" };

/** What the text comes to, or what of it cannot be read. */
export function calculate(text: string): Answer {
  const reader = new Reader(text);
  try {
    const value = reader.sum(0);
    if (reader.rest()) return { fault: { kind: "rest", text: reader.rest() } };
    return Number.isFinite(value) ? { value } : { fault: { kind: "infinite" } };
  } catch (error) {
    if (error instanceof Unreadable) return { fault: error.fault };
    throw error;
  }
}

class Unreadable extends Error {
  constructor(readonly fault: Fault) {
    super(fault.kind);
  }
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  rest(): string {
    this.skip();
    return this.text.slice(this.at);
  }

  sum(depth: number): number {
    let value = this.product(depth);
    for (;;) {
      const sign = this.take("+-");
      if (sign === null) return value;
      const next = this.product(depth);
      value = sign === "+" ? value + next : value - next;
    }
  }

  private product(depth: number): number {
    let value = this.power(depth);
    for (;;) {
      const sign = this.take("*/");
      if (sign === null) return value;
      const next = this.power(depth);
      value = sign === "*" ? value * next : value / next;
    }
  }

  private power(depth: number): number {
    if (depth > DEEPEST) throw new Unreadable({ kind: "deep" });
    const negative = this.signs();
    const base = this.value(depth);
    const value = this.take("^") === null ? base : base ** this.power(depth + 1);
    return negative ? -value : value;
  }

  private signs(): boolean {
    let negative = false;
    for (let sign = this.take("+-"); sign !== null; sign = this.take("+-")) negative = sign === "-" ? !negative : negative;
    return negative;
  }

  private value(depth: number): number {
    let value = this.atom(depth);
    while (this.take("%") !== null) value /= 100;
    return value;
  }

  private atom(depth: number): number {
    const rest = this.rest();
    if (rest === "") throw new Unreadable({ kind: "early" });
    const number = NUMBER.exec(rest);
    if (number) {
      this.at += number[0].length;
      return Number(number[0].replace(",", "."));
    }
    const name = /^[a-z]+/i.exec(rest)?.[0];
    const constant = name === undefined ? undefined : CONSTANTS[name.toLowerCase()];
    if (name !== undefined && constant !== undefined && Object.hasOwn(CONSTANTS, name.toLowerCase())) {
      this.at += name.length;
      return constant;
    }
    if (this.take("(") === null) throw new Unreadable({ kind: "word", text: name ?? [...rest][0]! });
    const value = this.sum(depth + 1);
    if (this.take(")") === null) throw new Unreadable({ kind: "open" });
    return value;
  }

  /** Take the next sign if it is one of these. */
  private take(signs: string): string | null {
    this.skip();
    const next = this.text[this.at];
    if (next === undefined) return null;
    const sign = SIGNS[next] ?? next;
    if (!signs.includes(sign)) return null;
    this.at += 1;
    return sign;
  }

  private skip(): void {
    while (/[\s_]/.test(this.text[this.at] ?? "")) this.at += 1;
  }
}
