// Other names for a subgraph and for its inputs and outputs: of the selected instance, or of the one that is looked into.
import { useState } from "react";
import { useMessages } from "@/i18n/messages";
import { subgraphNamed } from "@/commands/selection";
import { renameSubgraph, renameSubgraphPort } from "@/model/renaming";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

type Ports = Readonly<Record<string, string>>;

export function SubgraphNamesForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { subgraphNames: t, edits, save } = useMessages();
  const [id] = useState(() => subgraphNamed(editor));
  const one = useActive((open) => open);
  const subgraph = id === null ? undefined : one?.document.subgraphs?.[id];
  const [name, setName] = useState(subgraph?.name ?? id ?? "");
  const [inputs, setInputs] = useState<Ports>({});
  const [outputs, setOutputs] = useState<Ports>({});
  if (!one || !subgraph || id === null) return <p className={styles.empty}>{t.none}</p>;
  const keep = () => {
    editor.documents.edit(one.uid, edits.rename, (document) => {
      const inward = Object.entries(inputs).reduce((next, [before, after]) => renameSubgraphPort(next, id, "input", before, after.trim()), document);
      const outward = Object.entries(outputs).reduce((next, [before, after]) => renameSubgraphPort(next, id, "output", before, after.trim()), inward);
      return renameSubgraph(outward, id, name.trim());
    });
    onDone();
  };
  return (
    <form
      className={styles.saveForm}
      onSubmit={(event) => {
        event.preventDefault();
        keep();
      }}
    >
      <label>
        {t.name}
        <input autoFocus value={name} onChange={(event) => setName(event.target.value)} onFocus={(event) => event.target.select()} />
      </label>
      {(subgraph.parameters ?? []).map(({ name: port }) => (
        <label key={`input ${port}`}>
          {t.input(port)}
          <input value={inputs[port] ?? port} onChange={(event) => setInputs({ ...inputs, [port]: event.target.value })} />
        </label>
      ))}
      {(subgraph.outputs ?? []).map(({ name: port }) => (
        <label key={`output ${port}`}>
          {t.output(port)}
          <input value={outputs[port] ?? port} onChange={(event) => setOutputs({ ...outputs, [port]: event.target.value })} />
        </label>
      ))}
      <p className={styles.faint}>{t.about}</p>
      <button type="submit" className={styles.primary}>
        {save.save}
      </button>
    </form>
  );
}
