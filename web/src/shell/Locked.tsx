// The service asks for a token.
import { useState } from "react";
import { KeyRound } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Locked() {
  const editor = useEditor();
  const { shell: t } = useMessages();
  const locked = useStore(editor.library.store, (state) => state.state === "locked");
  const [given, setGiven] = useState("");
  const [tried, setTried] = useState(false);
  if (!locked) return null;
  return (
    <div className={styles.locked} role="dialog" aria-label={t.token} aria-describedby="token-asked">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          void editor.unlock(given);
        }}
      >
        <KeyRound size={22} aria-hidden />
        <p id="token-asked">
          {tried ? t.tokenUnknown : t.tokenAsked} {t.tokenWhere}
        </p>
        <input type="password" autoFocus autoComplete="current-password" aria-label={t.token} value={given} onChange={(event) => setGiven(event.target.value)} />
        <button type="submit" className={`${styles.button} ${styles.primary}`} disabled={given.trim() === ""}>
          {t.unlock}
        </button>
      </form>
    </div>
  );
}
