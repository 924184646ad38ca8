// The graph as a list, for the keyboard and for screen readers: its nodes in the order of their links, then its frames and notes.
import { useStore } from "zustand";
import { go, goHere } from "@/store/going";
import { useMessages } from "@/i18n/messages";
import { graphAt, groupsOf, linkOf, notesOf, type Graph } from "@/model/document";
import { groupId } from "@/model/frames";
import { interfaceIn } from "@/model/interface";
import { titleIn } from "@/model/naming";
import { NO_PLAN, shownPlan } from "@/model/plan";
import { scopeOf } from "@/store/documents";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/panels/panels.module.css";

export function OutlinePanel() {
  const editor = useEditor();
  const { outline: t, canvas, plan: { words } } = useMessages();
  const one = useActive((open) => open);
  const catalogue = useStore(editor.library.store, (state) => state.catalogue);
  const active = useStore(editor.documents.store, (state) => state.active);
  const planned = useStore(editor.plans.store, (state) => state[active ?? ""] ?? NO_PLAN);
  if (!one) return null;
  const graph = graphAt(one.document, scopeOf(one));
  const prefix = one.trail.map(({ instance }) => `${instance}:`).join("");
  const names = inOrder(graph.nodes);
  const plan = shownPlan(planned);
  const beside = [
    ...groupsOf(graph).map(({ title }, index) => ({ id: groupId(index), title: title || canvas.group, kind: canvas.group })),
    ...notesOf(graph).map((note) => ({ id: `note:${note.id}`, title: note.title || firstLine(note.text) || canvas.note, kind: canvas.note })),
  ];
  return (
    <ol className={styles.scroll} aria-label={t.label}>
      {names.map((name) => {
        const node = graph.nodes[name]!;
        const of = interfaceIn(name, graph, one.document, catalogue);
        const sources = Object.entries(node.inputs ?? {}).flatMap(([input, value]) => {
          const source = linkOf(value);
          return source ? [t.from(input, titleIn(graph, source.node, one.document, catalogue))] : [];
        });
        const status = plan?.nodes[prefix + name]?.status;
        return (
          <li key={name}>
            <button type="button" className={styles.row} data-on={one.selection.has(name)} onClick={() => go(editor, prefix + name)}>
              <span className={styles.rowTitle}>{node.title ?? of.title}</span>
              <span className={styles.faint}>{status ? words[status] : ""}</span>
              {sources.length > 0 && <span className={styles.rowMore}>{sources.join(", ")}</span>}
            </button>
          </li>
        );
      })}
      {beside.map(({ id, title, kind }) => (
        <li key={id}>
          <button type="button" className={styles.row} data-on={one.selection.has(id)} onClick={() => goHere(editor, id)}>
            <span className={styles.rowTitle}>{title}</span>
            <span className={styles.faint}>{kind}</span>
          </button>
        </li>
      ))}
      {names.length + beside.length === 0 && <p className={styles.empty}>{t.empty}</p>}
    </ol>
  );
}

const firstLine = (text: string): string => text.trim().split("\n", 1)[0]!.slice(0, 80);

/** Sources before what they feed. */
function inOrder(nodes: Graph["nodes"]): string[] {
  const seen = new Set<string>();
  const order: string[] = [];
  for (const start of Object.keys(nodes)) {
    const stack: [string, boolean][] = [[start, false]];
    while (stack.length > 0) {
      const [name, left] = stack.pop()!;
      if (left) order.push(name);
      else if (!seen.has(name) && nodes[name]) {
        seen.add(name);
        stack.push([name, true]);
        const sources = Object.values(nodes[name].inputs ?? {}).flatMap((value) => linkOf(value)?.node ?? []);
        for (const source of sources.reverse()) stack.push([source, false]);
      }
    }
  }
  return order;
}
