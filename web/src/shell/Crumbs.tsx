// Which subgraph one is in, by what the instance is called that one came in through, and the way out.
import { useMessages } from "@/i18n/messages";
import { graphAt } from "@/model/document";
import { titleIn } from "@/model/naming";
import { useActive, useEditor } from "@/store/editor";
import { titleOf } from "@/store/files";
import styles from "@/shell/shell.module.css";

export function Crumbs() {
  const { documents, library } = useEditor();
  const { shell: t } = useMessages();
  const one = useActive((open) => open);
  if (!one || one.trail.length === 0) return null;
  const around = (depth: number) => graphAt(one.document, one.trail[depth - 1]?.subgraph ?? "");
  const names = [titleOf(one) || t.workflow, ...one.trail.map(({ instance }, depth) => titleIn(around(depth), instance, one.document, library.catalogue))];
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
