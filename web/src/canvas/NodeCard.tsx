// A node. Every row is where the geometry says; nothing in here can change the node's size.
import { memo, useMemo, type CSSProperties, type ReactNode } from "react";
import { NodeResizeControl, type NodeProps } from "@xyflow/react";
import { useStore } from "zustand";
import { Boxes, ChevronDown, ChevronRight, Pin } from "lucide-react";
import { useMessages } from "@/i18n/messages";
import { EndName } from "@/canvas/EndName";
import { FieldRow } from "@/canvas/FieldRow";
import { NodePicture } from "@/canvas/NodePicture";
import { NodeWords } from "@/canvas/NodeWords";
import { useCanvasPlace } from "@/canvas/place";
import type { CardData, FlowNode } from "@/canvas/project";
import { Socket } from "@/canvas/Socket";
import { SourceTitle } from "@/canvas/SourceTitle";
import { badgeOf, StateBadge } from "@/canvas/StateBadge";
import { INPUTS, NEW, OUTPUTS } from "@/model/boundary";
import { colourOf, graphAt, hiddenLinksOf, isCollapsed, isPinned, linkOf, literalOf, type GraphNode } from "@/model/document";
import { writeJson } from "@/model/json";
import { setNodeUi } from "@/model/edit";
import { NARROWEST, PREVIEW_GAP, type Row } from "@/model/geometry";
import type { Interface } from "@/model/interface";
import { outputOf } from "@/model/pictures";
import { typeColour } from "@/model/ports";
import { titlesInside } from "@/model/naming";
import { passingInput } from "@/model/removing";
import type { NodeOutput } from "@/model/runs";
import { useActive, useEditor } from "@/store/editor";
import { useKeyed } from "@/store/keyed";
import { WidgetServicesContext } from "@/widgets/contract";
import { servicesFor } from "@/store/services";
import { countRender } from "@/canvas/counting";
import { TitleEditor } from "@/canvas/TitleEditor";
import styles from "@/canvas/canvas.module.css";

export const NodeCard = memo(function NodeCard({ id, data, selected }: NodeProps<FlowNode>) {
  countRender(id);
  const { node: drawn, of, geometry } = data as CardData;
  const editor = useEditor();
  const t = useMessages();
  const place = useCanvasPlace();
  const node = useActive((one) => (one?.uid === place.uid ? graphAt(one.document, place.scope).nodes[id] : undefined)) ?? drawn;
  const key = place.key(id);
  const plan = useKeyed(editor.plans.nodes, key);
  const run = useKeyed(editor.runs.nodes, key);
  const latest = useKeyed(editor.runs.previews, key);
  const preview = useStore(editor.settings, (state) => state.previews) ? latest : undefined;
  const problems = useKeyed(editor.plans.problems, key);
  const draws = useStore(editor.runs.store, (state) => state.draws[place.uid]?.[place.scope === "" ? id : `subgraph:${place.scope}/${id}`]);
  const renaming = useStore(editor.view.store, (state) => state.renaming === id);
  const services = useMemo(() => servicesFor(editor, draws, id), [editor, draws, id]);
  const told = badgeOf(plan, run, problems, t.plan);
  const inner = useInnerTitle(key.slice(place.uid.length + 1), told.at ?? run?.at);
  const why = told.state === "error" ? editor.titled(told.why, place.uid) : told.why;
  const badge = { ...told, why: inner && told.at ? `${inner}: ${why}` : why };
  const made = outputOf(run, plan);
  const collapsed = isCollapsed(node);
  const colour = colourOf(node);
  const near = place.level === "near";
  const message = badge.state === "error" ? badge.why : run?.state === "blocked" ? [inner, run.reason].filter(Boolean).join(": ") : null;
  const share = run?.state === "running" && run.maximum ? Math.min(1, (run.value ?? 0) / run.maximum) : null;
  const look = [
    styles.card,
    selected ? styles.selected : "",
    node.mode === "mute" ? styles.muted : node.mode === "bypass" ? styles.bypassed : "",
    badge.state === "error" ? styles.wrong : badge.state === "running" ? styles.running : "",
    badge.state === "cached" || badge.state === "done" || badge.state === "unneeded" ? styles.quiet : "",
    of.kind === "unknown" ? styles.unknown : "",
    collapsed ? styles.collapsed : "",
    near ? "" : styles.simple,
  ];
  return (
    <>
      {selected && near && !collapsed && !isPinned(node) && !id.startsWith("@") && <Resizing id={id} />}
      <div className={look.filter(Boolean).join(" ")} style={{ width: geometry.width, height: geometry.height, ...(colour ? ({ "--tint": colour } as CSSProperties) : {}) }} data-tinted={colour !== null} data-node={id} data-mode={node.mode ?? "on"}>
        <div className={`${styles.head} ${of.kind === "subgraph" || collapsed ? "" : styles.striped}`} style={{ height: geometry.head, "--main": mainColour(of) } as CSSProperties}>
          {of.kind === "subgraph" ? (
            <button type="button" className={styles.enter} data-tip={t.canvas.enter} aria-label={t.canvas.enter} onClick={() => editor.documents.enter(id)}>
              <Boxes size={13} />
            </button>
          ) : (
            collapsed && <ChevronRight size={12} className={styles.chevron} aria-hidden />
          )}
          {renaming ? <TitleEditor id={id} title={node.title ?? of.title} /> : <span className={styles.title}>{node.title ?? of.title}</span>}
          {isPinned(node) && <Pin size={11} className={styles.pin} aria-label={t.canvas.pinned} />}
          {node.mode === "bypass" && <span className={styles.modeWord}>{t.canvas.bypassed}</span>}
          {node.mode === "mute" && <span className={styles.modeWord}>{t.canvas.muted}</span>}
          <StateBadge state={badge.state} word={badge.word} why={badge.why} seconds={run?.seconds} />
        </div>
        {share !== null && <div className={styles.progress} style={{ top: geometry.head - 2, transform: `scaleX(${share})` }} />}
        <WidgetServicesContext value={services}>
          {collapsed ? <CollapsedSockets id={id} node={node} of={of} y={geometry.head / 2} /> : geometry.rows.map((row) => <RowView key={keyOf(row)} row={row} id={id} node={node} of={of} near={near} problems={problems} made={made} />)}
        </WidgetServicesContext>
        {node.mode === "bypass" && !collapsed && <PassThrough of={of} node={node} geometry={geometry} />}
        {message && (
          <div className={styles.message} role="alert" data-tip={message}>
            {message}
          </div>
        )}
        {preview && <img className={styles.livePreview} style={{ top: geometry.height + PREVIEW_GAP, maxHeight: geometry.width }} src={preview} alt={t.canvas.sampling} draggable={false} />}
      </div>
    </>
  );
});

/** What the node is called that a state is about, where that is one inside of this one; empty for this one itself. */
function useInnerTitle(own: string, at: string | undefined): string {
  const { library } = useEditor();
  return useActive((one) => (one && at?.startsWith(`${own}:`) ? titlesInside(own, at, one.document, library.catalogue) : ""));
}

/** The corners by which a selected node is made larger; live, and one step of undo. */
function Resizing({ id }: { id: string }) {
  const { documents } = useEditor();
  const { edits } = useMessages();
  const resize = (_: unknown, { width, height }: { width: number; height: number }) => documents.editGraph(edits.resize, (graph) => setNodeUi(graph, id, { size: [Math.round(width), Math.round(height)] }), `resize ${id}`);
  return (
    <NodeResizeControl
      position="bottom-right"
      className={styles.corner}
      minWidth={NARROWEST}
      minHeight={40}
      onResize={resize}
      onResizeEnd={(event, box) => {
        resize(event, box);
        documents.settle();
      }}
    />
  );
}

interface RowViewProps {
  row: Row;
  id: string;
  node: GraphNode;
  of: Interface;
  near: boolean;
  problems: Parameters<typeof badgeOf>[2];
  made: NodeOutput | undefined;
}

function RowView({ row, id, node, of, near, problems, made }: RowViewProps) {
  if (row.kind === "ports") {
    const middle = row.y + row.height / 2;
    const line = { top: row.y, lineHeight: `${row.height}px` };
    return (
      <>
        {row.input && <Socket node={id} name={row.input.name} end="input" type={row.input.type} y={middle} linked={linkOf(node.inputs?.[row.input.name]) !== null || of.kind === "unknown"} optional={row.input.optional === true || row.input.default !== undefined} />}
        {row.output && <Socket node={id} name={row.output.name} end="output" type={row.output.type} y={middle} linked list={row.output.is_list} />}
        {near && row.input && (
          <PortName id={id} name={row.input.name} className={`${styles.port} ${row.output ? "" : styles.lone} ${problems?.some((one) => one.input === row.input?.name) ? styles.missing : ""}`} style={line} input={row.input.name}>
            {portLabel(row.input.name, node, of)}
          </PortName>
        )}
        {near && row.output && (
          <PortName id={id} name={row.output.name} className={`${styles.port} ${styles.output} ${row.input ? "" : styles.lone}`} style={line}>
            {row.output.name}
          </PortName>
        )}
      </>
    );
  }
  if (row.kind === "more") return <More row={row} id={id} near={near} />;
  if (row.kind === "words") return near ? <NodeWords row={row} made={made} /> : null;
  if (row.kind === "picture") return <NodePicture row={row} id={id} node={node} of={of} made={made} />;
  return <FieldRow row={row} id={id} node={node} near={near} problem={problems?.find((one) => one.input === row.input.name)?.message} />;
}

interface PortNameProps {
  id: string;
  name: string;
  /** The input that a menu opened here is about. */
  input?: string;
  className: string;
  style: CSSProperties;
  children: ReactNode;
}

/** What stands at a socket; at the ends of a subgraph it can be renamed. */
function PortName({ id, name, input, className, style, children }: PortNameProps) {
  const isEnd = (id === INPUTS || id === OUTPUTS) && name !== NEW;
  if (isEnd) return <EndName kind={id === INPUTS ? "input" : "output"} name={name} className={className} style={style} />;
  return (
    <span data-input={input} className={className} style={style}>
      {children}
    </span>
  );
}

/** Unfolds the fields that are seldom changed, or folds them away again. */
function More({ row, id, near }: { row: Extract<Row, { kind: "more" }>; id: string; near: boolean }) {
  const { documents } = useEditor();
  const { canvas: t, edits } = useMessages();
  if (!near) return null;
  const open = row.folded === 0;
  return (
    <button
      type="button"
      className={`nodrag ${styles.unfold}`}
      style={{ top: row.y, height: row.height }}
      aria-expanded={open}
      onClick={() => documents.editGraph(open ? edits.collapse : edits.expand, (graph) => setNodeUi(graph, id, { advanced: open ? undefined : true }))}
    >
      {open ? <ChevronDown size={12} aria-hidden /> : <ChevronRight size={12} aria-hidden />} {open ? t.fewer : t.more(row.folded)}
    </button>
  );
}

/** What stands at a socket: with a hidden link, where it comes from. A node of an unknown type has no fields: its values are shown. */
function portLabel(name: string, node: GraphNode, of: Interface): ReactNode {
  const source = hiddenLinksOf(node).includes(name) ? linkOf(node.inputs?.[name]) : null;
  if (source) return (
    <>
      {name} ← <SourceTitle name={source.node} />
    </>
  );
  const value = of.kind === "unknown" ? literalOf(node.inputs?.[name]) : undefined;
  return value === undefined ? name : `${name}: ${writeJson(value).slice(0, 60)}`;
}

function CollapsedSockets({ id, node, of, y }: { id: string; node: GraphNode; of: Interface; y: number }) {
  const linked = of.inputs.filter((one) => linkOf(node.inputs?.[one.name]));
  return (
    <>
      {(linked.length > 0 ? linked : of.inputs.slice(0, 1)).map((one) => (
        <Socket key={`i${one.name}`} node={id} name={one.name} end="input" type={one.type} y={y} linked={linked.length > 0} />
      ))}
      {of.outputs.map((one) => (
        <Socket key={`o${one.name}`} node={id} name={one.name} end="output" type={one.type} y={y} linked list={one.is_list} />
      ))}
    </>
  );
}

/** The way through a bypassed node: from the input that passes to each output. */
function PassThrough({ of, node, geometry }: { of: Interface; node: GraphNode; geometry: CardData["geometry"] }) {
  return (
    <svg className={styles.passing} width={geometry.width} height={geometry.height} aria-hidden>
      {of.outputs.map((output) => {
        const input = passingInput(node, of, output.name);
        const from = input === null ? undefined : geometry.inputs.get(input);
        const to = geometry.outputs.get(output.name);
        if (from === undefined || to === undefined) return null;
        const middle = geometry.width / 2;
        return <path key={output.name} d={`M0 ${from}C${middle} ${from} ${middle} ${to} ${geometry.width} ${to}`} stroke={typeColour(output.type)} />;
      })}
    </svg>
  );
}

function mainColour(of: Interface): string {
  const type = of.outputs[0]?.type ?? of.inputs.find((one) => !one.widget)?.type ?? "*";
  return typeColour(type);
}

const keyOf = (row: Row): string => (row.kind === "ports" ? `p${row.y}` : row.kind === "picture" || row.kind === "words" || row.kind === "more" ? row.kind : `f${row.input.name}`);
