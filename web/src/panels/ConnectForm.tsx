// Linking without a pointer: the selected node's sockets, and for each what it can be linked to.
import { useState } from "react";
import { useMessages } from "@/i18n/messages";
import { connect } from "@/canvas/gestures";
import { activeGraph, selectedNodes } from "@/commands/selection";
import { connectVerdict, type Target } from "@/model/connect";
import type { Source } from "@/model/document";
import { interfaceIn } from "@/model/interface";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

interface Choice {
  from: Source;
  to: Target;
  text: string;
}

export function ConnectForm({ onDone }: { onDone: () => void }) {
  const editor = useEditor();
  const { connect: t } = useMessages();
  const one = useActive((open) => open);
  const [text, setText] = useState("");
  const graph = activeGraph(editor);
  const name = selectedNodes(editor)[0];
  if (!one || !graph || name === undefined) return <p className={styles.empty}>{t.selectFirst}</p>;
  const { catalogue } = editor.library;
  const own = interfaceIn(name, graph, one.document, catalogue);
  const titled = (id: string) => graph.nodes[id]?.title ?? interfaceIn(id, graph, one.document, catalogue).title;
  const choices: Choice[] = [];
  for (const other of Object.keys(graph.nodes)) {
    const of = interfaceIn(other, graph, one.document, catalogue);
    const consider = (from: Source, to: Target, words: string) => {
      if (connectVerdict(from, to, graph, one.document, catalogue).ok) choices.push({ from, to, text: words });
    };
    for (const output of own.outputs) for (const input of of.inputs) consider({ node: name, output: output.name }, { node: other, input: input.name }, t.to(output.name, titled(other), input.name));
    for (const input of own.inputs) for (const output of of.outputs) consider({ node: other, output: output.name }, { node: name, input: input.name }, t.from(input.name, titled(other), output.name));
  }
  const shown = choices.filter((choice) => text.toLowerCase().split(/\s+/).every((word) => choice.text.toLowerCase().includes(word))).slice(0, 100);
  const choose = ({ from, to }: Choice) => {
    editor.documents.editGraph(editor.t.edits.link, (current) => connect(current, from, to, null));
    onDone();
  };
  return (
    <>
      <input className={styles.search} style={{ flex: "none", margin: "0 14px 8px" }} autoFocus aria-label={t.find} placeholder={t.link(titled(name))} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Enter" && shown[0] && choose(shown[0])} />
      <div className={styles.scroll}>
        {shown.map((choice) => (
          <button key={choice.text + choice.to.node + choice.from.node} type="button" className={styles.row} onClick={() => choose(choice)}>
            <span className={styles.rowTitle}>{choice.text}</span>
          </button>
        ))}
        {shown.length === 0 && <p className={styles.empty}>{t.nothing}</p>}
      </div>
    </>
  );
}
