// Which subgraph one is in, and the way out.
import { useMessages } from "@/i18n/messages";
import { useActive, useEditor } from "@/store/editor";
import { titleOf } from "@/store/files";
import styles from "@/shell/shell.module.css";

export function Crumbs() {
  const { documents } = useEditor();
  const { shell: t } = useMessages();
  const one = useActive((open) => open);
  if (!one || one.trail.length === 0) return null;
  const names = [titleOf(one) || t.workflow, ...one.trail.map(({ subgraph }) => one.document.subgraphs?.[subgraph]?.name || subgraph)];
  return (
    <nav className={styles.crumbs} aria-label={t.subgraphs}>
      {names.map((name, depth) =>
        depth === names.length - 1 ? (
          <span key={depth} aria-current="location">
            {name}
          </span>
        ) : (
          <button key={depth} type="button" onClick={() => documents.leaveTo(depth)}>
            {name} ›
          </button>
        ),
      )}
    </nav>
  );
}
