// Where the pointer was last over the canvas: what is pasted or asked for by a key goes there.
import { useEffect, useRef, type RefObject } from "react";

export interface ScreenPoint {
  x: number;
  y: number;
}

/** Null until it was there once. A finger tells of itself only when it is put down. */
export function useLastPointer(wrapper: RefObject<HTMLElement | null>): RefObject<ScreenPoint | null> {
  const last = useRef<ScreenPoint | null>(null);
  useEffect(() => {
    const element = wrapper.current;
    if (!element) return;
    const notice = ({ clientX, clientY }: PointerEvent) => {
      last.current = { x: clientX, y: clientY };
    };
    const events = ["pointermove", "pointerdown"] as const;
    for (const name of events) element.addEventListener(name, notice, { capture: true, passive: true });
    return () => {
      for (const name of events) element.removeEventListener(name, notice, { capture: true });
    };
  }, [wrapper]);
  return last;
}
