// How one paints: kept in this browser, so that the brush is the same the next time.
import { fieldsOf } from "@/model/json";
import { remember, remembered } from "@/model/remembered";

export type Tool = "brush" | "eraser" | "rectangle" | "lasso";

export interface BrushSettings {
  /** In pixels of the picture, across. */
  size: number;
  hardness: number;
  opacity: number;
  /** Whether a pen that is pressed less paints narrower. */
  pressure: boolean;
  tint: Tint;
}

export type Tint = (typeof TINTS)[number];
export const TINTS = ["#ff4d4d", "#3ddc84", "#4d9dff", "#000000", "#ffffff"] as const;
export const DEFAULT_BRUSH: BrushSettings = { size: 60, hardness: 0.8, opacity: 1, pressure: true, tint: TINTS[0] };
export const SMALLEST_BRUSH = 1;
export const LARGEST_BRUSH = 600;

const KEY = "latentgraph.brush";

export function keptBrush(storage: Pick<Storage, "getItem"> = localStorage): BrushSettings {
  return checked(fieldsOf(remembered(KEY, storage)));
}

export function keepBrush(brush: BrushSettings, storage: Pick<Storage, "setItem"> = localStorage): void {
  remember(KEY, brush, storage);
}

function checked(kept: Partial<BrushSettings>): BrushSettings {
  const number = (value: unknown, low: number, high: number, otherwise: number) => (typeof value === "number" && value >= low && value <= high ? value : otherwise);
  return {
    size: number(kept.size, SMALLEST_BRUSH, LARGEST_BRUSH, DEFAULT_BRUSH.size),
    hardness: number(kept.hardness, 0, 1, DEFAULT_BRUSH.hardness),
    opacity: number(kept.opacity, 0.01, 1, DEFAULT_BRUSH.opacity),
    pressure: typeof kept.pressure === "boolean" ? kept.pressure : DEFAULT_BRUSH.pressure,
    tint: (TINTS as readonly unknown[]).includes(kept.tint) ? (kept.tint as Tint) : DEFAULT_BRUSH.tint,
  };
}

/** A brush a notch larger or smaller: by a tenth, at least by a pixel. */
export function resized(size: number, by: 1 | -1): number {
  const next = by > 0 ? Math.max(size + 1, size * 1.12) : Math.min(size - 1, size / 1.12);
  return Math.round(Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, next)));
}
