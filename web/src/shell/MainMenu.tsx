// The button of the menu in which everything is.
import { ChevronDown } from "lucide-react";
import { mainMenu } from "@/commands/mainMenu";
import { useMessages } from "@/i18n/messages";
import { MenuButton } from "@/shell/MenuButton";
import { useEditor } from "@/store/editor";
import styles from "@/shell/shell.module.css";

export function MainMenu() {
  const editor = useEditor();
  const { shell: t } = useMessages();
  return (
    <MenuButton label={t.menu} className={styles.mark} testId="main-menu" items={() => mainMenu(editor)}>
      <img src="./favicon.svg" alt="" />
      <ChevronDown size={12} aria-hidden />
    </MenuButton>
  );
}
