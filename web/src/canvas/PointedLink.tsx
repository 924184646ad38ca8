// What the painted link is that is pointed at: from where to where, beside the pointer.
import { nameOfHandle, titleOf, type FlowNode } from "@/canvas/project";
import type { Pointed } from "@/canvas/pointing";
import { typeColour } from "@/model/ports";
import styles from "@/canvas/canvas.module.css";

export function PointedLink({ of: { edge, x, y }, nodes }: { of: Pointed; nodes: ReadonlyMap<string, FlowNode> }) {
  const title = (id: string) => {
    const node = nodes.get(id);
    return node ? titleOf(node) : id;
  };
  return (
    <div className={`${styles.linkTip} ${styles.pointed}`} style={{ left: x + 14, top: y + 12, color: typeColour(edge.data?.type ?? "*") }} data-testid="pointed-link">
      {title(edge.source)} · {nameOfHandle(edge.sourceHandle ?? "")} → {title(edge.target)} · {nameOfHandle(edge.targetHandle ?? "")}
    </div>
  );
}
