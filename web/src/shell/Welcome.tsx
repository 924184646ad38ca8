// Nothing is open: what to begin with.
import { FilePlus, FolderOpen, Image } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { perform } from "@/commands/commands";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Welcome() {
  const editor = useEditor();
  const { shell: t, commands } = useMessages();
  return (
    <div className={styles.welcome}>
      <h1>{t.welcome}</h1>
      <p>{t.welcomeMore}</p>
      <div className={styles.welcomeActions}>
        <button type="button" className={`${styles.button} ${styles.primary}`} onClick={() => perform(editor, "templates")}>
          <Image size={15} aria-hidden /> {commands.templates}
        </button>
        <button type="button" className={styles.button} onClick={() => perform(editor, "open")}>
          <FolderOpen size={15} aria-hidden /> {commands.open}
        </button>
        <button type="button" className={styles.button} onClick={() => perform(editor, "new")}>
          <FilePlus size={15} aria-hidden /> {t.new}
        </button>
      </div>
    </div>
  );
}
