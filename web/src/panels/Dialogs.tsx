// What opens over everything: templates, commands, settings, shortcuts, saving, a picture in full, the mask editor.
import { lazy, Suspense, useEffect, useState, type ReactNode } from "react";
import { Dialog } from "radix-ui";
import { X } from "lucide-react";
import { useStore } from "zustand";
import { COMMANDS } from "@/commands/commands";
import { shownKeys } from "@/commands/keys";
import { fileUrl } from "@/api/client";
import { servicesFor } from "@/store/services";
import { useActive, useEditor } from "@/store/editor";
import { saveDocument, titleOf } from "@/store/files";
import { DEFAULTS, type Settings } from "@/store/settings";
import { CommandPalette } from "@/panels/CommandPalette";
import { ConnectForm } from "@/panels/ConnectForm";
import { MissingForm } from "@/panels/MissingForm";
import { useMessages } from "@/i18n/messages";
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
        <Window title="Templates" wide onClose={close}>
          <Templates onDone={close} />
        </Window>
      )}
      {dialog === "settings" && (
        <Window title="Settings" onClose={close}>
          <SettingsForm />
        </Window>
      )}
      {dialog === "shortcuts" && (
        <Window title="Shortcuts" wide onClose={close}>
          <Shortcuts />
        </Window>
      )}
      {dialog === "save" && (
        <Window title="Save as" onClose={close}>
          <SaveForm onDone={close} />
        </Window>
      )}
      {dialog === "missing" && (
        <Window title={t.missing.title} onClose={close}>
          <MissingForm onDone={close} />
        </Window>
      )}
      {dialog === "connect" && (
        <Window title="Link" onClose={close}>
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
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.overlay} />
        <Dialog.Content className={`${styles.window} ${wide ? styles.wide : ""}`} aria-describedby={undefined} data-testid="dialog">
          <header className={styles.windowHead}>
            <Dialog.Title className={styles.windowTitle}>{title}</Dialog.Title>
            <Dialog.Close className={styles.icon} aria-label="Close">
              <X size={15} />
            </Dialog.Close>
          </header>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

const CHOICES: { key: keyof Settings; label: string; options: [string, string][] }[] = [
  { key: "theme", label: "Theme", options: [["dark", "Dark"], ["light", "Light"], ["system", "As the system"]] },
  { key: "density", label: "Density", options: [["compact", "Compact"], ["comfortable", "Comfortable"]] },
  { key: "links", label: "Links", options: [["spline", "Curves"], ["straight", "Straight"], ["step", "Steps"], ["hidden", "Hidden"]] },
  { key: "wheel", label: "The wheel", options: [["zoom", "Zooms"], ["pan", "Pans"]] },
];

const SWITCHES: { key: keyof Settings; label: string; about: string }[] = [
  { key: "snap", label: "Snap to the grid", about: "Nodes move in steps of 8." },
  { key: "grid", label: "Show the grid", about: "Dots on the canvas." },
  { key: "minimap", label: "Show the minimap", about: "The whole graph, in the corner." },
  { key: "heal", label: "Keep links when deleting", about: "What a node passed on is linked straight to who took it." },
  { key: "previews", label: "Previews while sampling", about: "Under the node that samples." },
];

function SettingsForm() {
  const { settings } = useEditor();
  const state = useStore(settings);
  return (
    <div className={styles.settings}>
      {CHOICES.map(({ key, label, options }) => (
        <fieldset key={key} className={styles.choice}>
          <legend>{label}</legend>
          {options.map(([value, word]) => (
            <label key={value} data-on={state[key] === value}>
              <input type="radio" name={key} className="sr-only" checked={state[key] === value} onChange={() => settings.setState({ [key]: value })} />
              {word}
            </label>
          ))}
        </fieldset>
      ))}
      {SWITCHES.map(({ key, label, about }) => (
        <label key={key} className={styles.switch}>
          <input type="checkbox" checked={state[key] === true} onChange={(event) => settings.setState({ [key]: event.target.checked })} />
          <span>
            {label}
            <span className={styles.faint}>{about}</span>
          </span>
        </label>
      ))}
      <button type="button" className={styles.textButton} onClick={() => settings.setState(DEFAULTS)}>
        Reset all
      </button>
    </div>
  );
}

const GESTURES: [string, string][] = [
  ["Drag the canvas", "Move around"],
  ["Wheel", "Zoom"],
  ["Double-click the canvas", "Add a node"],
  ["Drop a link on nothing", "Add a node that fits"],
  ["Drop a node on a link", "Insert it"],
  ["Double-click a link", "Add a point"],
  ["Shift and drag a box", "Select"],
  ["Shift and drag an output", "Move all its links"],
  ["Double-click a title", "Rename"],
];

function Shortcuts() {
  const groups = [...new Set(COMMANDS.map((one) => one.group))];
  return (
    <div className={styles.shortcuts}>
      {groups.map((group) => (
        <section key={group}>
          <h3 className={styles.section}>{group}</h3>
          {COMMANDS.filter((one) => one.group === group && one.keys).map((one) => (
            <div key={one.id} className={styles.shortcut}>
              <span>{one.title}</span>
              <span>
                {one.keys!.map((keys) => (
                  <kbd key={keys}>{shownKeys(keys)}</kbd>
                ))}
              </span>
            </div>
          ))}
        </section>
      ))}
      <section>
        <h3 className={styles.section}>With the pointer</h3>
        {GESTURES.map(([what, does]) => (
          <div key={what} className={styles.shortcut}>
            <span>{does}</span>
            <span className={styles.faint}>{what}</span>
          </div>
        ))}
      </section>
    </div>
  );
}

function SaveForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const title = useActive((one) => (one ? (one.file?.name ?? titleOf(one)) : ""));
  const [name, setName] = useState(() => title.toLowerCase().replace(/[^a-z0-9/_-]+/g, "_").replace(/^_+|_+$/g, "") || "workflow");
  const fault = /^[^/.][^\\:*?"<>|]*$/.test(name) && !name.split("/").some((part) => part === "" || part === ".." || part.startsWith(".")) ? null : "A name has letters, digits, - and _; a slash makes a folder.";
  const [busy, setBusy] = useState(false);
  useEffect(() => setBusy(false), [name]);
  return (
    <form
      className={styles.saveForm}
      onSubmit={(event) => {
        event.preventDefault();
        if (fault || busy) return;
        setBusy(true);
        void saveDocument(editor, name).then((saved) => saved && onDone());
      }}
    >
      <label>
        Name
        <input autoFocus value={name} onChange={(event) => setName(event.target.value)} onFocus={(event) => event.target.select()} />
      </label>
      <p className={styles.faint}>{fault ?? `Kept by the service as workflows/${name}.json`}</p>
      <button type="submit" className={styles.primary} disabled={fault !== null || busy}>
        Save
      </button>
    </form>
  );
}
