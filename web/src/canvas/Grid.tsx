// The dots behind the graph. Moving around shifts them; they are drawn anew only when the zoom changes.
import { useLayoutEffect, useRef } from "react";
import { useStoreApi } from "@xyflow/react";
import styles from "@/canvas/canvas.module.css";

const GAP = 24;
const RADIUS = 0.8;

export function Grid() {
  const dots = useRef<HTMLDivElement>(null);
  const flow = useStoreApi();
  useLayoutEffect(() => {
    const put = () => {
      const [x, y, zoom] = flow.getState().transform;
      const gap = GAP * zoom;
      const style = dots.current!.style;
      style.setProperty("--gap", `${gap}px`);
      style.setProperty("--dot", `${RADIUS * zoom}px`);
      style.transform = `translate(${x - gap * Math.ceil(x / gap)}px, ${y - gap * Math.ceil(y / gap)}px)`;
    };
    put();
    return flow.subscribe((state, before) => state.transform !== before.transform && put());
  }, [flow]);
  return <div ref={dots} className={styles.grid} aria-hidden />;
}
