// When the service does not answer: said once, calmly. Work goes on; it is kept in this browser.
import { useEffect, useState } from "react";
import { CloudOff } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Offline() {
  const { runs, library } = useEditor();
  const { shell: t } = useMessages();
  const connected = useStore(runs.store, (state) => state.connected);
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (connected) {
      setLate(false);
      if (library.store.getState().state === "unreachable") void library.load();
      return;
    }
    const timer = window.setTimeout(() => setLate(true), 1200);
    return () => window.clearTimeout(timer);
  }, [connected, library]);
  if (connected || !late) return null;
  return (
    <div className={styles.offline} role="status" data-testid="offline">
      <CloudOff size={15} aria-hidden /> {t.offline}
      <button type="button" className={styles.toastAction} onClick={() => runs.retryConnection()}>
        {t.tryNow}
      </button>
    </div>
  );
}
