// What is found in the graph, and in the subgraphs it is made of: by title, type or value.
import { useMemo, useState } from "react";
import { useStore } from "zustand";
import { go } from "@/store/going";
import { useMessages } from "@/i18n/messages";
import type { Catalogue } from "@/model/catalogue";
import { graphAt, literalOf, SUBGRAPH, type Document } from "@/model/document";
import { interfaceIn } from "@/model/interface";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function FindPanel() {
  const editor = useEditor();
  const { find: t } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const [text, setText] = useState("");
  const found = useMemo(() => (one && text.trim() ? findIn(one.document, text.trim().toLowerCase(), catalogue) : []), [one, text, catalogue]);
  return (
    <>
      <input className={styles.search} autoFocus placeholder={t.what} aria-label={t.label} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Enter" && found[0] && go(editor, found[0].name)} />
      <div className={styles.scroll}>
        {found.map(({ name, title, where }) => (
          <button key={`${name}.${where}`} type="button" className={styles.row} onClick={() => go(editor, name)}>
            <span className={styles.rowTitle}>{title}</span>
            <span className={styles.rowMore}>{where}</span>
          </button>
        ))}
        {text.trim() !== "" && found.length === 0 && <p className={styles.empty}>{t.nothing}</p>}
      </div>
    </>
  );
}

const DEEPEST = 8;
const MOST_HITS = 200;

interface Hit {
  name: string;
  title: string;
  where: string;
}

/** Nodes whose name, title, type or values hold a text; those inside subgraphs by the way through their first instance. */
function findIn(document: Document, text: string, catalogue: Catalogue): Hit[] {
  const hits: Hit[] = [];
  const walk = (scope: string, prefix: string, depth: number) => {
    const graph = graphAt(document, scope);
    for (const [name, node] of Object.entries(graph.nodes)) {
      const title = node.title ?? interfaceIn(name, graph, document, catalogue).title;
      if ([name, title, node.type].some((one) => one.toLowerCase().includes(text))) hits.push({ name: prefix + name, title, where: node.type });
      for (const [input, value] of Object.entries(node.inputs ?? {})) {
        const literal = literalOf(value);
        if ((typeof literal === "string" || typeof literal === "number") && String(literal).toLowerCase().includes(text)) hits.push({ name: prefix + name, title, where: `${input}: ${String(literal).slice(0, 80)}` });
      }
      if (node.type.startsWith(SUBGRAPH) && depth < DEEPEST) walk(node.type.slice(SUBGRAPH.length), `${prefix}${name}:`, depth + 1);
    }
  };
  walk("", "", 0);
  return hits.slice(0, MOST_HITS);
}
