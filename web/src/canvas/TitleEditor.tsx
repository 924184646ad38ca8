// A node's title while it is being written.
import { useMessages } from "@/i18n/messages";
import { NameField } from "@/canvas/NameField";
import { setTitle } from "@/model/edit";
import { useEditor } from "@/store/editor";

export function TitleEditor({ id, title }: { id: string; title: string }) {
  const editor = useEditor();
  const { canvas: t, edits } = useMessages();
  const end = (written: string) => {
    if (written !== title) editor.documents.editGraph(edits.rename, (graph) => setTitle(graph, id, written));
    editor.view.set({ renaming: null });
  };
  return <NameField label={t.title} name={title} onEnd={end} />;
}
