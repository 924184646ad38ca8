// What the rest of the editor can do with the canvas while it is on the page.
import type { ReactFlowInstance } from "@xyflow/react";
import type { ScreenPoint } from "@/canvas/lastPointer";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import { boundsOf, fitted } from "@/canvas/viewport";
import type { Box } from "@/model/geometry";
import type { CanvasControl } from "@/store/editor";

export const boxOf = (node: FlowNode): Box => ({ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 });

/** `wrapper`, `nodes` and `lastPointer` are asked for each time: they change while the canvas is there. */
export function controlOf(
  flow: ReactFlowInstance<FlowNode, FlowEdge>,
  wrapper: () => HTMLElement,
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
      const { width, height } = size();
      void flow.setViewport(fitted(boundsOf(wanted.map(boxOf)), width, height), { duration: 160 });
    },
    zoomTo: (zoom) => void flow.zoomTo(zoom, { duration: 160 }),
    zoomBy: (factor) => void flow.zoomTo(flow.getZoom() * factor, { duration: 120 }),
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
