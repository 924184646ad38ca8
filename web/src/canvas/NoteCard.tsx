// A note: its text as it reads, or the field it is written in.
import { memo, useEffect, useRef } from "react";
import type { NodeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { BoxResizer } from "@/canvas/BoxResizer";
import { Markdown } from "@/widgets/Markdown";
import type { FlowNode, NoteData } from "@/canvas/project";
import { setNote } from "@/model/edit";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const LEAST = [100, 50] as const;

export const NoteCard = memo(function NoteCard({ id, data, selected }: NodeProps<FlowNode>) {
  const { note } = data as NoteData;
  const { documents, view } = useEditor();
  const { canvas: t, edits } = useMessages();
  const writing = useStore(view.store, (state) => state.writing === id);
  const write = () => view.set({ writing: id });
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = field.current;
    if (!writing || !element || element === document.activeElement) return;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, [writing]);
  return (
    <div className={`${styles.note} ${selected ? styles.selected : ""}`} style={{ width: note.size[0], height: note.size[1] }} data-node={id} onDoubleClick={write}>
      <BoxResizer id={id} visible={selected} least={LEAST} label={edits.resizeNote} onResize={(graph, box) => setNote(graph, note.id, box)} />
      {note.title && <div className={styles.noteTitle}>{note.title}</div>}
      {writing || note.text === "" ? (
        <textarea
          ref={field}
          className="nodrag nowheel"
          aria-label={t.note}
          placeholder={t.writeNote}
          value={note.text}
          onFocus={write}
          onChange={(event) => documents.editGraph(edits.writeNote, (graph) => setNote(graph, note.id, { text: event.target.value }), `note ${note.id}`)}
          onBlur={() => {
            documents.settle();
            view.set({ writing: null });
          }}
        />
      ) : (
        <div className={styles.noteText}>{note.markdown === false ? note.text : <Markdown text={note.text} />}</div>
      )}
    </div>
  );
});
