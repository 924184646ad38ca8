// What is on a canvas beside nodes: frames around groups, notes, points of links, reroutes.
import { memo, useState, type CSSProperties } from "react";
import { ChevronDown, ChevronRight, Pin } from "lucide-react";
import { Handle, NodeResizer, Position, type NodeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { linkOf, safeColour } from "@/model/document";
import { CLOSED_HEIGHT } from "@/model/frames";
import { setGroup, setNote } from "@/model/edit";
import { useCanvasPlace } from "@/canvas/place";
import { FRAME, inputHandle, outputHandle, type CardData, type FlowNode, type GroupData, type NoteData } from "@/canvas/project";
import { Socket } from "@/canvas/Socket";
import { useEditor } from "@/store/editor";
import { Markdown } from "@/canvas/Markdown";
import styles from "@/canvas/canvas.module.css";

export const GroupFrame = memo(function GroupFrame({ id, data, selected }: NodeProps<FlowNode>) {
  const { group, index, members } = data as GroupData;
  const { documents } = useEditor();
  const t = useMessages();
  const [writing, setWriting] = useState(false);
  const closed = group.collapsed === true;
  const height = closed ? CLOSED_HEIGHT : group.size[1];
  const toggle = () => documents.editGraph(closed ? t.edits.expand : t.edits.collapse, (graph) => setGroup(graph, index, { collapsed: closed ? undefined : true }));
  return (
    <div className={`${styles.group} ${closed ? styles.closed : ""} ${selected ? styles.selected : ""}`} style={{ width: group.size[0], height, "--group": safeColour(group.color) ?? "var(--text-3)" } as CSSProperties} data-node={id} data-collapsed={closed}>
      {!closed && !group.pinned && (
        <NodeResizer
          isVisible={selected}
          minWidth={120}
          minHeight={60}
          onResizeEnd={(_, box) => documents.editGraph(t.edits.resizeGroup, (graph) => setGroup(graph, index, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] }))}
        />
      )}
      <div className={`group-title ${styles.groupTitle}`} onDoubleClick={() => setWriting(true)}>
        <button type="button" className={`nodrag ${styles.fold}`} aria-expanded={!closed} aria-label={closed ? t.canvas.expandFrame : t.canvas.collapseFrame} data-tip={closed ? t.canvas.expandFrame : t.canvas.collapseFrame} onClick={toggle}>
          {closed ? <ChevronRight size={13} /> : <ChevronDown size={13} />}
        </button>
        {writing ? (
          <input
            autoFocus
            className="nodrag"
            aria-label={t.canvas.groupTitle}
            defaultValue={group.title}
            onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
            onBlur={(event) => {
              setWriting(false);
              documents.editGraph(t.edits.renameGroup, (graph) => setGroup(graph, index, { title: event.target.value }));
            }}
          />
        ) : (
          <span className={styles.groupName}>{group.title || t.canvas.group}</span>
        )}
        {group.pinned && <Pin size={11} aria-label={t.canvas.pinned} />}
        {closed && <FrameState members={members} />}
      </div>
      {closed && <FrameEnds />}
    </div>
  );
});

/** How many nodes a closed frame hides, and what the plan says of most of them. */
function FrameState({ members }: { members: readonly string[] }) {
  const { plans } = useEditor();
  const t = useMessages();
  const { uid, key } = useCanvasPlace();
  const state = useStore(plans.store, (all) => {
    if (members.some((name) => plans.problems.get(key(name))?.some((one) => one.severity !== "warning"))) return "error";
    const statuses = members.map((name) => plans.nodes.get(key(name))?.status);
    return all[uid] === undefined ? null : (FRAME_STATES.find((one) => statuses.includes(one)) ?? null);
  });
  return (
    <span className={`${styles.frameState} ${state ? (styles[`badge-${state}`] ?? "") : ""}`}>
      {t.missing.nodes(members.length)}
      {state && `  ·  ${t.plan.words[state]}`}
    </span>
  );
}

const FRAME_STATES = ["run", "depends", "unavailable", "cached", "unneeded"] as const;

/** Where the links of what a closed frame hides end. */
function FrameEnds() {
  return (
    <>
      <Handle id={inputHandle(FRAME)} type="target" position={Position.Left} className={styles.frameEnd} isConnectable={false} />
      <Handle id={outputHandle(FRAME)} type="source" position={Position.Right} className={styles.frameEnd} isConnectable={false} />
    </>
  );
}

export const NoteCard = memo(function NoteCard({ id, data, selected }: NodeProps<FlowNode>) {
  const { note } = data as NoteData;
  const { documents } = useEditor();
  const { canvas: t, edits } = useMessages();
  const [writing, setWriting] = useState(false);
  return (
    <div className={`${styles.note} ${selected ? styles.selected : ""}`} style={{ width: note.size[0], height: note.size[1] }} data-node={id} onDoubleClick={() => setWriting(true)}>
      <NodeResizer
        isVisible={selected}
        minWidth={100}
        minHeight={50}
        onResizeEnd={(_, box) => documents.editGraph(edits.resizeNote, (graph) => setNote(graph, note.id, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] }))}
      />
      {note.title && <div className={styles.noteTitle}>{note.title}</div>}
      {writing || note.text === "" ? (
        <textarea
          className="nodrag nowheel"
          aria-label={t.note}
          placeholder={t.writeNote}
          autoFocus={writing}
          value={note.text}
          onChange={(event) => documents.editGraph(edits.writeNote, (graph) => setNote(graph, note.id, { text: event.target.value, markdown: true }), `note ${note.id}`)}
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
