// The document's parameters as a form: the same that are the flags of the command line and the fields of the API.
import { useMemo, useState } from "react";
import { ArrowUp, Pencil, X } from "lucide-react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { fileUrl } from "@/api/client";
import { literalOf, SUBGRAPH, type Document, type Parameter } from "@/model/document";
import { setInput } from "@/model/edit";
import { interfaceIn } from "@/model/interface";
import { writeJson } from "@/model/json";
import { setParameter } from "@/model/subgraph";
import { valueOf } from "@/model/value";
import { perform } from "@/commands/commands";
import { copyText } from "@/store/clipboard";
import { useActive, useEditor, type Editor } from "@/store/editor";
import { servicesFor } from "@/store/services";
import { WidgetServicesContext } from "@/widgets/contract";
import { widgetFor } from "@/widgets/registry";
import styles from "@/panels/panels.module.css";

export default function FormView() {
  const editor = useEditor();
  const { form: t, commands, queue } = useMessages();
  const one = useActive((open) => open);
  const latest = useStore(editor.runs.store, (state) => state.jobs.find((job) => job.id === state.last[one?.uid ?? ""]));
  if (!one) return null;
  const parameters = one.document.parameters ?? [];
  const pictures = latest?.outputs.filter((file) => /\.(png|jpe?g|webp|gif)$/i.test(file.name)) ?? [];
  return (
    <div className={styles.scroll} style={{ padding: "6px 14px 20px" }}>
      <p className={styles.lead}>{one.document.description}</p>
      {parameters.map((parameter, index) => (
        <ParameterField key={parameter.name} parameter={parameter} document={one.document} uid={one.uid} index={index} count={parameters.length} />
      ))}
      {parameters.length === 0 && <p className={styles.empty}>{t.empty}</p>}
      {parameters.length > 0 && (
        <div className={styles.formActions}>
          <button type="button" className={styles.primary} onClick={() => perform(editor, "run")}>
            {commands.run}
          </button>
          <button type="button" className={styles.textButton} onClick={() => void share(editor).catch((error: unknown) => editor.fail(error))}>
            {t.share}
          </button>
        </div>
      )}
      {pictures.map((file) => (
        <button key={file.url} type="button" className={styles.formPicture} aria-label={queue.lookAt(file.name)} onClick={() => editor.view.set({ picture: { ...shown(file), among: pictures.map(shown) } })}>
          <img src={fileUrl(file.folder, file.name)} alt={file.name} />
        </button>
      ))}
    </div>
  );
}

const shown = (file: { folder: string; name: string }) => ({ url: fileUrl(file.folder, file.name), name: file.name });

interface ParameterFieldProps {
  parameter: Parameter;
  document: Document;
  uid: string;
  index: number;
  count: number;
}

function ParameterField({ parameter, document, uid, index, count }: ParameterFieldProps) {
  const editor = useEditor();
  const { form: t, edits } = useMessages();
  const { documents, library } = editor;
  const [renaming, setRenaming] = useState(false);
  const bind = parameter.binds.find(([node]) => document.nodes[node]);
  const of = bind && interfaceIn(bind[0], document, document, library.catalogue);
  const input = of?.inputs.find((one) => one.name === bind?.[1]);
  const given = bind ? document.nodes[bind[0]]?.inputs?.[bind[1]] : undefined;
  const draws = useStore(editor.runs.store, (state) => (bind ? state.draws[uid]?.[bind[0]] : undefined));
  const services = useMemo(() => servicesFor(editor, draws), [editor, draws]);
  const change = (label: string, edit: (before: Document) => Document, merge?: string) => documents.edit(uid, label, edit, merge);
  const moveTo = (to: number) =>
    change(edits.reorderForm, (before) => {
      const rest = (before.parameters ?? []).filter((one) => one.name !== parameter.name);
      return { ...before, parameters: [...rest.slice(0, to), parameter, ...rest.slice(to)] };
    });
  const Field = input?.widget ? widgetFor(input.widget) : null;
  return (
    <div className={styles.formField}>
      <div className={styles.formName}>
        {renaming ? (
          <input
            autoFocus
            className={styles.formRename}
            aria-label={t.name}
            defaultValue={parameter.name}
            onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
            onBlur={(event) => {
              setRenaming(false);
              const name = event.target.value.trim();
              if (name && !(document.parameters ?? []).some((one) => one.name === name)) change(edits.renameParameter, (before) => setParameter(before, parameter.name, { name }) as Document);
            }}
          />
        ) : (
          <span aria-hidden>{parameter.name}</span>
        )}
        <span className={styles.formTools}>
          <button type="button" className={styles.icon} aria-label={t.renameOf(parameter.name)} data-tip={t.rename} onClick={() => setRenaming(true)}>
            <Pencil size={11} />
          </button>
          <button type="button" className={styles.icon} aria-label={t.upOf(parameter.name)} data-tip={t.up} disabled={index === 0 || count < 2} onClick={() => moveTo(index - 1)}>
            <ArrowUp size={12} />
          </button>
          <button type="button" className={styles.icon} aria-label={t.outOf(parameter.name)} data-tip={t.out} onClick={() => change(edits.outOfForm, (before) => ({ ...before, parameters: (before.parameters ?? []).filter((one) => one.name !== parameter.name) }))}>
            <X size={12} />
          </button>
        </span>
      </div>
      {Field && input?.widget ? (
        <WidgetServicesContext value={services}>
          <Field
            schema={input.widget}
            label={parameter.name}
            place="form"
            value={valueOf(input, given)}
            initial={input.default}
            onChange={(value, kind) => {
              change(edits.change(parameter.name), (before) => parameter.binds.reduce((next, [node, name]) => setInput(next, node, name, value) as Document, before), `parameter ${parameter.name}`);
              if (kind !== "live") documents.settle();
            }}
          />
        </WidgetServicesContext>
      ) : (
        <p className={styles.faint}>
          {bind ? `${document.nodes[bind[0]]?.type.replace(SUBGRAPH, "")} · ${bind[1]}` : t.nowhere}
        </p>
      )}
      {(parameter.help ?? input?.tooltip) && <p className={styles.faint}>{parameter.help ?? input?.tooltip}</p>}
    </div>
  );
}

/** A link that opens this workflow's form, with the values as they are. */
async function share(editor: Editor): Promise<void> {
  const one = editor.documents.active;
  if (!one) return;
  if (!one.file) {
    editor.view.say(editor.t.form.saveFirst);
    return;
  }
  const values = Object.fromEntries(
    (one.document.parameters ?? []).flatMap((parameter) => {
      const [node, input] = parameter.binds[0] ?? [];
      const value = node && input ? literalOf(one.document.nodes[node]?.inputs?.[input]) : undefined;
      return value === undefined ? [] : [[parameter.name, value]];
    }),
  );
  const url = new URL(window.location.href);
  url.hash = new URLSearchParams({ form: one.file.name, values: writeJson(values) }).toString();
  await copyText(editor, url.href);
  editor.view.say(editor.t.form.shared, "good");
}
