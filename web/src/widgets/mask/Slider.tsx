// A quantity of the brush, or of what is done to the mask: by the pointer along a line, by keys in steps that are seen.
import type { KeyboardEvent } from "react";
import styles from "@/widgets/mask/mask.module.css";

interface SliderProps {
  label: string;
  title: string;
  value: number;
  low: number;
  high: number;
  /** More than 1 gives small values more room. */
  curve?: number;
  /** What is read out where the label says enough only beside what it is about. */
  name?: string;
  /** What an arrow key adds: the browser's own steps, even along the slider, may be less than is shown. */
  step: number;
  shown: string;
  onChange: (value: number) => void;
}

const TICKS = 200;
const KEY_STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

export function Slider({ label, title, value, low, high, curve = 1, name, step, shown, onChange }: SliderProps) {
  const place = ((value - low) / (high - low)) ** (1 / curve) * TICKS;
  const onKeyDown = (event: KeyboardEvent) => {
    const steps = KEY_STEPS[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    const next = Number(((Math.round(value / step) + steps) * step).toFixed(2));
    onChange(Math.min(high, Math.max(low, next)));
  };
  return (
    <label className={styles.slider} title={title}>
      <span>{label}</span>
      <input type="range" aria-label={name} min={0} max={TICKS} value={place} aria-valuetext={shown} onKeyDown={onKeyDown} onChange={(event) => onChange(low + (Number(event.target.value) / TICKS) ** curve * (high - low))} />
      <output>{shown}</output>
    </label>
  );
}
