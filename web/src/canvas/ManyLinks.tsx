// Links on one canvas under the nodes, where too many are seen at once for each to be an element: a thousand links that leave one
// loader cost what a canvas costs. Those of selected nodes stay elements, to be worked with.
import { useEffect, useRef } from "react";
import { useStoreApi } from "@xyflow/react";
import { useStore } from "zustand";
import { paintLinks, paletteOf, sharpened } from "@/canvas/paint";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

/** How many links are elements. */
export const MOST_LINKS = 250;

export function ManyLinks({ nodes, edges }: { nodes: ReadonlyMap<string, FlowNode>; edges: readonly FlowEdge[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useStoreApi();
  const theme = useStore(useEditor().settings, (one) => one.theme);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const palette = paletteOf(element);
    let frame = 0;
    const paint = () => {
      frame = 0;
      const { transform, width, height } = flow.getState();
      const context = sharpened(element, width, height);
      context?.clearRect(0, 0, width, height);
      if (context) paintLinks(context, nodes, edges, { x: transform[0], y: transform[1], zoom: transform[2] }, width, height, palette);
    };
    paint();
    const stop = flow.subscribe((state, before) => {
      if (state.transform === before.transform && state.width === before.width && state.height === before.height) return;
      if (!frame) frame = requestAnimationFrame(paint);
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [nodes, edges, flow, theme]);
  return <canvas ref={canvas} className={styles.overview} aria-hidden />;
}
