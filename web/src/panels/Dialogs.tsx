// What opens over everything: templates, commands, settings, shortcuts, saving, a picture in full, the mask editor.
import { lazy, Suspense, type ReactNode } from "react";
import { Dialog } from "radix-ui";
import { X } from "lucide-react";
import { useStore } from "zustand";
import { fileUrl } from "@/api/client";
import { servicesFor } from "@/store/services";
import { useEditor } from "@/store/editor";
import { DEFAULTS, type Settings } from "@/store/settings";
import { CommandPalette } from "@/panels/CommandPalette";
import { ConnectForm } from "@/panels/ConnectForm";
import { MissingForm } from "@/panels/MissingForm";
import { PublishForm, SaveForm } from "@/panels/SaveForm";
import { LOCALES, useMessages } from "@/i18n/messages";
import { Shortcuts } from "@/panels/Shortcuts";
import { Templates } from "@/panels/Templates";
import { Viewer } from "@/panels/Viewer";
import styles from "@/panels/panels.module.css";

const MaskEditor = lazy(() => import("@/widgets/mask/MaskEditor").then(({ MaskEditor: component }) => ({ default: component })));

export default function Dialogs() {
  const editor = useEditor();
  const t = useMessages();
  const { dialog, commands, picture, mask } = useStore(editor.view.store);
  const close = () => editor.view.set({ dialog: null, picture: null });
  return (
    <>
      {commands && <CommandPalette />}
      {dialog === "templates" && (
        <Window title={t.dialogs.templates} wide onClose={close}>
          <Templates onDone={close} />
        </Window>
      )}
      {dialog === "settings" && (
        <Window title={t.dialogs.settings} onClose={close}>
          <SettingsForm />
        </Window>
      )}
      {dialog === "shortcuts" && (
        <Window title={t.dialogs.shortcuts} wide onClose={close}>
          <Shortcuts />
        </Window>
      )}
      {dialog === "save" && (
        <Window title={t.dialogs.save} onClose={close}>
          <SaveForm onDone={close} />
        </Window>
      )}
      {dialog === "publish" && (
        <Window title={t.dialogs.publish} onClose={close}>
          <PublishForm onDone={close} />
        </Window>
      )}
      {dialog === "missing" && (
        <Window title={t.missing.title} onClose={close}>
          <MissingForm onDone={close} />
        </Window>
      )}
      {dialog === "connect" && (
        <Window title={t.dialogs.connect} onClose={close}>
          <ConnectForm onDone={close} />
        </Window>
      )}
      {picture && <Viewer picture={picture} {...(picture.among ? { among: picture.among } : {})} />}
      {mask && (
        <Suspense>
          <MaskEditor
            picture={fileUrl("input", mask.name, "rgb")}
            transparency={fileUrl("input", mask.name, "a")}
            name={mask.name}
            onDone={async (made) => {
              const name = await servicesFor(editor, undefined).uploadMask(made, mask.name);
              editor.view.set({ mask: null });
              mask.done(name);
            }}
            onClose={() => {
              editor.view.set({ mask: null });
              mask.done(null);
            }}
          />
        </Suspense>
      )}
    </>
  );
}

export function Window({ title, wide, onClose, children }: { title: string; wide?: boolean; onClose: () => void; children: ReactNode }) {
  const { closeWindow: closes } = useMessages().shell;
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.overlay} />
        <Dialog.Content className={`${styles.window} ${wide ? styles.wide : ""}`} aria-describedby={undefined} data-testid="dialog">
          <header className={styles.windowHead}>
            <Dialog.Title className={styles.windowTitle}>{title}</Dialog.Title>
            <Dialog.Close className={styles.icon} aria-label={closes}>
              <X size={15} />
            </Dialog.Close>
          </header>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

const SWITCHES = ["snap", "guides", "grid", "minimap", "heal", "previews"] as const;

function SettingsForm() {
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
