// What keys do in the mask editor.
import type { KeyboardEvent } from "react";
import { resized, type Tool } from "@/widgets/mask/settings";
import type { Acts, Studio } from "@/widgets/mask/useStudio";
import type { PanZoom } from "@/widgets/picture/usePanZoom";

export const TOOL_KEYS: Readonly<Record<Tool, string>> = { brush: "b", eraser: "e", rectangle: "r", lasso: "l" };

const DIGITS = [..."1234567890"];

/** What a pressed key does, if it does anything here; what is typed into a field is the field's. */
export function actOf(event: KeyboardEvent, studio: Studio, acts: Acts, pan: PanZoom): (() => void) | undefined {
  const control = event.ctrlKey || event.metaKey;
  if (event.target instanceof HTMLInputElement && !control) return undefined;
  const keys = control ? withControl(event.shiftKey, acts, pan) : { ...ofTools(studio), ...ofBrush(studio), ...ofView(studio, acts, pan) };
  return keys[event.key.toLowerCase()];
}

type Keys = Readonly<Record<string, () => void>>;

function withControl(shift: boolean, acts: Acts, pan: PanZoom): Keys {
  const save = () => void acts.save();
  return { z: shift ? acts.redo : acts.undo, y: acts.redo, s: save, enter: save, i: acts.invert, "0": pan.fit, "1": pan.actual };
}

function ofTools({ tool, setTool }: Studio): Keys {
  const tools = Object.entries(TOOL_KEYS).map(([name, key]) => [key, () => setTool(name as Tool)] as const);
  return { ...Object.fromEntries(tools), x: () => setTool(tool === "eraser" ? "brush" : "eraser") };
}

function ofBrush({ brush, change }: Studio): Keys {
  return {
    "[": () => change({ size: resized(brush.size, -1) }),
    "]": () => change({ size: resized(brush.size, 1) }),
    "{": () => change({ hardness: Math.max(0, Math.round(brush.hardness * 10 - 1) / 10) }),
    "}": () => change({ hardness: Math.min(1, Math.round(brush.hardness * 10 + 1) / 10) }),
    ...Object.fromEntries(DIGITS.map((digit, index) => [digit, () => change({ opacity: (index + 1) / 10 })])),
  };
}

function ofView({ alone, setAlone }: Studio, { clear }: Acts, pan: PanZoom): Keys {
  const larger = () => pan.zoomBy(1.25);
  return { m: () => setAlone(!alone), ".": pan.fit, "+": larger, "=": larger, "-": () => pan.zoomBy(0.8), delete: clear };
}
