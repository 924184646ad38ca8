// Every command, by a few letters.
import { Command } from "cmdk";
import { useMessages } from "@/i18n/messages";
import { COMMANDS, perform } from "@/commands/commands";
import { shownKeys } from "@/commands/keys";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function CommandPalette() {
  const editor = useEditor();
  const { palette: t, commands, commandGroups } = useMessages();
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
            {one.keys?.[0] && <kbd>{shownKeys(one.keys[0])}</kbd>}
          </Command.Item>
        ))}
      </Command.List>
    </Command.Dialog>
  );
}
