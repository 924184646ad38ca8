// What opens over everything: templates, commands, settings, shortcuts, saving, a picture in full, the mask editor.
import { useStore } from "zustand";
import { fileUrl } from "@/api/client";
import { servicesFor } from "@/store/services";
import { useEditor } from "@/store/editor";
import { CommandPalette } from "@/panels/CommandPalette";
import { ConnectForm } from "@/panels/ConnectForm";
import { MissingForm } from "@/panels/MissingForm";
import { onDemand } from "@/panels/onDemand";
import { PublishForm, SaveForm } from "@/panels/SaveForm";
import { useMessages } from "@/i18n/messages";
import { SettingsForm } from "@/panels/SettingsForm";
import { Shortcuts } from "@/panels/Shortcuts";
import { SubgraphNamesForm } from "@/panels/SubgraphNamesForm";
import { Templates } from "@/panels/Templates";
import { Viewer } from "@/panels/Viewer";
import { Window } from "@/panels/Window";

const MaskEditor = onDemand(async () => ({ default: (await import("@/widgets/mask/MaskEditor")).MaskEditor }));

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
      {dialog === "subgraph-names" && (
        <Window title={t.subgraphNames.title} onClose={close}>
          <SubgraphNamesForm onDone={close} />
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
      )}
    </>
  );
}
