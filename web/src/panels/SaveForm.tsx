// Asking for the name of a workflow file: of a document that is saved, of a subgraph that is kept for others. A name that is taken is
// told here, where it can be written over or changed.
import { useState, type FormEvent } from "react";
import { selectedNodes } from "@/commands/selection";
import { useMessages } from "@/i18n/messages";
import { graphAt, SUBGRAPH } from "@/model/document";
import { FOLDER } from "@/model/published";
import { isWorkflowName } from "@/model/workflowName";
import { useEditor } from "@/store/editor";
import { titleOf } from "@/store/files";
import { publishSubgraph, saveAs, type Over, type SaveOutcome } from "@/store/saving";
import styles from "@/panels/panels.module.css";

export function SaveForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const [one] = useState(() => editor.documents.active);
  if (!one) return null;
  const name = (one.file?.name ?? titleOf(one)).toLowerCase().replace(/[^a-z0-9/_-]+/g, "_").replace(/^_+|_+$/g, "") || "workflow";
  return <NameForm initial={name} folder="" onSave={(chosen, over) => saveAs(editor, one.uid, chosen, over)} onDone={onDone} />;
}

export function PublishForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { save: t } = useMessages();
  const [place] = useState(() => editor.documents.place);
  const [instance] = useState(() => selectedNodes(editor)[0] ?? "");
  const one = place && editor.documents.get(place.uid);
  const node = one && graphAt(one.document, place.scope).nodes[instance];
  if (!node) return null;
  return (
    <>
      <p className={styles.about}>{t.publishing}</p>
      <NameForm initial={node.title ?? node.type.slice(SUBGRAPH.length)} folder={FOLDER} onSave={(title, over) => publishSubgraph(editor, place, instance, title, over)} onDone={onDone} />
    </>
  );
}

interface NameFormProps {
  initial: string;
  /** Before every name that is given here. */
  folder: string;
  onSave: (name: string, over: Over) => Promise<SaveOutcome>;
  onDone: () => void;
}

function NameForm({ initial, folder, onSave, onDone }: NameFormProps) {
  const { save: t, files } = useMessages();
  const [typed, setName] = useState(initial);
  const name = typed.trim();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<{ name: string; why: string } | null>(null);
  const isTaken = refused?.name === name;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (!isWorkflowName(name) || busy) return;
    setBusy(true);
    try {
      const outcome = await onSave(name, isTaken ? "anything" : "its own");
      if (outcome === "saved") onDone();
      else setRefused(outcome === "failed" ? null : { name, why: files[outcome](folder + name) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className={styles.saveForm} onSubmit={(event) => void save(event)}>
      <label>
        {t.name}
        <input autoFocus value={typed} onChange={(event) => setName(event.target.value)} onFocus={(event) => event.target.select()} />
      </label>
      <p className={styles.faint}>{isWorkflowName(name) ? t.keptAs(`workflows/${folder}${name}.json`) : t.fault}</p>
      <p role="alert">{isTaken && refused.why}</p>
      <button type="submit" className={styles.primary} disabled={!isWorkflowName(name) || busy}>
        {isTaken ? files.replace : t.save}
      </button>
    </form>
  );
}
