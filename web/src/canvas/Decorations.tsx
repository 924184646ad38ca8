// What is on a canvas beside nodes: frames around groups, notes, points of links, reroutes.
import { memo, useState, type CSSProperties } from "react";
import { NodeResizer, type NodeProps } from "@xyflow/react";
import { linkOf } from "@/model/document";
import { setGroup, setNote } from "@/model/edit";
import { useCanvasPlace } from "@/canvas/place";
import type { CardData, FlowNode, GroupData, NoteData } from "@/canvas/project";
import { Socket } from "@/canvas/Socket";
import { useEditor } from "@/store/editor";
import { Markdown } from "@/canvas/Markdown";
import styles from "@/canvas/canvas.module.css";

export const GroupFrame = memo(function GroupFrame({ id, data, selected }: NodeProps<FlowNode>) {
  const { group, index } = data as GroupData;
  const { documents } = useEditor();
  const [writing, setWriting] = useState(false);
  return (
    <div className={`${styles.group} ${selected ? styles.selected : ""}`} style={{ width: group.size[0], height: group.size[1], "--group": safeColour(group.color) } as CSSProperties} data-node={id}>
      <NodeResizer
        isVisible={selected}
        minWidth={120}
        minHeight={60}
        onResizeEnd={(_, box) => documents.editGraph("Resize group", (graph) => setGroup(graph, index, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] }))}
      />
      <div className={`group-title ${styles.groupTitle}`} onDoubleClick={() => setWriting(true)}>
        {writing ? (
          <input
            autoFocus
            className="nodrag"
            aria-label="Title of the group"
            defaultValue={group.title}
            onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
            onBlur={(event) => {
              setWriting(false);
              documents.editGraph("Rename group", (graph) => setGroup(graph, index, { title: event.target.value }));
            }}
          />
        ) : (
          group.title || "Group"
        )}
      </div>
    </div>
  );
});

export const NoteCard = memo(function NoteCard({ id, data, selected }: NodeProps<FlowNode>) {
  const { note } = data as NoteData;
  const { documents } = useEditor();
  const [writing, setWriting] = useState(false);
  return (
    <div className={`${styles.note} ${selected ? styles.selected : ""}`} style={{ width: note.size[0], height: note.size[1] }} data-node={id} onDoubleClick={() => setWriting(true)}>
      <NodeResizer
        isVisible={selected}
        minWidth={100}
        minHeight={50}
        onResizeEnd={(_, box) => documents.editGraph("Resize note", (graph) => setNote(graph, note.id, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] }))}
      />
      {note.title && <div className={styles.noteTitle}>{note.title}</div>}
      {writing || note.text === "" ? (
        <textarea
          className="nodrag nowheel"
          aria-label="Note"
          placeholder="Write a note. Markdown works."
          autoFocus={writing}
          value={note.text}
          onChange={(event) => documents.editGraph("Write note", (graph) => setNote(graph, note.id, { text: event.target.value, markdown: true }), `note ${note.id}`)}
          onBlur={() => {
            documents.settle();
            setWriting(false);
          }}
        />
      ) : (
        <div className={styles.noteText}>{note.markdown === false ? note.text : <Markdown text={note.text} />}</div>
      )}
    </div>
  );
});

export const LinkPoint = memo(function LinkPoint({ selected }: NodeProps<FlowNode>) {
  return <div className={`${styles.point} ${selected ? styles.selected : ""}`} />;
});

export const RerouteCard = memo(function RerouteCard({ id, data, selected }: NodeProps<FlowNode>) {
  const { of, geometry, node } = data as CardData;
  useCanvasPlace();
  const middle = geometry.height / 2;
  return (
    <div className={`${styles.reroute} ${selected ? styles.selected : ""}`} style={{ width: geometry.width, height: geometry.height }} data-node={id}>
      {of.inputs.map((one) => (
        <Socket key={one.name} node={id} name={one.name} end="input" type={one.type} y={middle} linked={Object.values(node.inputs ?? {}).some(linkOf)} />
      ))}
      {of.outputs.map((one) => (
        <Socket key={one.name} node={id} name={one.name} end="output" type={one.type} y={middle} linked />
      ))}
    </div>
  );
});

/** Colours come from files of others: nothing but a hex colour is taken. */
function safeColour(colour: string | undefined): string {
  return colour && /^#[0-9a-f]{3,8}$/i.test(colour) ? colour : "var(--text-3)";
}
