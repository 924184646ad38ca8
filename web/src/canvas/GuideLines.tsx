// The lines that what is dragged is on.
import { ViewportPortal } from "@xyflow/react";
import type { Guide } from "@/model/guides";
import styles from "@/canvas/canvas.module.css";

export function GuideLines({ of }: { of: readonly Guide[] }) {
  return (
    <ViewportPortal>
      {of.map(({ axis, at, from, to }) => (
        <div key={axis} className={styles.guide} data-axis={axis} data-testid="guide" style={axis === "x" ? { left: at, top: from, height: to - from } : { left: from, top: at, width: to - from }} />
      ))}
    </ViewportPortal>
  );
}
