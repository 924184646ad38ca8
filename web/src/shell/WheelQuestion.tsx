// Asked once, when the wheel is first turned over the canvas: mice and trackpads want different things of it.
import { useEffect, useState } from "react";
import { Mouse } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function WheelQuestion() {
  const { settings } = useEditor();
  const { settings: t, dialogs } = useMessages();
  const known = useStore(settings, (state) => state.wheelKnown);
  const [turned, setTurned] = useState(false);
  useEffect(() => {
    if (known || turned) return;
    const notice = (event: WheelEvent) => (event.target as Element).closest?.("[data-testid=canvas]") && setTurned(true);
    window.addEventListener("wheel", notice, { passive: true, capture: true });
    return () => window.removeEventListener("wheel", notice, { capture: true });
  }, [known, turned]);
  if (known || !turned) return null;
  const choose = (wheel: "zoom" | "pan") => settings.setState({ wheel, wheelKnown: true });
  return (
    <div className={styles.question} role="group" aria-label={dialogs.wheel} data-testid="wheel-question">
      <Mouse size={18} aria-hidden />
      <div>
        <strong>{dialogs.wheel}</strong>
        <p>{t.wheelAsk}</p>
      </div>
      <button type="button" className={styles.button} onClick={() => choose("zoom")}>
        {t.wheelZoom}
      </button>
      <button type="button" className={styles.button} onClick={() => choose("pan")}>
        {t.wheelPan}
      </button>
    </div>
  );
}
