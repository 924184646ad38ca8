// Fingers on the canvas. Two of them zoom and move what is seen, wherever they come down: the graph library leaves out those that
// come down on nodes. One that rests opens the menu of what it rests on, as the right button does: not every browser tells of it.
import { FURTHEST, NEAREST } from "@/canvas/viewport";
import type { Viewport } from "@/store/documents";

const REST_MS = 500;
/** How far a finger that rests may tremble, in pixels. */
const TREMBLE = 10;

interface Spread {
  x: number;
  y: number;
  apart: number;
}

/** Where to look from when two fingers went from one spread to another: what was between them stays between them. */
export function pinched(view: Viewport, from: Spread, to: Spread): Viewport {
  const zoom = Math.max(FURTHEST, Math.min(NEAREST, (view.zoom * to.apart) / Math.max(1, from.apart)));
  const scale = zoom / view.zoom;
  return { x: to.x - (from.x - view.x) * scale, y: to.y - (from.y - view.y) * scale, zoom };
}

/** Follow the fingers on an element. Returns the function that ends it. */
export function followFingers(element: HTMLElement, view: () => Viewport, look: (from: Viewport) => void): () => void {
  let pinch: { view: Viewport; from: Spread } | null = null;
  /** From the second finger on until the last is lifted, nobody else hears of them. */
  let taken = false;
  let rest: { timer: number; x: number; y: number } | null = null;
  let opened = false;

  const spread = ({ touches }: TouchEvent): Spread => {
    const box = element.getBoundingClientRect();
    const [one, other] = [touches[0]!, touches[1]!];
    return { x: (one.clientX + other.clientX) / 2 - box.left, y: (one.clientY + other.clientY) / 2 - box.top, apart: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) };
  };
  const moveOn = () => {
    window.clearTimeout(rest?.timer);
    rest = null;
  };
  const open = (target: EventTarget, x: number, y: number) => {
    rest = null;
    opened = true;
    target.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX: x, clientY: y, view: window }));
  };

  const down = (event: TouchEvent) => {
    const finger = event.touches[0]!;
    moveOn();
    if (event.touches.length === 1) {
      opened = false;
      const { target } = event;
      const writes = target instanceof Element && target.closest("input, textarea, [contenteditable=true]") !== null;
      if (target && !writes) rest = { timer: window.setTimeout(() => open(target, finger.clientX, finger.clientY), REST_MS), x: finger.clientX, y: finger.clientY };
      return;
    }
    taken = true;
    event.stopPropagation();
    event.preventDefault();
    pinch = event.touches.length === 2 ? { view: view(), from: spread(event) } : null;
  };
  const move = (event: TouchEvent) => {
    const finger = event.touches[0]!;
    if (rest && Math.hypot(finger.clientX - rest.x, finger.clientY - rest.y) > TREMBLE) moveOn();
    if (!taken && !opened) return;
    event.stopPropagation();
    event.preventDefault();
    if (pinch && event.touches.length === 2) look(pinched(pinch.view, pinch.from, spread(event)));
  };
  const up = (event: TouchEvent) => {
    moveOn();
    pinch = null;
    // No click follows: it would close the menu, or press what is below.
    if (taken || opened) event.preventDefault();
    if (event.touches.length === 0) taken = false;
  };
  /** The browser's own menu event for a finger that rests comes before or after ours: one of them is enough. */
  const menu = (event: MouseEvent) => {
    if (!event.isTrusted) return;
    if (opened) {
      event.stopPropagation();
      event.preventDefault();
    }
    moveOn();
  };

  const loud = { capture: true, passive: false } as const;
  element.addEventListener("touchstart", down, loud);
  element.addEventListener("touchmove", move, loud);
  element.addEventListener("touchend", up, loud);
  element.addEventListener("touchcancel", up, loud);
  element.addEventListener("contextmenu", menu, true);
  return () => {
    moveOn();
    element.removeEventListener("touchstart", down, loud);
    element.removeEventListener("touchmove", move, loud);
    element.removeEventListener("touchend", up, loud);
    element.removeEventListener("touchcancel", up, loud);
    element.removeEventListener("contextmenu", menu, true);
  };
}
