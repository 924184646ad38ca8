// Where a file that is missing is to be had, as the workflow says, and where it is to be put. Nothing is fetched from here: an address
// is a text to copy, and a link that a person may follow.
import { useStore } from "zustand";
import { Copy, ExternalLink } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { originOf } from "@/model/origins";
import { copyText } from "@/store/clipboard";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";
import own from "@/panels/missing.module.css";

export function Whereabouts({ folder, name }: { folder: string; name: string }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const document = useActive((one) => one?.document);
  const directory = useStore(editor.library.store, ({ directories }) => directories[folder]);
  const origin = document ? originOf(name, document) : null;
  return (
    <>
      {directory !== undefined && (
        <p className={own.note}>
          {t.putInto} <code>{directory}</code>
          <CopyButton text={directory} label={t.copyFolderFor(name)} tip={t.copyFolder} />
        </p>
      )}
      {origin && (
        <p className={own.note}>
          {t.toBeHad}{" "}
          <a href={origin.url} target="_blank" rel="noreferrer noopener" data-testid="origin">
            {origin.url}
            <ExternalLink size={11} aria-label={t.opensTab} />
          </a>
          <CopyButton text={origin.url} label={t.copyAddressOf(name)} tip={t.copyAddress} />
        </p>
      )}
    </>
  );
}

function CopyButton({ text, label, tip }: { text: string; label: string; tip: string }) {
  const editor = useEditor();
  const { missing: t } = useMessages();
  const copy = () => void copyText(editor, text).then(() => editor.view.say(t.copied, "good"), (error: unknown) => editor.fail(error));
  return (
    <button type="button" className={`${styles.icon} ${own.copy}`} aria-label={label} data-tip={tip} onClick={copy}>
      <Copy size={12} />
    </button>
  );
}
