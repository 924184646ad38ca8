// One tip for the whole page: whatever has `data-tip` says it when pointed at for a moment.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import styles from "@/shell/shell.module.css";

const PAUSE = 220;

interface Tip {
  text: string;
  box: DOMRect;
  right: boolean;
}

export function Tips() {
  const [tip, setTip] = useState<Tip | null>(null);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let timer = 0;
    let on: Element | null = null;
    const hide = () => {
      window.clearTimeout(timer);
      on = null;
      setTip(null);
    };
    const over = (event: Event) => {
      const found = (event.target as Element).closest?.("[data-tip]") ?? null;
      if (found === on) return;
      hide();
      if (!found) return;
      on = found;
      timer = window.setTimeout(() => {
        const text = found.getAttribute("data-tip");
        if (text && found.isConnected) setTip({ text, box: found.getBoundingClientRect(), right: found.getAttribute("data-tip-side") === "right" });
      }, PAUSE);
    };
    document.addEventListener("pointerover", over);
    document.addEventListener("pointerdown", hide, true);
    document.addEventListener("wheel", hide, { passive: true, capture: true });
    document.addEventListener("keydown", hide, true);
    return () => {
      hide();
      document.removeEventListener("pointerover", over);
      document.removeEventListener("pointerdown", hide, true);
      document.removeEventListener("wheel", hide, true);
      document.removeEventListener("keydown", hide, true);
    };
  }, []);
  useLayoutEffect(() => {
    const at = element.current;
    if (!at || !tip) return;
    const size = at.getBoundingClientRect();
    const { box } = tip;
    const left = tip.right ? box.right + 8 : Math.max(8, Math.min(window.innerWidth - size.width - 8, box.left + box.width / 2 - size.width / 2));
    const below = box.bottom + 8 + size.height < window.innerHeight;
    const top = tip.right ? box.top + box.height / 2 - size.height / 2 : below ? box.bottom + 7 : box.top - size.height - 7;
    at.style.left = `${left}px`;
    at.style.top = `${Math.max(6, Math.min(window.innerHeight - size.height - 6, top))}px`;
  }, [tip]);
  if (!tip) return null;
  return (
    <div ref={element} className={styles.tip} role="tooltip">
      {tip.text}
    </div>
  );
}
