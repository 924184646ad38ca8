// The wheel steps a number only while its field has the focus; else it is the canvas's.
import { useEffect, useRef, type RefObject } from "react";

export function useFocusedWheel(input: RefObject<HTMLInputElement | null>, focused: boolean, step: (steps: number, event: WheelEvent) => void): void {
  const latest = useRef(step);
  useEffect(() => {
    latest.current = step;
  });
  useEffect(() => {
    const field = input.current?.parentElement;
    if (!focused || !field) return;
    const turn = (event: WheelEvent) => {
      if (event.ctrlKey || event.deltaY === 0) return;
      event.preventDefault();
      event.stopPropagation();
      latest.current(event.deltaY < 0 ? 1 : -1, event);
    };
    field.addEventListener("wheel", turn, { passive: false });
    return () => field.removeEventListener("wheel", turn);
  }, [input, focused]);
}
