// The link that is being drawn, and beside the pointer what it carries, or why it may not go there.
import { useReactFlow, type ConnectionLineComponentProps } from "@xyflow/react";
import { useMessages } from "@/i18n/messages";
import { useCanvasPlace } from "@/canvas/place";
import { endOf } from "@/canvas/culling";
import { linkPath } from "@/canvas/path";
import { nameOfHandle, outputHandle, type FlowNode } from "@/canvas/project";
import { typeColour } from "@/model/ports";
import styles from "@/canvas/canvas.module.css";

export function ConnectionLine({ fromX, fromY, toX, toY, toHandle, toNode, connectionStatus }: ConnectionLineComponentProps<FlowNode>) {
  const t = useMessages();
  const { connecting } = useCanvasPlace();
  const flow = useReactFlow<FlowNode>();
  const drawing = connecting.current;
  if (!drawing) return null;
  const forward = drawing.end === "output";
  // Its source may be out of view, and not be what the library takes it to come from.
  const source = endOf(flow.getNode(drawing.node), outputHandle(drawing.name)) ?? ([fromX, fromY] as const);
  const path = forward ? linkPath("spline", source, [toX, toY]) : linkPath("spline", [toX, toY], [fromX, fromY]);
  const refused = connectionStatus === "invalid" && toHandle && toNode ? why() : null;
  const text = refused || drawing.type.split(",").join(t.canvas.or);
  function why(): string {
    return connecting.reason(toNode!.id, toHandle!.type === "target" ? "input" : "output", nameOfHandle(toHandle!.id ?? ""), t);
  }
  return (
    <g style={{ color: typeColour(drawing.type) }}>
      <path d={path} className={styles.linkEdge} />
      <path d={path} className={styles.linkLine} style={{ strokeWidth: 2.5 }} />
      <foreignObject x={toX + 14} y={toY + 10} width={320} height={40} style={{ pointerEvents: "none", overflow: "visible" }}>
        <span className={`${styles.linkTip} ${refused ? styles.refused : ""}`}>{text}</span>
      </foreignObject>
    </g>
  );
}
