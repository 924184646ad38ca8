// Links without a pointer: all that can be done to those of the selected node, found by a few letters.
import { useMemo, useState } from "react";
import { linkChoices, type LinkChoice } from "@/commands/linkChoices";
import { selectedNodes } from "@/commands/selection";
import { useMessages } from "@/i18n/messages";
import { graphAt } from "@/model/document";
import { interfaceIn } from "@/model/interface";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

const MOST_SHOWN = 100;

export function ConnectForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const t = useMessages();
  const one = useActive((open) => open);
  const [text, setText] = useState("");
  const name = selectedNodes(editor)[0];
  const { catalogue } = editor.library;
  const choices = useMemo(() => (one && name !== undefined ? linkChoices(name, { document: one.document, scope: scopeOf(one), catalogue, t }) : []), [one, name, catalogue, t]);
  if (!one || name === undefined) return <p className={styles.empty}>{t.connect.selectFirst}</p>;
  const graph = graphAt(one.document, scopeOf(one));
  const title = graph.nodes[name]?.title ?? interfaceIn(name, graph, one.document, catalogue).title;
  const words = text.toLowerCase().split(/\s+/);
  const shown = choices.filter((choice) => words.every((word) => choice.text.toLowerCase().includes(word))).slice(0, MOST_SHOWN);
  const choose = ({ label, change }: LinkChoice) => {
    editor.documents.editGraph(label, change);
    onDone();
  };
  return (
    <>
      <input className={styles.search} style={{ margin: "0 14px 8px" }} autoFocus aria-label={t.connect.find} placeholder={t.connect.link(title)} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Enter" && shown[0] && choose(shown[0])} />
      <div className={styles.scroll}>
        {shown.map((choice, index) => (
          <button key={index} type="button" className={styles.row} onClick={() => choose(choice)}>
            <span className={styles.rowTitle}>{choice.text}</span>
          </button>
        ))}
        {shown.length === 0 && <p className={styles.empty}>{t.connect.nothing}</p>}
      </div>
    </>
  );
}
