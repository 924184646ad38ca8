// Messages that come and go.
import { X } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Toasts() {
  const { view } = useEditor();
  const { shell: t } = useMessages();
  const toasts = useStore(view.store, (state) => state.toasts);
  return (
    <div className={styles.toasts} role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={styles.toast} data-kind={toast.kind} data-testid="toast">
          <p>{toast.text}</p>
          {toast.action && (
            <button
              type="button"
              className={styles.toastAction}
              onClick={() => {
                toast.action?.run();
                view.dismiss(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button type="button" className={styles.shut} aria-label={t.dismiss} onClick={() => view.dismiss(toast.id)}>
            <X size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
