// What links run through: the points that they were given, and reroutes, which are nodes.
import { memo } from "react";
import type { NodeProps } from "@xyflow/react";
import type { CardData, FlowNode } from "@/canvas/project";
import { Socket } from "@/canvas/Socket";
import { linkOf } from "@/model/document";
import styles from "@/canvas/canvas.module.css";

export const LinkPoint = memo(function LinkPoint({ selected }: NodeProps<FlowNode>) {
  return <div className={`${styles.point} ${selected ? styles.selected : ""}`} />;
});

export const RerouteCard = memo(function RerouteCard({ id, data, selected }: NodeProps<FlowNode>) {
  const { of, geometry, node } = data as CardData;
  const middle = geometry.height / 2;
  return (
    <div className={`${styles.reroute} ${selected ? styles.selected : ""}`} style={{ width: geometry.width, height: geometry.height }} data-node={id}>
      {of.inputs.map((one) => (
        <Socket key={one.name} node={id} name={one.name} end="input" type={one.type} y={middle} linked={Object.values(node.inputs ?? {}).some(linkOf)} />
      ))}
      {of.outputs.map((one) => (
        <Socket key={one.name} node={id} name={one.name} end="output" type={one.type} y={middle} linked />
      ))}
    </div>
  );
});
