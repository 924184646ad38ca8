// What pointers do on the picture of the mask editor: paint, take away, outline, move. One finger or a pen paints, two fingers move and
// zoom; once a pen was there fingers no longer paint. Space or the middle button moves, Alt or the right button takes away, Shift
// draws a straight line from where the last stroke ended.
import { useRef, useState, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import type { MaskHistory } from "@/widgets/mask/history";
import { paste, type Mask, type Rect } from "@/widgets/mask/mask";
import type { BrushSettings, Tool } from "@/widgets/mask/settings";
import { Stroke, type Effect } from "@/widgets/mask/stroke";
import type { PanZoom } from "@/widgets/picture/usePanZoom";
import type { Point } from "@/widgets/picture/view";

interface PaintingOptions {
  mask: Mask;
  history: MaskHistory;
  tool: Tool;
  /** What undo calls a stroke of each tool. */
  names: Readonly<Record<Tool, string>>;
  brush: BrushSettings;
  pan: PanZoom;
  stage: RefObject<HTMLElement | null>;
  /** Something changed in a gesture, or a gesture ended. */
  show: (rect: Rect | null) => void;
  settled: (rect: Rect | null) => void;
}

type Gesture =
  | { kind: "stroke"; pointer: number; stroke: Stroke; name: string }
  | { kind: "outline"; pointer: number; shape: "rectangle" | "lasso"; points: Point[]; effect: Effect }
  | { kind: "move"; pointer: number; last: Point };

export function usePainting({ mask, history, tool, names, brush, pan, stage, show, settled }: PaintingOptions) {
  const gesture = useRef<Gesture | null>(null);
  const lastEnd = useRef<Point | null>(null);
  const penSeen = useRef(false);
  const [outline, setOutline] = useState<readonly Point[] | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);
  const [space, setSpace] = useState(false);

  const radius = (event: { pointerType: string; pressure: number }) => (brush.size / 2) * (brush.pressure && event.pointerType === "pen" ? Math.max(0.05, event.pressure) : 1);

  const begin = (event: PointerEvent<HTMLElement>): Gesture | null => {
    const place = pan.at(event);
    const moves = space || event.button === 1 || (event.pointerType === "touch" && penSeen.current);
    if (moves) return { kind: "move", pointer: event.pointerId, last: { x: event.clientX, y: event.clientY } };
    if (event.button !== 0 && event.button !== 2) return null;
    const away = tool === "eraser" || event.altKey || event.button === 2 || event.buttons === 32;
    const effect: Effect = away ? "erase" : "paint";
    if (tool === "rectangle" || tool === "lasso") return { kind: "outline", pointer: event.pointerId, shape: tool, points: [place], effect };
    const stroke = new Stroke(mask, { effect, opacity: brush.opacity, hardness: brush.hardness });
    if (event.shiftKey && lastEnd.current) show(stroke.to({ ...lastEnd.current, radius: radius(event) }));
    show(stroke.to({ ...place, radius: radius(event) }));
    lastEnd.current = place;
    return { kind: "stroke", pointer: event.pointerId, stroke, name: names[away ? "eraser" : "brush"] };
  };

  const follow = (now: Gesture, event: PointerEvent<HTMLElement>) => {
    if (now.kind === "move") {
      pan.move({ x: event.clientX - now.last.x, y: event.clientY - now.last.y });
      now.last = { x: event.clientX, y: event.clientY };
      return;
    }
    const between = event.nativeEvent.getCoalescedEvents?.() ?? [];
    for (const one of between.length > 0 ? between : [event.nativeEvent]) {
      const place = pan.at(one);
      if (now.kind === "stroke") {
        show(now.stroke.to({ ...place, radius: radius(one) }));
        lastEnd.current = place;
      } else now.points = now.shape === "lasso" ? [...now.points, place] : [now.points[0]!, place];
    }
    if (now.kind === "outline") setOutline(now.shape === "lasso" ? now.points : cornersOf(now.points));
  };

  const finish = (now: Gesture) => {
    if (now.kind === "stroke") keep(now.stroke, now.name);
    if (now.kind !== "outline") return;
    setOutline(null);
    const stroke = new Stroke(mask, { effect: now.effect, opacity: brush.opacity, hardness: 1 });
    stroke.fill(now.shape === "lasso" ? now.points : cornersOf(now.points));
    keep(stroke, names[now.shape]);
  };

  const keep = (stroke: Stroke, name: string) => {
    const made = stroke.end();
    if (!made) return;
    history.push(name, made.rect, made.before);
    settled(made.rect);
  };

  /** As if the gesture had not begun. */
  const drop = () => {
    const now = gesture.current;
    gesture.current = null;
    setOutline(null);
    const made = now?.kind === "stroke" ? now.stroke.end() : null;
    if (!made) return;
    paste(mask, made.rect, made.before);
    settled(made.rect);
  };

  return {
    outline,
    cursor,
    panning: space,
    stage: {
      onPointerDown(event: PointerEvent<HTMLElement>) {
        event.preventDefault();
        stage.current?.focus({ preventScroll: true });
        event.currentTarget.setPointerCapture(event.pointerId);
        if (event.pointerType === "pen") penSeen.current = true;
        if (pan.pinch.down(event)) return drop();
        if (!gesture.current) gesture.current = begin(event);
      },
      onPointerMove(event: PointerEvent<HTMLElement>) {
        const box = event.currentTarget.getBoundingClientRect();
        setCursor(event.pointerType === "touch" ? null : { x: event.clientX - box.left, y: event.clientY - box.top });
        if (pan.pinch.move(event)) return;
        const now = gesture.current;
        if (now?.pointer === event.pointerId) follow(now, event);
      },
      onPointerUp(event: PointerEvent<HTMLElement>) {
        pan.pinch.up(event);
        const now = gesture.current;
        if (now?.pointer !== event.pointerId) return;
        gesture.current = null;
        finish(now);
      },
      onPointerCancel(event: PointerEvent<HTMLElement>) {
        pan.pinch.up(event);
        if (gesture.current?.pointer === event.pointerId) drop();
      },
      onPointerLeave: () => setCursor(null),
      onContextMenu: (event: { preventDefault: () => void }) => event.preventDefault(),
    },
    onKeyDown(event: KeyboardEvent) {
      if (event.key === " " && event.target === stage.current) {
        event.preventDefault();
        setSpace(true);
      }
      if (event.key === "Escape" && gesture.current) {
        event.stopPropagation();
        event.preventDefault();
        drop();
      }
      const arrows: Record<string, Point> = { ArrowLeft: { x: 40, y: 0 }, ArrowRight: { x: -40, y: 0 }, ArrowUp: { x: 0, y: 40 }, ArrowDown: { x: 0, y: -40 } };
      const by = event.target === stage.current ? arrows[event.key] : undefined;
      if (by) pan.move(by);
    },
    onKeyUp(event: KeyboardEvent) {
      if (event.key === " ") setSpace(false);
    },
  };
}

function cornersOf([a, b]: readonly Point[]): Point[] {
  if (!a || !b) return [];
  return [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
}
