// A stage on which a picture is zoomed by wheel and pinch, and moved.
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type PointerEvent, type RefObject } from "react";
import { centred, fitted, moved, pinched, reined, toPicture, wheelFactor, zoomed, type Point, type Size, type View } from "@/widgets/picture/view";

export interface PanZoom {
  view: View;
  fit: () => void;
  actual: () => void;
  zoomBy: (factor: number) => void;
  move: (by: Point) => void;
  /** A point of the page in pixels of the picture. */
  at: (event: { clientX: number; clientY: number }) => Point;
  /** Two fingers. Each returns whether the event belongs to a pinch. */
  pinch: { down: (event: PointerEvent) => boolean; move: (event: PointerEvent) => boolean; up: (event: PointerEvent) => boolean };
}

export function usePanZoom(stage: RefObject<HTMLElement | null>, picture: Size | null, largest = 1): PanZoom {
  const [view, setView] = useState<View>({ scale: 1, x: 0, y: 0 });
  const fingers = useRef(new Map<number, Point>());
  const untouched = useRef(true);
  const change = useCallback(
    (next: (view: View) => View) => {
      untouched.current = false;
      setView((now) => (picture && stage.current ? reined(next(now), picture, sizeOf(stage.current)) : now));
    },
    [picture, stage],
  );
  const fit = useCallback(() => {
    if (!picture || !stage.current) return;
    setView(fitted(picture, sizeOf(stage.current), 24, largest));
    untouched.current = true;
  }, [picture, stage, largest]);

  // As long as nobody zoomed, the picture stays whole when the window changes.
  useLayoutEffect(() => {
    fit();
    const element = stage.current;
    if (!element) return;
    const observer = new ResizeObserver(() => untouched.current && fit());
    observer.observe(element);
    return () => observer.disconnect();
  }, [fit, stage]);

  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const turn = (event: WheelEvent) => {
      event.preventDefault();
      change((now) => zoomed(now, within(element, event), wheelFactor(event)));
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [change, stage]);

  const pair = (): [Point, Point] | null => {
    const [a, b] = [...fingers.current.values()];
    return a && b ? [a, b] : null;
  };
  return {
    view,
    fit,
    actual: () => change((now) => (picture && stage.current ? centred(picture, sizeOf(stage.current), 1) : now)),
    zoomBy: (factor) => change((now) => (stage.current ? zoomed(now, middle(stage.current), factor) : now)),
    move: (by) => change((now) => moved(now, by)),
    at: (event) => (stage.current ? toPicture(view, within(stage.current, event)) : { x: 0, y: 0 }),
    pinch: {
      down(event) {
        if (event.pointerType !== "touch" || !stage.current) return false;
        fingers.current.set(event.pointerId, within(stage.current, event));
        return fingers.current.size === 2;
      },
      move(event) {
        const before = pair();
        if (!fingers.current.has(event.pointerId) || !stage.current) return false;
        fingers.current.set(event.pointerId, within(stage.current, event));
        const after = pair();
        if (!before || !after) return false;
        change((now) => pinched(now, before, after));
        return true;
      },
      up(event) {
        const two = fingers.current.size === 2;
        fingers.current.delete(event.pointerId);
        return two;
      },
    },
  };
}

function within(element: HTMLElement, event: { clientX: number; clientY: number }): Point {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function sizeOf(element: HTMLElement): Size {
  return { width: element.clientWidth, height: element.clientHeight };
}

function middle(element: HTMLElement): Point {
  return { x: element.clientWidth / 2, y: element.clientHeight / 2 };
}
