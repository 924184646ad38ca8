// Two pictures in one place, divided by a line that can be moved: by dragging anywhere, or by keys.
import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { ChevronsLeftRight } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import styles from "@/widgets/picture/compare.module.css";

export interface CompareSliderProps {
  before: string;
  after: string;
  label: string;
  /** What the two are called. */
  names?: readonly [string, string];
}

export function CompareSlider({ before, after, label, names: given }: CompareSliderProps) {
  const { viewer: t } = useMessages();
  const names = given ?? [t.before, t.after];
  const [share, setShare] = useState(0.5);
  const held = useRef(false);
  const put = (next: number) => setShare(Math.min(1, Math.max(0, next)));
  const at = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    put((event.clientX - box.left) / box.width);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.shiftKey ? 0.1 : 0.02;
    const places: Record<string, number> = { ArrowLeft: share - by, ArrowDown: share - by, ArrowRight: share + by, ArrowUp: share + by, Home: 0, End: 1, PageUp: share + 0.25, PageDown: share - 0.25 };
    const place = places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    put(place);
  };
  return (
    <div
      className={`${styles.compare} nodrag nopan`}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        held.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        at(event);
      }}
      onPointerMove={(event) => held.current && at(event)}
      onPointerUp={() => (held.current = false)}
      onPointerCancel={() => (held.current = false)}
      onDoubleClick={() => put(0.5)}
    >
      <img src={before} alt={names[0]} draggable={false} />
      <img src={after} alt={names[1]} draggable={false} style={{ clipPath: `inset(0 0 0 ${share * 100}%)` }} />
      <span className={styles.name} style={{ left: 8, opacity: share < 0.12 ? 0 : 1 }} aria-hidden>
        {names[0]}
      </span>
      <span className={styles.name} style={{ right: 8, opacity: share > 0.88 ? 0 : 1 }} aria-hidden>
        {names[1]}
      </span>
      <div role="slider" tabIndex={0} aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} aria-valuetext={`${Math.round(share * 100)} % ${names[0]}`} className={styles.line} style={{ left: `${share * 100}%` }} onKeyDown={onKeyDown}>
        <span>
          <ChevronsLeftRight size={14} aria-hidden />
        </span>
      </div>
    </div>
  );
}
