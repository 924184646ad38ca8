// A graph as a small drawing without words: for a workflow that has no picture of what it makes.
import { useMemo } from "react";
import { graphAt, linkOf, positionOf, sizeOf, type Document } from "@/model/document";
import { WIDTH } from "@/model/geometry";
import styles from "@/panels/panels.module.css";

/** How high a node is drawn that does not say: the sketch knows no catalogue. */
const HEIGHT = 110;
const MARGIN = 60;

export function GraphSketch({ document }: { document: Document }) {
  const { boxes, links, view } = useMemo(() => sketched(document), [document]);
  return (
    <svg className={styles.sketch} viewBox={view} preserveAspectRatio="xMidYMid meet" data-testid="sketch" aria-hidden>
      {links.map((one) => (
        <path key={one} d={one} />
      ))}
      {boxes.map(({ id, x, y, width, height }) => (
        <rect key={id} x={x} y={y} width={width} height={height} rx={16} />
      ))}
    </svg>
  );
}

function sketched(document: Document) {
  const { nodes } = graphAt(document, "");
  const boxes = Object.entries(nodes).map(([id, node]) => {
    const [x, y] = positionOf(node);
    const [width, height] = sizeOf(node) ?? [WIDTH, HEIGHT];
    return { id, x, y, width, height };
  });
  const byId = new Map(boxes.map((one) => [one.id, one]));
  const links = boxes.flatMap((to) =>
    Object.values(nodes[to.id]?.inputs ?? {}).flatMap((value) => {
      const from = byId.get(linkOf(value)?.node ?? "");
      if (!from) return [];
      const [x, y, end, height] = [from.x + from.width, from.y + from.height / 2, to.x, to.y + to.height / 2];
      const middle = (x + end) / 2;
      return [`M${x} ${y}C${middle} ${y} ${middle} ${height} ${end} ${height}`];
    }),
  );
  const left = Math.min(0, ...boxes.map((one) => one.x)) - MARGIN;
  const top = Math.min(0, ...boxes.map((one) => one.y)) - MARGIN;
  const right = Math.max(WIDTH, ...boxes.map((one) => one.x + one.width)) + MARGIN;
  const bottom = Math.max(HEIGHT, ...boxes.map((one) => one.y + one.height)) + MARGIN;
  return { boxes, links: [...new Set(links)], view: `${left} ${top} ${right - left} ${bottom - top}` };
}
