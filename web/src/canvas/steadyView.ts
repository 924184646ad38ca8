// What is seen stays where it is on the screen when a panel opens or closes to the left of the canvas.
import { useEffect, type RefObject } from "react";
import type { ReactFlowInstance } from "@xyflow/react";
import type { FlowEdge, FlowNode } from "@/canvas/project";

export function useSteadyView(wrapper: RefObject<HTMLElement | null>, flow: ReactFlowInstance<FlowNode, FlowEdge>): void {
  useEffect(() => {
    const element = wrapper.current!;
    let { left } = element.getBoundingClientRect();
    // Told after the page was laid out and before it is painted: what moved is never seen where it was moved to.
    const sized = new ResizeObserver(() => {
      const now = element.getBoundingClientRect().left;
      const by = left - now;
      left = now;
      if (by === 0) return;
      const { x, y, zoom } = flow.getViewport();
      void flow.setViewport({ x: x + by, y, zoom });
    });
    sized.observe(element);
    return () => sized.disconnect();
  }, [wrapper, flow]);
}
