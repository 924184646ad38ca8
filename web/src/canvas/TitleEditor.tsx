// A node's title while it is being written.
import { useMessages } from "@/i18n/messages";
import { setTitle } from "@/model/edit";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

export function TitleEditor({ id, title }: { id: string; title: string }) {
  const editor = useEditor();
  const { canvas: t, edits } = useMessages();
  const end = () => editor.view.set({ renaming: null });
  return (
    <input
      className={`${styles.titleInput} nodrag nopan`}
      aria-label={t.title}
      defaultValue={title}
      autoFocus
      onFocus={(event) => event.target.select()}
      onBlur={(event) => {
        if (event.target.value !== title) editor.documents.editGraph(edits.rename, (graph) => setTitle(graph, id, event.target.value));
        end();
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") {
          event.currentTarget.value = title;
          end();
        }
      }}
    />
  );
}
