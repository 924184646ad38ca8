// Whether what one sees is in its file; pressed, it is put there.
import { Check, Save } from "lucide-react";
import { useStore } from "zustand";
import { perform } from "@/commands/commands";
import { tipFor } from "@/commands/keys";
import { useMessages } from "@/i18n/messages";
import { isUnsaved, useActive, useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function SaveState() {
  const editor = useEditor();
  const messages = useMessages();
  const { shell: t } = messages;
  const keys = useStore(editor.settings, (one) => one.keys);
  const state = useActive((one) => (one === null ? null : one.file !== null && !isUnsaved(one) ? "saved" : "unsaved"));
  if (state === null) return null;
  const label = state === "saved" ? t.saved : t.isNotSaved;
  const Icon = state === "saved" ? Check : Save;
  return (
    <button type="button" className={styles.saveState} aria-label={label} data-state={state} data-testid="save-state" data-tip={state === "saved" ? t.savedTip : `${t.notSavedTip}\n${tipFor(keys, "save", messages)}`} onClick={() => perform(editor, "save")}>
      <Icon size={13} aria-hidden /> <span>{label}</span>
    </button>
  );
}
