// Every command with its keys, which are changed here: press them, then the new ones.
import { useEffect, useState } from "react";
import { RotateCcw, X } from "lucide-react";
import { useStore } from "zustand";
import { commandFor, keysOf, withKeys, withOwnKeys, withoutKeys } from "@/commands/bindings";
import { command, COMMANDS, type CommandId } from "@/commands/commands";
import { pressed } from "@/commands/keys";
import { shownKeys } from "@/i18n/keyNames";
import { useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";
import own from "@/panels/shortcuts.module.css";

const MODIFIERS = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead", "Process"]);

export function Shortcuts() {
  const { settings } = useEditor();
  const { commandGroups, gestures, shortcuts: t } = useMessages();
  const chosen = useStore(settings, (one) => one.keys);
  const [changing, setChanging] = useState<CommandId | null>(null);
  const [told, setTold] = useState("");
  const groups = [...new Set(COMMANDS.map((one) => one.group))];
  return (
    <>
      <div className={own.lead}>
        <p aria-live="polite">{told || t.lead}</p>
        {Object.keys(chosen).length > 0 && (
          <button
            type="button"
            className={styles.textButton}
            onClick={() => {
              settings.setState({ keys: {} });
              setTold("");
            }}
          >
            {t.resetAll}
          </button>
        )}
      </div>
      <div className={styles.shortcuts}>
        {groups.map((group) => (
          <section key={group}>
            <h3 className={styles.section}>{commandGroups[group]}</h3>
            {COMMANDS.filter((one) => one.group === group).map(({ id }) => (
              <Line key={id} id={id} changing={changing === id} onChanging={(on) => setChanging(on ? id : null)} onTold={setTold} />
            ))}
          </section>
        ))}
        <section>
          <h3 className={styles.section}>{gestures.title}</h3>
          {gestures.list.map(({ what, does }) => (
            <div key={what} className={styles.shortcut}>
              <span>{does}</span>
              <span className={styles.faint}>{what}</span>
            </div>
          ))}
        </section>
      </div>
    </>
  );
}

interface LineProps {
  id: CommandId;
  changing: boolean;
  onChanging: (on: boolean) => void;
  onTold: (words: string) => void;
}

function Line({ id, changing, onChanging, onTold }: LineProps) {
  const { settings } = useEditor();
  const { commands, shortcuts: t, keys: names } = useMessages();
  const chosen = useStore(settings, (one) => one.keys);
  const keys = keysOf(chosen, id);
  const name = commands[id];
  useEffect(() => {
    if (!changing) return;
    // Before the dialog hears of it: Escape is to end this, not to close the window.
    const take = (event: KeyboardEvent) => {
      event.preventDefault();
      event.stopPropagation();
      if (MODIFIERS.has(event.key)) return;
      onChanging(false);
      if (event.key === "Escape") return;
      const wanted = pressed(event);
      const holder = commandFor(settings.getState().keys, wanted);
      settings.setState(({ keys: before }) => ({ keys: withKeys(before, id, wanted) }));
      onTold(holder === undefined || holder === id ? "" : t.taken(shownKeys(wanted, names), name, commands[holder]));
    };
    window.addEventListener("keydown", take, true);
    return () => window.removeEventListener("keydown", take, true);
  }, [changing, onChanging, onTold, settings, id, name, commands, names, t]);
  return (
    <div className={styles.shortcut} data-command={id} data-changed={chosen[id] !== undefined}>
      <span>{name}</span>
      <span className={own.keys}>
        {command(id).fixed !== undefined && <kbd>{shownKeys(command(id).fixed!, names)}</kbd>}
        {chosen[id] !== undefined && !changing && (
          <button type="button" className={own.small} aria-label={t.ownOf(name)} data-tip={t.own} onClick={() => settings.setState(({ keys: before }) => ({ keys: withOwnKeys(before, id) }))}>
            <RotateCcw size={11} />
          </button>
        )}
        {keys.length > 0 && !changing && (
          <button type="button" className={`${own.small} ${own.quiet}`} aria-label={t.noneOf(name)} data-tip={t.none} onClick={() => settings.setState(({ keys: before }) => ({ keys: withoutKeys(before, id) }))}>
            <X size={11} />
          </button>
        )}
        <button type="button" className={own.change} aria-label={t.changeOf(name, keys.map((one) => shownKeys(one, names)).join(t.or))} data-tip={t.change} aria-pressed={changing} onClick={() => onChanging(!changing)} onBlur={() => changing && onChanging(false)}>
          {changing ? <em>{t.press}</em> : keys.length === 0 ? <span className={styles.faint}>{command(id).fixed === undefined ? t.noKeys : "+"}</span> : keys.map((one) => <kbd key={one}>{shownKeys(one, names)}</kbd>)}
        </button>
      </span>
    </div>
  );
}
