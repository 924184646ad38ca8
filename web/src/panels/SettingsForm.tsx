// What this browser keeps of how one likes to work.
import { useStore } from "zustand";
import { LOCALES, useMessages } from "@/i18n/messages";
import { useEditor } from "@/store/editor";
import { DEFAULTS, type Settings } from "@/store/settings";
import styles from "@/panels/panels.module.css";

const SWITCHES = ["snap", "guides", "grid", "minimap", "heal", "previews"] as const;

export function SettingsForm() {
  const { settings } = useEditor();
  const { settings: t } = useMessages();
  const state = useStore(settings);
  const choice = <Key extends "locale" | "theme" | "density" | "links" | "wheel">(key: Key, label: string, options: Readonly<Record<Settings[Key], string>>) => (
    <fieldset className={styles.choice}>
      <legend>{label}</legend>
      {(Object.entries(options) as [Settings[Key], string][]).map(([value, word]) => (
        <label key={value} data-on={state[key] === value}>
          <input type="radio" name={key} className="sr-only" checked={state[key] === value} onChange={() => settings.setState({ [key]: value })} />
          {word}
        </label>
      ))}
    </fieldset>
  );
  return (
    <div className={styles.settings}>
      {choice("locale", t.language, { system: t.asTheBrowser, ...LOCALES })}
      {choice("theme", t.theme, t.themes)}
      {choice("density", t.density, t.densities)}
      {choice("links", t.links, t.linkStyles)}
      {choice("wheel", t.wheel, t.wheels)}
      {SWITCHES.map((key) => (
        <label key={key} className={styles.switch}>
          <input type="checkbox" checked={state[key]} onChange={(event) => settings.setState({ [key]: event.target.checked })} />
          <span>
            {t[key].label}
            <span className={styles.faint}>{t[key].about}</span>
          </span>
        </label>
      ))}
      <button type="button" className={styles.textButton} onClick={() => settings.setState(({ keys }) => ({ ...DEFAULTS, keys }))}>
        {t.reset}
      </button>
    </div>
  );
}
