// The handles by which a selected note or frame is made larger, from every side; live, and one step of undo.
import { NodeResizer } from "@xyflow/react";
import type { Graph } from "@/model/document";
import { useEditor } from "@/store/editor";

export interface Placing {
  pos: [number, number];
  size: [number, number];
}

interface BoxResizerProps {
  id: string;
  visible: boolean;
  /** The narrowest and the lowest it can be. */
  least: readonly [number, number];
  /** What undo calls it. */
  label: string;
  onResize: (graph: Graph, box: Placing) => Graph;
}

export function BoxResizer({ id, visible, least, label, onResize }: BoxResizerProps) {
  const { documents } = useEditor();
  const resize = (_: unknown, box: { x: number; y: number; width: number; height: number }) =>
    documents.editGraph(label, (graph) => onResize(graph, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] }), `resize ${id}`);
  return <NodeResizer isVisible={visible} minWidth={least[0]} minHeight={least[1]} onResize={resize} onResizeEnd={() => documents.settle()} />;
}
