// Asked before the whole history goes, which nothing brings back.
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { ENDED } from "@/model/runs";
import { focusHeading } from "@/panels/heading";
import { Window } from "@/panels/Window";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function ClearHistory({ onClose }: { onClose: () => void }) {
  const editor = useEditor();
  const { queue: t } = useMessages();
  const leaving = useStore(editor.forgetting.store, (state) => state.leaving);
  const ended = useStore(editor.runs.store, ({ counts }) => Object.entries(counts).reduce((sum, [state, count]) => sum + (ENDED.has(state) ? count : 0), 0));
  const outOfSight = useStore(editor.runs.store, ({ jobs }) => jobs.filter(({ id }) => leaving.has(id)).length);
  const clear = () => {
    onClose();
    void editor.forgetting.clear().then(keepFocus, (error: unknown) => editor.fail(error));
  };
  return (
    <Window title={t.clearHistory} onClose={onClose}>
      <p className={styles.about}>{t.clearAsks(ended - outOfSight)}</p>
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

/** The button that was pressed went with the history. */
function keepFocus(): void {
  if (document.activeElement === document.body) focusHeading();
}
