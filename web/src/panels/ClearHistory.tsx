// Asked before the whole history goes, which nothing brings back.
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { ENDED } from "@/model/runs";
import { Window } from "@/panels/Window";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function ClearHistory({ onClose }: { onClose: () => void }) {
  const editor = useEditor();
  const { queue: t } = useMessages();
  const number = useStore(editor.runs.store, ({ counts }) => Object.entries(counts).reduce((sum, [state, count]) => sum + (ENDED.has(state) ? count : 0), 0));
  const clear = () => {
    onClose();
    void editor.forgetting.clear().catch((error: unknown) => editor.fail(error));
  };
  return (
    <Window title={t.clearHistory} onClose={onClose}>
      <p className={styles.about}>{t.clearAsks(number)}</p>
      <div className={styles.answers}>
        <button type="button" className={styles.textButton} onClick={onClose}>
          {t.keep}
        </button>
        <button type="button" className={styles.primary} onClick={clear}>
          {t.clearHistory}
        </button>
      </div>
    </Window>
  );
}
