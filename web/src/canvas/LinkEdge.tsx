// A link: a line in the colour of its type over a dark one, and a wide invisible one to be hit.
import { memo } from "react";
import type { EdgeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { typeColour } from "@/model/ports";
import { useEditor } from "@/store/editor";
import { useKeyed } from "@/store/keyed";
import { linkPath } from "@/canvas/path";
import type { FlowEdge } from "@/canvas/project";
import { useCanvasPlace } from "@/canvas/place";
import styles from "@/canvas/canvas.module.css";

export const LinkEdge = memo(function LinkEdge({ id, sourceX, sourceY, targetX, targetY, data, target, selected }: EdgeProps<FlowEdge>) {
  const { settings, runs } = useEditor();
  const style = useStore(settings, (one) => one.links);
  const { key } = useCanvasPlace();
  const flowing = useKeyed(runs.nodes, key(target))?.state === "running";
  if (!data || (style === "hidden" && !selected)) return null;
  const path = linkPath(style === "hidden" ? "spline" : style, [sourceX, sourceY], [targetX, targetY], data.points);
  return (
    <>
      <path d={path} className={styles.linkHit} data-link={id} />
      <path d={path} className={styles.linkEdge} />
      <path d={path} className={`${styles.linkLine} ${flowing ? styles.flowing : ""}`} style={{ stroke: typeColour(data.type) }} />
    </>
  );
});
