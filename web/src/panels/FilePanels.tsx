// What the service has on disk: workflows and models.
import { useCallback, useEffect, useMemo, useState } from "react";
import { FileJson, History, Pencil, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { getVersion, listVersions, type SavedVersion } from "@/api/client";
import { ago } from "@/panels/ago";
import { loaderOf } from "@/model/loaders";
import { perform } from "@/commands/commands";
import { copyText } from "@/store/clipboard";
import { useEditor } from "@/store/editor";
import { MODEL, openDocument, openWorkflow, placeModel, removeWorkflow, renameWorkflow, workflowFiles, type WorkflowFile } from "@/store/files";
import { Thumbnail } from "@/widgets/choice/Thumbnail";
import styles from "@/panels/panels.module.css";

export function WorkflowsPanel() {
  const editor = useEditor();
  const { files: t, commands } = useMessages();
  const [files, setFiles] = useState<readonly WorkflowFile[] | null>(null);
  const [text, setText] = useState("");
  const open = useStore(editor.documents.store, (state) => state.open);
  const saved = Object.values(open).map((one) => `${one.file?.name} ${one.file?.version}`).join();
  const read = useCallback(() => void workflowFiles().then(setFiles, (error: unknown) => editor.fail(error)), [editor]);
  useEffect(read, [read, saved]);
  const shown = (files ?? []).filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  return (
    <>
      <div className={styles.bar2}>
        <input className={styles.search} placeholder={t.find} aria-label={t.find} value={text} onChange={(event) => setText(event.target.value)} />
        <button type="button" className={styles.icon} aria-label={commands.new} data-tip={commands.new} onClick={() => perform(editor, "new")}>
          <Plus size={15} />
        </button>
      </div>
      <div className={styles.scroll}>
        {shown.map((file) => (
          <WorkflowRow key={file.name} file={file} onChange={read} />
        ))}
        {files !== null && shown.length === 0 && <p className={styles.empty}>{files.length === 0 ? t.noneSaved : t.noneCalled}</p>}
      </div>
    </>
  );
}

function WorkflowRow({ file: { name, own }, onChange }: { file: WorkflowFile; onChange: () => void }) {
  const editor = useEditor();
  const t = useMessages();
  const [versions, setVersions] = useState<readonly SavedVersion[] | null>(null);
  const [renaming, setRenaming] = useState(false);
  const rename = (to: string) => {
    setRenaming(false);
    if (to.trim() && to.trim() !== name) void renameWorkflow(editor, name, to.trim()).then((done) => done && onChange());
  };
  const fail = (error: unknown) => editor.fail(error);
  const show = () => (versions ? setVersions(null) : void listVersions(name).then(setVersions, () => setVersions([])));
  return (
    <>
      <div className={styles.bar2} style={{ paddingRight: 0 }}>
        {renaming ? (
          <input
            autoFocus
            className={styles.search}
            aria-label={t.files.newName(name)}
            defaultValue={name}
            onFocus={(event) => event.target.select()}
            onBlur={(event) => rename(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") event.currentTarget.value = name;
              if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur();
            }}
          />
        ) : (
          <button type="button" className={styles.row} onClick={() => void openWorkflow(editor, name).catch(fail)}>
            <span className={styles.rowTitle}>
              <FileJson size={13} aria-hidden /> {name}
            </span>
          </button>
        )}
        {own && (
          <>
            <button type="button" className={styles.icon} aria-label={t.form.renameOf(name)} data-tip={t.form.rename} onClick={() => setRenaming(true)}>
              <Pencil size={12} />
            </button>
            <button type="button" className={styles.icon} aria-label={t.files.remove(name)} data-tip={t.commands.delete} onClick={() => void removeWorkflow(editor, name, onChange)}>
              <Trash2 size={12} />
            </button>
          </>
        )}
        <button type="button" className={styles.icon} aria-label={t.files.versionsOf(name)} data-tip={t.files.versions} aria-expanded={versions !== null} onClick={show}>
          <History size={13} />
        </button>
      </div>
      {versions?.length === 0 && <p className={styles.empty}>{t.files.shipped}</p>}
      {versions?.map((one) => (
        <button
          key={one.version}
          type="button"
          className={styles.row}
          style={{ paddingLeft: 28 }}
          disabled={!one.etag}
          onClick={() => void getVersion(name, one.version).then((document) => openDocument(editor, { ...document, name: t.files.nameOfVersion(document.name || name, one.version) }), fail)}
        >
          <span className={styles.faint}>
            {one.etag ? t.files.version(one.version) : t.files.deleted}, {ago(one.created, t.time)}
          </span>
        </button>
      ))}
    </>
  );
}

export function ModelsPanel() {
  const editor = useEditor();
  const { files: t } = useMessages();
  const library = useStore(editor.library.store);
  const { models, pictures, catalogue } = library;
  const [text, setText] = useState("");
  const folders = useMemo(() => Object.entries(models).map(([folder, names]) => [folder, names.filter((name) => name.toLowerCase().includes(text.toLowerCase()))] as const), [models, text]);
  const add = (folder: string, name: string) => {
    if (placeModel(editor, { folder, name }, null)) return;
    const text = folder === "embeddings" ? `embedding:${name.replace(/\.[^.]*$/, "")}` : name;
    void copyText(editor, text).then(() => editor.view.say(t.copiedName), (error: unknown) => editor.fail(error));
  };
  return (
    <>
      <div className={styles.bar2}>
        <input className={styles.search} placeholder={t.findModel} aria-label={t.findModel} value={text} onChange={(event) => setText(event.target.value)} />
        <button type="button" className={styles.icon} aria-label={t.lookAgain} data-tip={t.lookAgain} onClick={() => void editor.library.refresh().catch((error: unknown) => editor.fail(error))}>
          <RefreshCw size={14} />
        </button>
      </div>
      <div className={styles.scroll}>
        {folders.map(([folder, names]) => {
          const pictureOf = pictures[folder];
          return names.length === 0 ? null : (
            <section key={folder}>
              <h3 className={styles.section}>
                {folder} <span className={styles.faint}>{names.length}</span>
              </h3>
              {names.slice(0, 300).map((name) => (
                <button
                  key={name}
                  type="button"
                  className={styles.row}
                  draggable
                  data-tip={loaderOf(folder, catalogue) ? t.addsNode : t.copyName}
                  data-tip-side="right"
                  onDragStart={(event) => event.dataTransfer.setData(MODEL, JSON.stringify({ folder, name }))}
                  onClick={() => add(folder, name)}
                >
                  <span className={styles.rowTitle}>
                    {pictureOf && <Thumbnail url={pictureOf(name)} />}
                    {name}
                  </span>
                </button>
              ))}
              {names.length > 300 && <p className={styles.empty}>{t.moreModels(names.length - 300)}</p>}
            </section>
          );
        })}
      </div>
    </>
  );
}
