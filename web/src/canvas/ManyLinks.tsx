// Links on one canvas under the nodes, where too many are seen at once for each to be an element: a thousand links that leave one
// loader cost what a canvas costs. Those of selected nodes stay elements, to be worked with.
import { useEffect, useRef } from "react";
import { useStoreApi } from "@xyflow/react";
import { useStore } from "zustand";
import { paintLinks, paletteOf } from "@/canvas/paint";
import { keepPainted } from "@/canvas/painted";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

/** How many links are elements. */
export const MOST_LINKS = 250;

export function ManyLinks({ nodes, edges, lit }: { nodes: ReadonlyMap<string, FlowNode>; edges: readonly FlowEdge[]; lit: string | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useStoreApi();
  const { settings } = useEditor();
  const theme = useStore(settings, (one) => one.theme);
  const links = useStore(settings, (one) => one.links);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const look = { palette: paletteOf(element), links, lit };
    return keepPainted(element, flow, (context, at, width, height) => paintLinks(context, nodes, edges, at, width, height, look));
  }, [nodes, edges, flow, theme, links, lit]);
  return <canvas ref={canvas} className={styles.overview} aria-hidden />;
}
