// Every command, by a few letters.
import { Command } from "cmdk";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { COMMANDS, perform } from "@/commands/commands";
import { shownFor } from "@/commands/keys";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function CommandPalette() {
  const editor = useEditor();
  const { palette: t, commands, commandGroups, keys: names } = useMessages();
  const { keys } = useStore(editor.settings);
  const close = () => {
    editor.view.set({ commands: false });
    editor.canvas?.focus();
  };
  return (
    <Command.Dialog open onOpenChange={(open) => !open && close()} label={t.commandsLabel} className={styles.commands} overlayClassName={styles.overlay} contentClassName={styles.commandsBox}>
      <Command.Input placeholder={t.whatToDo} aria-label={t.findCommand} />
      <Command.List>
        <Command.Empty className={styles.empty}>{t.noCommand}</Command.Empty>
        {COMMANDS.filter((one) => !one.enabled || one.enabled(editor)).map((one) => (
          <Command.Item
            key={one.id}
            value={`${commands[one.id]} ${commandGroups[one.group]}`}
            onSelect={() => {
              close();
              perform(editor, one.id);
            }}
          >
            <span>{commands[one.id]}</span>
            <span className={styles.faint}>{commandGroups[one.group]}</span>
            {shownFor(keys, one.id, names) && <kbd>{shownFor(keys, one.id, names)}</kbd>}
          </Command.Item>
        ))}
      </Command.List>
    </Command.Dialog>
  );
}
