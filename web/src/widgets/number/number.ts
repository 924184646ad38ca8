// What a number's schema allows, and what a gesture on its field comes to. Pure.
import type { NumberSchema } from "@/model/catalogue";

/** The nearest value that the schema allows. Whole numbers stay among those that JSON readers agree on. */
export function allowed(schema: NumberSchema, value: number): number {
  const { minimum, maximum } = bounds(schema);
  const bounded = Math.min(maximum, Math.max(minimum, value));
  if (schema.kind === "INT") return Math.round(bounded) + 0;
  return schema.round ? tidy(Math.round(bounded / schema.round) * schema.round) : bounded;
}

/** The bounds, both allowed. Those of seeds are read as `bigint`, being beyond what a number keeps exact. */
export function bounds(schema: NumberSchema): { minimum: number; maximum: number } {
  const widest = schema.kind === "INT" ? Number.MAX_SAFE_INTEGER : Infinity;
  return { minimum: Math.max(Number(schema.minimum ?? -Infinity), -widest), maximum: Math.min(Number(schema.maximum ?? Infinity), widest) };
}

const LONG = /^[+-]?\d{16,}$/;

/** A whole number typed with more digits than a number keeps exact, the nearest that is allowed; null for any other text. */
export function exactly(schema: NumberSchema, text: string): number | bigint | null {
  const digits = text.replace(/[\s_]/g, "");
  return schema.kind === "INT" && LONG.test(digits) ? within(schema, BigInt(digits)) : null;
}

/** A long whole number so many steps on. */
export function steppedExactly(schema: NumberSchema, value: bigint, steps: number, pace: Pace): number | bigint {
  return within(schema, value + BigInt(Math.round(steps * stepAt(schema, pace))));
}

function within(schema: NumberSchema, value: bigint): number | bigint {
  const low = schema.minimum === undefined ? value : BigInt(schema.minimum);
  const high = schema.maximum === undefined ? value : BigInt(schema.maximum);
  const bounded = value < low ? low : value > high ? high : value;
  const number = Number(bounded);
  return Number.isSafeInteger(number) ? number : bounded;
}

export function stepOf(schema: NumberSchema): number {
  return schema.step ?? (schema.kind === "INT" ? 1 : (schema.round ?? 0.01));
}

export type Pace = "fine" | "normal" | "coarse";

/** Shift makes steps ten times as large, Alt a tenth. */
export function paceOf(keys: { shiftKey: boolean; altKey: boolean }): Pace {
  return keys.shiftKey ? "coarse" : keys.altKey ? "fine" : "normal";
}

/** The smallest change at a pace: FLOATs can be moved more finely than their step, whole numbers cannot. */
export function stepAt(schema: NumberSchema, pace: Pace): number {
  const step = stepOf(schema);
  if (pace === "coarse") return step * 10;
  if (pace === "normal") return step;
  return schema.kind === "INT" ? 1 : Math.max(step / 10, schema.round ?? 0);
}

/** The value so many steps on. One that is between two points of the grid goes to the next point first. */
export function stepped(schema: NumberSchema, value: number, steps: number, pace: Pace = "normal"): number {
  const grid = gridAt(schema, pace);
  const offset = (value - gridStart(schema, grid)) / grid;
  const isOn = Math.abs(offset - Math.round(offset)) < 1e-6;
  const from = isOn ? value : gridStart(schema, grid) + (steps > 0 ? Math.floor(offset) : Math.ceil(offset)) * grid;
  return allowed(schema, tidy(from + steps * stepAt(schema, pace)));
}

/** What values are multiples of, at a pace. */
function gridAt(schema: NumberSchema, pace: Pace): number {
  return pace === "fine" ? stepAt(schema, "fine") : stepOf(schema);
}

/** Steps are counted from the minimum where that is no multiple of the step itself. */
function gridStart(schema: NumberSchema, step: number): number {
  const minimum = Number(schema.minimum ?? 0);
  return Math.abs(minimum) < 1e9 ? minimum % step : 0;
}

const SLIDER_STEPS = 1000;

/** Whether the range is short enough to be seen and swept as a slider. */
export function isSlider(schema: NumberSchema): boolean {
  const { minimum, maximum } = bounds(schema);
  return Number.isFinite(minimum) && Number.isFinite(maximum) && maximum > minimum && (maximum - minimum) / stepOf(schema) <= SLIDER_STEPS + 1e-6;
}

/** Where the value is in its range, 0 to 1; null where the range is no slider's. */
export function shareOf(schema: NumberSchema, value: number): number | null {
  if (!isSlider(schema)) return null;
  const { minimum, maximum } = bounds(schema);
  return Math.min(1, Math.max(0, (value - minimum) / (maximum - minimum)));
}

const PIXELS_A_STEP = 4;
const GAIN: Readonly<Record<Pace, number>> = { fine: 0.1, normal: 1, coarse: 10 };

/**
 * What a drag of so many pixels adds, not yet on the grid. A slider's whole range is as long as its field, but a step is never
 * longer than a few pixels, so that short ranges do not feel stuck and long ones stay exact.
 */
export function dragged(schema: NumberSchema, pixels: number, width: number, pace: Pace): number {
  const step = stepOf(schema);
  const { minimum, maximum } = bounds(schema);
  const each = isSlider(schema) ? Math.max((maximum - minimum) / Math.max(width, 1), step / (PIXELS_A_STEP * 3)) : step / PIXELS_A_STEP;
  return pixels * each * GAIN[pace];
}

/** The nearest allowed value on the grid that a drag moves on. */
export function snapped(schema: NumberSchema, value: number, pace: Pace): number {
  const step = gridAt(schema, pace);
  const start = gridStart(schema, step);
  return allowed(schema, tidy(start + Math.round((value - start) / step) * step));
}

/** How a value is written. FLOATs always have a decimal, so that one sees what they are. */
export function written(schema: NumberSchema, value: number): string {
  if (schema.kind === "INT" || !Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1e15 || (value !== 0 && Math.abs(value) < 1e-6)) return String(value);
  return Number.isInteger(value) ? value.toFixed(1) : String(Number(value.toFixed(8)));
}

/** Without the dust of binary fractions: 0.1 + 0.2 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(15)) + 0;
}
