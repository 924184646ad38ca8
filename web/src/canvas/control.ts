// What the rest of the editor can do with the canvas while it is on the page.
import type { ReactFlowInstance } from "@xyflow/react";
import type { ScreenPoint } from "@/canvas/lastPointer";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import { fittedClear, type Corner } from "@/canvas/viewport";
import type { Viewport } from "@/store/documents";
import type { Box } from "@/model/geometry";
import type { CanvasControl } from "@/store/editor";

export const boxOf = (node: FlowNode): Box => ({ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 });

/** Where to look from to see these nodes whole, none of them under the map, if one is shown. */
export function viewOf(nodes: readonly FlowNode[], wrapper: HTMLElement, map: HTMLElement | null): Viewport {
  const { width, height } = wrapper.getBoundingClientRect();
  return fittedClear(nodes.map(boxOf), width, height, coveredIn(wrapper, map));
}

function coveredIn(wrapper: HTMLElement, map: HTMLElement | null): Corner | null {
  const covered = map?.getBoundingClientRect();
  if (!covered || covered.width === 0) return null;
  const { right, bottom } = wrapper.getBoundingClientRect();
  return { width: right - covered.left, height: bottom - covered.top };
}

/** In so many milliseconds; at once for who asked the system for less motion. */
const gently = (duration: number) => ({ duration: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : duration });

/** `wrapper`, `map`, `nodes` and `lastPointer` are asked for each time: they change while the canvas is there. */
export function controlOf(
  flow: ReactFlowInstance<FlowNode, FlowEdge>,
  wrapper: () => HTMLElement,
  map: () => HTMLElement | null,
  nodes: () => readonly FlowNode[],
  lastPointer: () => ScreenPoint | null,
): CanvasControl {
  const size = () => wrapper().getBoundingClientRect();
  const toCanvas = (at: { x: number; y: number }): [number, number] => {
    const found = flow.screenToFlowPosition(at, { snapToGrid: false });
    return [found.x, found.y];
  };
  const middle = () => {
    const box = size();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  };
  const pointer = () => lastPointer() ?? middle();
  return {
    fit: (names) => {
      const wanted = names ? nodes().filter((node) => names.includes(node.id)) : nodes();
      void flow.setViewport(viewOf(wanted, wrapper(), map()), gently(160));
    },
    zoomTo: (zoom) => void flow.zoomTo(zoom, gently(160)),
    zoomBy: (factor) => void flow.zoomTo(flow.getZoom() * factor, gently(120)),
    centre: () => toCanvas(middle()),
    toCanvas,
    pointer,
    pointed: () => toCanvas(pointer()),
    focus: () => wrapper().focus(),
    reveal: (name) => {
      const node = nodes().find((one) => one.id === name);
      if (!node) return;
      const { width, height } = size();
      const { x, y, zoom } = flow.getViewport();
      const box = boxOf(node);
      const left = box.x * zoom + x;
      const top = box.y * zoom + y;
      const inView = left >= 0 && top >= 0 && left + box.width * zoom <= width && top + box.height * zoom <= height;
      if (!inView) void flow.setViewport({ x: width / 2 - (box.x + box.width / 2) * zoom, y: height / 2 - (box.y + box.height / 2) * zoom, zoom });
      window.setTimeout(() => wrapper().querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(name)}"]`)?.focus({ preventScroll: true }), 30);
    },
    editField: (name) => wrapper().querySelector<HTMLElement>(`[data-node="${CSS.escape(name)}"] :is([data-input] input, [data-input] textarea, [data-input] button, [data-input] [tabindex])`)?.focus(),
  };
}
