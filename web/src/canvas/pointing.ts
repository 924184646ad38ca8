// Which link is pointed at where links are painted, not elements: the nearest within reach, once the pointer rests.
import { useEffect, useState, type RefObject } from "react";
import { useReactFlow } from "@xyflow/react";
import { endOf } from "@/canvas/culling";
import { cornersOf, lineStyleOf, overhangOf, type LineStyle, type LinkStyle } from "@/canvas/path";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import type { Point } from "@/model/document";
import { useEditor } from "@/store/editor";

/** On the screen. */
export const REACH = 8;
/** A pointer that moves on is not asked about. */
const REST = 50;

export interface Pointed {
  edge: FlowEdge;
  /** Where the pointer is, on the screen. */
  x: number;
  y: number;
}

/** The nearest link to a point of the canvas, not further away than `reach`. */
export function linkAt(edges: readonly FlowEdge[], nodes: ReadonlyMap<string, FlowNode>, at: Point, reach: number, links: LinkStyle): FlowEdge | null {
  let nearest: FlowEdge | null = null;
  let least = reach;
  for (const edge of edges) {
    const style = lineStyleOf(links, edge.selected);
    const from = endOf(nodes.get(edge.source), edge.sourceHandle);
    const to = endOf(nodes.get(edge.target), edge.targetHandle);
    if (!style || !from || !to) continue;
    const stops = [from, ...(edge.data?.points ?? []), to];
    for (let index = 1; index < stops.length; index++) {
      const distance = distanceTo(style, stops[index - 1]!, stops[index]!, at, least);
      if (distance >= least) continue;
      least = distance;
      nearest = edge;
    }
  }
  return nearest;
}

/** How far a point is from a piece of a link; anything from `most` on where it is further away than that. */
function distanceTo(style: LineStyle, from: Point, to: Point, [x, y]: Point, most: number): number {
  const reach = overhangOf(style, from, to);
  const outside = x < Math.min(from[0], to[0] - reach) - most || x > Math.max(to[0], from[0] + reach) + most || y < Math.min(from[1], to[1]) - most || y > Math.max(from[1], to[1]) + most;
  if (outside) return most;
  let least = Infinity;
  let [beforeX, beforeY] = from;
  for (const [nextX, nextY] of cornersOf(style, from, to)) {
    least = Math.min(least, toSegment(x, y, beforeX, beforeY, nextX, nextY));
    [beforeX, beforeY] = [nextX, nextY];
  }
  return least;
}

function toSegment(x: number, y: number, fromX: number, fromY: number, toX: number, toY: number): number {
  const [acrossX, acrossY] = [toX - fromX, toY - fromY];
  const length = acrossX * acrossX + acrossY * acrossY;
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - fromX) * acrossX + (y - fromY) * acrossY) / length));
  return Math.hypot(x - fromX - along * acrossX, y - fromY - along * acrossY);
}

/** The link that the pointer rests on; null where links are elements, which are asked themselves. */
export function usePointedLink(wrapper: RefObject<HTMLElement | null>, edges: readonly FlowEdge[], nodes: ReadonlyMap<string, FlowNode>, painted: boolean): Pointed | null {
  const flow = useReactFlow();
  const { settings } = useEditor();
  const [pointed, setPointed] = useState<Pointed | null>(null);
  useEffect(() => {
    const element = wrapper.current;
    if (!element || !painted) return;
    let timer = 0;
    const leave = () => {
      window.clearTimeout(timer);
      setPointed(null);
    };
    const moved = ({ clientX, clientY, buttons, target }: PointerEvent) => {
      window.clearTimeout(timer);
      if (buttons !== 0 || !(target as Element).classList.contains("react-flow__pane")) {
        setPointed(null);
        return;
      }
      timer = window.setTimeout(() => {
        const { x, y } = flow.screenToFlowPosition({ x: clientX, y: clientY }, { snapToGrid: false });
        const edge = linkAt(edges, nodes, [x, y], REACH / flow.getZoom(), settings.getState().links);
        setPointed((before) => (edge ? { edge, x: clientX, y: clientY } : before && null));
      }, REST);
    };
    const events = ["pointerleave", "pointerdown", "wheel"] as const;
    element.addEventListener("pointermove", moved);
    for (const name of events) element.addEventListener(name, leave, { passive: true });
    return () => {
      leave();
      element.removeEventListener("pointermove", moved);
      for (const name of events) element.removeEventListener(name, leave);
    };
  }, [wrapper, flow, settings, edges, nodes, painted]);
  return pointed;
}
