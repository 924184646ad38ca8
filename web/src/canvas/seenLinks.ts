// Which links are in view, and how they are drawn: as elements, or painted where there are too many of them or one looks from far away.
import { useMemo, useState } from "react";
import { useStore as useFlow } from "@xyflow/react";
import { useStore } from "zustand";
import { boxOfCell, cellOf, linksIn } from "@/canvas/culling";
import { MOST_LINKS } from "@/canvas/ManyLinks";
import type { CanvasPlace } from "@/canvas/place";
import { samePlaces, type FlowEdge, type FlowNode } from "@/canvas/project";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const NOTHING: readonly FlowEdge[] = [];

export interface SeenLinks {
  /** All links that are drawn when in view. */
  edges: readonly FlowEdge[];
  elements: FlowEdge[];
  painted: readonly FlowEdge[];
  /** Where nodes are, told apart from what is in them: a key pressed in a prompt moves no link and repaints no map. */
  placed: readonly FlowNode[];
  byId: ReadonlyMap<string, FlowNode>;
}

export function useSeenLinks(nodes: readonly FlowNode[], links: readonly FlowEdge[], selection: ReadonlySet<string>, receiving: string | null, level: CanvasPlace["level"]): SeenLinks {
  const cell = useFlow((state) => cellOf(state.transform, state.width, state.height));
  const style = useStore(useEditor().settings, (one) => one.links);
  const [places] = useState<{ nodes: readonly FlowNode[] }>(() => ({ nodes: [] }));
  const placed = useMemo(() => (samePlaces(places.nodes, nodes) ? places.nodes : (places.nodes = nodes)), [nodes, places]);
  const byId = useMemo(() => new Map(placed.map((node) => [node.id, node])), [placed]);
  const edges = useMemo(() => lit(links, selection, receiving), [links, selection, receiving]);
  const far = level === "far";
  const seen = useMemo(() => (far ? [] : linksIn(edges, byId, boxOfCell(cell), style)), [edges, byId, cell, style, far]);
  const many = seen.length > MOST_LINKS;
  const elements = useMemo(() => (many ? seen.filter((edge) => edge.className || edge.selected).slice(0, MOST_LINKS) : seen), [seen, many]);
  return { edges, elements, painted: far ? edges : many ? seen : NOTHING, placed, byId };
}

/** Links of selected nodes are drawn over the others; links that are selected, or take in what is dragged, are marked. One that is hidden is seen only then. */
function lit(links: readonly FlowEdge[], selection: ReadonlySet<string>, receiving: string | null): FlowEdge[] {
  return links.flatMap((edge) => {
    const selected = selection.has(`link:${edge.id}`);
    const touched = selection.has(edge.source) || selection.has(edge.target);
    if (edge.data?.hidden && !selected && !touched) return [];
    if (edge.id === receiving) return { ...edge, selected, className: styles.receiving! };
    return selected || touched ? { ...edge, selected, className: touched ? styles.touched! : "", zIndex: touched ? 1 : 0 } : edge;
  });
}
