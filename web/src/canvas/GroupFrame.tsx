// A frame around nodes: its title, which is what it is taken by; closed, what it says of the nodes that it hides.
import { memo, type CSSProperties } from "react";
import { ChevronDown, ChevronRight, Pin } from "lucide-react";
import { Handle, Position, type NodeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { useMessages } from "@/i18n/messages";
import { BoxResizer } from "@/canvas/BoxResizer";
import { NameField } from "@/canvas/NameField";
import { useCanvasPlace } from "@/canvas/place";
import { FRAME, inputHandle, outputHandle, type FlowNode, type GroupData } from "@/canvas/project";
import { safeColour, type Group } from "@/model/document";
import { setGroup } from "@/model/edit";
import { CLOSED_HEIGHT } from "@/model/frames";
import { useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const LEAST = [120, 60] as const;

export const GroupFrame = memo(function GroupFrame({ id, data, selected }: NodeProps<FlowNode>) {
  const { group, index, members } = data as GroupData;
  const { documents } = useEditor();
  const t = useMessages();
  const closed = group.collapsed === true;
  const height = closed ? CLOSED_HEIGHT : group.size[1];
  const fold = closed ? t.canvas.expandFrame : t.canvas.collapseFrame;
  const toggle = () => documents.editGraph(closed ? t.edits.expand : t.edits.collapse, (graph) => setGroup(graph, index, { collapsed: closed ? undefined : true }));
  return (
    <div className={`${styles.group} ${closed ? styles.closed : ""} ${selected ? styles.selected : ""}`} style={{ width: group.size[0], height, "--group": safeColour(group.color) ?? "var(--text-3)" } as CSSProperties} data-node={id} data-collapsed={closed}>
      {!closed && !group.pinned && <BoxResizer id={id} visible={selected} least={LEAST} label={t.edits.resizeGroup} onResize={(graph, box) => setGroup(graph, index, box)} />}
      <div className={`group-title ${styles.groupTitle}`}>
        <button type="button" className={`nodrag ${styles.fold}`} aria-expanded={!closed} aria-label={fold} data-tip={fold} onClick={toggle}>
          {closed ? <ChevronRight size={13} /> : <ChevronDown size={13} />}
        </button>
        <FrameName id={id} group={group} index={index} />
        {group.pinned && <Pin size={11} aria-label={t.canvas.pinned} />}
        {closed && <FrameState members={members} />}
      </div>
      {closed && <FrameEnds />}
    </div>
  );
});

function FrameName({ id, group, index }: { id: string; group: Group; index: number }) {
  const { documents, view } = useEditor();
  const { canvas: t, edits } = useMessages();
  const renaming = useStore(view.store, (state) => state.renaming === id);
  if (!renaming) {
    return (
      <span className={styles.groupName} onDoubleClick={() => view.set({ renaming: id })}>
        {group.title || t.group}
      </span>
    );
  }
  const end = (title: string) => {
    if (title !== group.title) documents.editGraph(edits.renameGroup, (graph) => setGroup(graph, index, { title }));
    view.set({ renaming: null });
  };
  return <NameField label={t.groupTitle} name={group.title} onEnd={end} />;
}

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

const FRAME_STATES = ["run", "depends", "unavailable", "done", "cached", "unneeded"] as const;

/** Where the links of what a closed frame hides end. */
function FrameEnds() {
  return (
    <>
      <Handle id={inputHandle(FRAME)} type="target" position={Position.Left} className={styles.frameEnd} isConnectable={false} />
      <Handle id={outputHandle(FRAME)} type="source" position={Position.Right} className={styles.frameEnd} isConnectable={false} />
    </>
  );
}
