// Dragging a number: the pointer moves sideways, the value follows. A press that does not move is a click.
import { useRef, type PointerEvent } from "react";
import type { NumberSchema } from "@/model/catalogue";
import type { ChangeKind } from "@/widgets/contract";
import { bounds, dragged, paceOf, snapped } from "@/widgets/number/number";

const SLOP = 3;
const EDGE = 2;

interface Scrub {
  pointer: number;
  width: number;
  /** Where the value would be without steps and bounds. */
  exact: number;
  last: number;
  moved: boolean;
  travelled: number;
  /** Stops listening for Escape, which takes a drag back. */
  forget: () => void;
}

interface ScrubOptions {
  schema: NumberSchema;
  value: number;
  enabled: boolean;
  onChange: (value: number, kind: ChangeKind) => void;
  onClick: (event: PointerEvent<HTMLElement>) => void;
}

/** Handlers for the element that is dragged. */
export function useScrub({ schema, value, enabled, onChange, onClick }: ScrubOptions) {
  const scrub = useRef<Scrub | null>(null);

  const begin = (element: HTMLElement, pointer: number) => {
    const cancel = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !scrub.current?.moved) return;
      event.stopPropagation();
      if (end(element)) onChange(value, "done");
    };
    window.addEventListener("keydown", cancel, true);
    element.setPointerCapture(pointer);
    const width = element.getBoundingClientRect().width;
    scrub.current = { pointer, width, exact: value, last: value, moved: false, travelled: 0, forget: () => window.removeEventListener("keydown", cancel, true) };
  };

  const end = (element: HTMLElement): Scrub | null => {
    const now = scrub.current;
    scrub.current = null;
    now?.forget();
    delete element.dataset["scrubbing"];
    if (document.pointerLockElement === element) document.exitPointerLock();
    return now;
  };

  return {
    onPointerDown(event: PointerEvent<HTMLElement>) {
      if (!enabled || event.button !== 0) return;
      event.preventDefault();
      begin(event.currentTarget, event.pointerId);
    },
    onPointerMove(event: PointerEvent<HTMLElement>) {
      const now = scrub.current;
      if (!now || event.pointerId !== now.pointer) return;
      now.travelled += event.movementX;
      if (!now.moved && Math.abs(now.travelled) < SLOP) return;
      const element = event.currentTarget;
      const pixels = now.moved ? event.movementX : now.travelled;
      now.moved = true;
      element.dataset["scrubbing"] = "";
      holdAtEdge(element, event);
      const pace = paceOf(event);
      // What goes beyond a bound is forgotten, so that turning back answers at once.
      const wanted = now.exact + dragged(schema, pixels, now.width, pace);
      const { minimum, maximum } = bounds(schema);
      now.exact = Math.min(maximum, Math.max(minimum, wanted));
      const next = snapped(schema, now.exact, pace);
      if (next === now.last) return;
      now.last = next;
      onChange(next, "live");
    },
    onPointerUp(event: PointerEvent<HTMLElement>) {
      const now = end(event.currentTarget);
      if (!now) return;
      if (!now.moved) onClick(event);
      else onChange(now.last, "done");
    },
    onPointerCancel(event: PointerEvent<HTMLElement>) {
      const now = end(event.currentTarget);
      if (now?.moved) onChange(now.last, "done");
    },
  };
}

/** At the edge of the window a mouse can go no further: lock it, and movements go on. */
function holdAtEdge(element: HTMLElement, event: PointerEvent<HTMLElement>): void {
  if (event.pointerType !== "mouse" || document.pointerLockElement === element) return;
  const atEdge = event.clientX <= EDGE || event.clientX >= window.innerWidth - 1 - EDGE;
  if (!atEdge || !element.requestPointerLock) return;
  const asked = element.requestPointerLock() as Promise<void> | undefined;
  asked?.catch(() => undefined); // refused: the drag just ends at the edge
}
