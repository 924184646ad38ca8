// The whole graph, small, and what of it is seen. Drag in it to go elsewhere.
import { useEffect, useLayoutEffect, useMemo, useRef, type PointerEvent, type Ref } from "react";
import { useReactFlow, useStoreApi } from "@xyflow/react";
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

export function Minimap({ ref, nodes, edges }: { ref: Ref<HTMLDivElement>; nodes: readonly FlowNode[]; edges: readonly FlowEdge[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { settings } = useEditor();
  const theme = useStore(settings, (one) => one.theme);
  const links = useStore(settings, (one) => one.links);
  const { setViewport } = useReactFlow();
  const seen = useRef<HTMLDivElement>(null);
  const flow = useStoreApi();
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
      if (context && element) paintGraph(context, nodes, few, place, WIDE, HIGH, { palette: small(paletteOf(element)), links, lit: null }, null);
    }, PAUSE);
    return () => window.clearTimeout(timer);
  }, [nodes, edges, place, theme, links]);

  useLayoutEffect(() => {
    const put = () => {
      const { transform, width, height } = flow.getState();
      const [x, y, zoom] = transform;
      const scale = place.zoom / zoom;
      Object.assign(seen.current!.style, { transform: `translate(${place.x - x * scale}px, ${place.y - y * scale}px)`, width: `${width * scale}px`, height: `${height * scale}px` });
    };
    put();
    return flow.subscribe((state, before) => (state.transform !== before.transform || state.width !== before.width || state.height !== before.height) && put());
  }, [flow, place]);

  const go = (event: PointerEvent<HTMLDivElement>) => {
    if (event.buttons !== 1) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const box = event.currentTarget.getBoundingClientRect();
    const at = [(event.clientX - box.left - place.x) / place.zoom, (event.clientY - box.top - place.y) / place.zoom] as const;
    const { transform, width, height } = flow.getState();
    const zoom = transform[2];
    void setViewport({ x: width / 2 - at[0] * zoom, y: height / 2 - at[1] * zoom, zoom });
  };
  return (
    <div ref={ref} className={styles.minimap} onPointerDown={go} onPointerMove={go} aria-hidden data-testid="minimap">
      <canvas ref={canvas} style={{ width: WIDE, height: HIGH }} />
      <div ref={seen} className={styles.seen} />
    </div>
  );
}
