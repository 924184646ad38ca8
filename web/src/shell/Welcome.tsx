// Nothing is open: what to begin with.
import { FilePlus, FolderOpen, Image } from "lucide-react";
import { perform } from "@/commands/commands";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function Welcome() {
  const editor = useEditor();
  return (
    <div className={styles.welcome}>
      <h1>Start with a template, a file, or nothing</h1>
      <p>Workflows and pictures can also be dropped anywhere on this page.</p>
      <div className={styles.welcomeActions}>
        <button type="button" className={`${styles.button} ${styles.primary}`} onClick={() => perform(editor, "templates")}>
          <Image size={15} aria-hidden /> Templates
        </button>
        <button type="button" className={styles.button} onClick={() => perform(editor, "open")}>
          <FolderOpen size={15} aria-hidden /> Open a file
        </button>
        <button type="button" className={styles.button} onClick={() => perform(editor, "new")}>
          <FilePlus size={15} aria-hidden /> New
        </button>
      </div>
    </div>
  );
}
