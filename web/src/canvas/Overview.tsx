// The graph from far away: one canvas instead of nodes.
import { useEffect, useRef } from "react";
import { useStoreApi } from "@xyflow/react";
import { useStore } from "zustand";
import { paintGraph, paletteOf } from "@/canvas/paint";
import { keepPainted } from "@/canvas/painted";
import { useCanvasPlace } from "@/canvas/place";
import { titleOf, type FlowEdge, type FlowNode } from "@/canvas/project";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

export function Overview({ nodes, edges, lit }: { nodes: readonly FlowNode[]; edges: readonly FlowEdge[]; lit: string | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useStoreApi();
  const { plans, runs, settings } = useEditor();
  const { key, uid } = useCanvasPlace();
  const theme = useStore(settings, (one) => one.theme);
  const links = useStore(settings, (one) => one.links);
  const plan = useStore(plans.store, (state) => state[uid]);
  const running = useStore(runs.store, (state) => state.running);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const look = { palette: paletteOf(element), links, lit };
    const titles = new Map(nodes.map((node) => [node.id, node.data.kind === "card" || node.data.kind === "group" ? titleOf(node) : ""]));
    const marks = {
      title: (id: string) => titles.get(id) ?? "",
      status: (id: string) => {
        const run = runs.nodes.get(key(id));
        if (run?.state === "running") return "running" as const;
        if (run?.state === "failed" || plans.problems.get(key(id))?.some((one) => one.severity !== "warning")) return "error" as const;
        const status = plans.nodes.get(key(id))?.status;
        return status === "cached" || status === "done" ? ("cached" as const) : status === "run" || status === "depends" ? ("run" as const) : null;
      },
    };
    return keepPainted(element, flow, (context, at, width, height) => paintGraph(context, nodes, edges, at, width, height, look, marks));
  }, [nodes, edges, flow, theme, links, plan, running, plans, runs, key, lit]);
  return <canvas ref={canvas} className={styles.overview} aria-hidden />;
}
