// A link: a line in the colour of its type over a dark one, and a wide invisible one to be hit.
import { memo } from "react";
import type { EdgeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { typeColour } from "@/model/ports";
import { useEditor } from "@/store/editor";
import { useKeyed } from "@/store/keyed";
import { lineStyleOf, linkPath } from "@/canvas/path";
import type { FlowEdge } from "@/canvas/project";
import { useCanvasPlace } from "@/canvas/place";
import styles from "@/canvas/canvas.module.css";

export const LinkEdge = memo(function LinkEdge({ id, sourceX, sourceY, targetX, targetY, data, target, selected }: EdgeProps<FlowEdge>) {
  const { settings, runs } = useEditor();
  const style = lineStyleOf(useStore(settings, (one) => one.links), selected);
  const { key } = useCanvasPlace();
  const flowing = useKeyed(runs.nodes, key(target))?.state === "running";
  if (!data || !style) return null;
  const path = linkPath(style, [sourceX, sourceY], [targetX, targetY], data.points);
  return (
    <>
      <path d={path} className={styles.linkHit} data-link={id} />
      <path d={path} className={styles.linkEdge} />
      <path d={path} className={`${styles.linkLine} ${flowing ? styles.flowing : ""}`} style={{ stroke: typeColour(data.type) }} />
    </>
  );
});
