// The whole graph, small, and what of it is seen. Drag in it to go elsewhere.
import { useEffect, useMemo, useRef, type PointerEvent } from "react";
import { useReactFlow, useStore as useFlow } from "@xyflow/react";
import { useStore } from "zustand";
import { paintGraph, paletteOf, sharpened, type Palette } from "@/canvas/paint";
import type { FlowEdge, FlowNode } from "@/canvas/project";
import { boundsOf } from "@/canvas/viewport";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const WIDE = 176;
const HIGH = 116;
/** The map follows when a gesture rests. */
const PAUSE = 120;
const MOST_LINKS = 600;

const boxOf = (node: FlowNode) => ({ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 });

/** Boxes this small are told from the ground by a stronger colour. */
const small = (palette: Palette): Palette => ({ ...palette, card: palette.group });

export function Minimap({ nodes, edges }: { nodes: readonly FlowNode[]; edges: readonly FlowEdge[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useStore(useEditor().settings, (one) => one.theme);
  const { setViewport } = useReactFlow();
  const x = useFlow((state) => state.transform[0]);
  const y = useFlow((state) => state.transform[1]);
  const zoom = useFlow((state) => state.transform[2]);
  const width = useFlow((state) => state.width);
  const height = useFlow((state) => state.height);
  const place = useMemo(() => {
    const box = boundsOf(nodes.map(boxOf)) ?? { x: 0, y: 0, width: 1, height: 1 };
    const scale = Math.min((WIDE - 12) / box.width, (HIGH - 12) / box.height, 0.2);
    return { zoom: scale, x: (WIDE - box.width * scale) / 2 - box.x * scale, y: (HIGH - box.height * scale) / 2 - box.y * scale };
  }, [nodes]);
  useEffect(() => {
    const element = canvas.current;
    const timer = window.setTimeout(() => {
      const context = element && sharpened(element, WIDE, HIGH);
      const few = edges.length > MOST_LINKS ? [] : edges;
      if (context && element) paintGraph(context, nodes, few, place, WIDE, HIGH, small(paletteOf(element)), null);
    }, PAUSE);
    return () => window.clearTimeout(timer);
  }, [nodes, edges, place, theme]);

  const go = (event: PointerEvent<HTMLDivElement>) => {
    if (event.buttons !== 1) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const box = event.currentTarget.getBoundingClientRect();
    const at = [(event.clientX - box.left - place.x) / place.zoom, (event.clientY - box.top - place.y) / place.zoom] as const;
    void setViewport({ x: width / 2 - at[0] * zoom, y: height / 2 - at[1] * zoom, zoom });
  };
  const scale = place.zoom / zoom;
  return (
    <div className={styles.minimap} onPointerDown={go} onPointerMove={go} aria-hidden data-testid="minimap">
      <canvas ref={canvas} style={{ width: WIDE, height: HIGH }} />
      <div className={styles.seen} style={{ transform: `translate(${place.x - x * scale}px, ${place.y - y * scale}px)`, width: width * scale, height: height * scale }} />
    </div>
  );
}
