// The button of the menu in which everything is.
import { useState } from "react";
import { ChevronDown } from "lucide-react";
import { useStore } from "zustand";
import { mainMenu } from "@/commands/mainMenu";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import type { ViewState } from "@/store/view";
import styles from "@/shell/shell.module.css";

const GAP = 4;

export function MainMenu() {
  const editor = useEditor();
  const { shell: t } = useMessages();
  const open = useStore(editor.view.store, (state) => state.menu);
  const [own, setOwn] = useState<ViewState["menu"]>(null);
  const isOpen = open !== null && open === own;
  const toggle = (button: HTMLElement) => {
    const box = button.getBoundingClientRect();
    const next = isOpen ? null : { at: { x: box.left + GAP, y: box.bottom + GAP }, items: mainMenu(editor) };
    setOwn(next);
    editor.view.set({ menu: next });
  };
  return (
    <button type="button" className={styles.mark} aria-label={t.menu} aria-haspopup="menu" aria-expanded={isOpen} data-testid="main-menu" data-tip={isOpen ? undefined : t.menu} onClick={(event) => toggle(event.currentTarget)}>
      <img src="./favicon.svg" alt="" />
      <ChevronDown size={12} aria-hidden />
    </button>
  );
}
