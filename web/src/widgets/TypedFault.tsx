// What is wrong with what is being typed, said below its field: over everything, as large on the screen at any zoom of the canvas.
import { useLayoutEffect, useRef, type RefObject } from "react";
import { createPortal } from "react-dom";
import { followPlace } from "@/widgets/following";
import styles from "@/widgets/widgets.module.css";

const GAP = 4;
const EDGE = 8;

export function TypedFault({ id, input, words }: { id: string; input: RefObject<HTMLInputElement | null>; words: string }) {
  const bubble = useRef<HTMLDivElement>(null);
  // It follows the field, which may move under it: the canvas is dragged and zoomed, a form scrolls.
  useLayoutEffect(() => {
    const [field, shown] = [input.current?.parentElement, bubble.current];
    if (!field || !shown) return;
    place(shown, field);
    return followPlace(field, () => place(shown, field));
  }, [input, words]);
  return createPortal(
    <div ref={bubble} id={id} role="status" className={styles.typedFault}>
      {words}
    </div>,
    document.body,
  );
}

/** Below the field, or above it where there is no room; always within the window. */
function place(bubble: HTMLElement, field: HTMLElement): void {
  const box = field.getBoundingClientRect();
  const { width, height } = bubble.getBoundingClientRect();
  const below = box.bottom + GAP + height < window.innerHeight - EDGE;
  bubble.style.left = `${Math.max(EDGE, Math.min(window.innerWidth - width - EDGE, box.left))}px`;
  bubble.style.top = `${below ? box.bottom + GAP : box.top - height - GAP}px`;
}
