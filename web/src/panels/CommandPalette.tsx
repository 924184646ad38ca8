// Every command, by a few letters.
import { Command } from "cmdk";
import { COMMANDS, perform } from "@/commands/commands";
import { shownKeys } from "@/commands/keys";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function CommandPalette() {
  const editor = useEditor();
  const close = () => {
    editor.view.set({ commands: false });
    editor.canvas?.focus();
  };
  return (
    <Command.Dialog open onOpenChange={(open) => !open && close()} label="Commands" className={styles.commands} overlayClassName={styles.overlay} contentClassName={styles.commandsBox}>
      <Command.Input placeholder="What to do?" aria-label="Find a command" />
      <Command.List>
        <Command.Empty className={styles.empty}>No command is called that.</Command.Empty>
        {COMMANDS.filter((one) => !one.enabled || one.enabled(editor)).map((one) => (
          <Command.Item
            key={one.id}
            value={`${one.title} ${one.group}`}
            onSelect={() => {
              close();
              perform(editor, one.id);
            }}
          >
            <span>{one.title}</span>
            <span className={styles.faint}>{one.group}</span>
            {one.keys?.[0] && <kbd>{shownKeys(one.keys[0])}</kbd>}
          </Command.Item>
        ))}
      </Command.List>
    </Command.Dialog>
  );
}
