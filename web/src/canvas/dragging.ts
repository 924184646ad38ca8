// Dragging: what is moved while it is, the lines it comes near, frames that take along what is in them, and a link that a node is dropped
// on. With Alt copies are what is moved, and what they are of stays. The document is edited once, at the end.
import { useCallback, useRef, useState, type MouseEvent as ReactMouseEvent, type RefObject } from "react";
import type { NodeChange, ReactFlowInstance } from "@xyflow/react";
import { boxOf } from "@/canvas/control";
import { linkBehind } from "@/canvas/inserting";
import { REACH } from "@/canvas/pointing";
import { middleOfPoint, targetOfEdge, type FlowEdge, type FlowNode, type Projection } from "@/canvas/project";
import { duplicateAt } from "@/commands/clipping";
import type { Document, Graph, Point } from "@/model/document";
import { insertOnLink, move } from "@/model/edit";
import { movableIn, placeOf } from "@/model/frames";
import { DENSITIES } from "@/model/geometry";
import { guidesFor, type Guide, type Guided } from "@/model/guides";
import { useEditor } from "@/store/editor";

/** What was drawn last, for what happens between two drawings. */
export interface Latest {
  nodes: readonly FlowNode[];
  graph: Graph;
  document: Document;
  edges: readonly FlowEdge[];
  /** Those that are painted, not elements. */
  painted: readonly FlowEdge[];
  byId: ReadonlyMap<string, FlowNode>;
}

type Dragging = MouseEvent | TouchEvent | ReactMouseEvent;

interface Gesture {
  /** Where everything was. */
  base: Map<string, Point>;
  /** What frames take along. */
  members: Map<string, string[]>;
  copies: boolean;
  hasMoved: boolean;
}

export const STILL: ReadonlyMap<string, Point> = new Map();
const NO_GUIDES: readonly Guide[] = [];
/** On the screen. */
const GUIDE_REACH = 6;

export function useDragging(latest: RefObject<Latest>, projection: Projection, flow: ReactFlowInstance<FlowNode, FlowEdge>) {
  const editor = useEditor();
  const { documents, library, settings } = editor;
  const [moved, setMoved] = useState<ReadonlyMap<string, Point>>(STILL);
  const [guides, setGuides] = useState<readonly Guide[]>(NO_GUIDES);
  /** The link that takes in what is dragged, if it is dropped now. */
  const [receiving, setReceiving] = useState<string | null>(null);
  const gesture = useRef<Gesture | null>(null);

  const onNodesChange = useCallback(
    (changes: NodeChange<FlowNode>[]) => {
      const picked = changes.filter((change) => change.type === "select");
      if (picked.length > 0) {
        const next = new Set(documents.active?.selection);
        for (const change of picked) if (change.selected) next.add(change.id);
          else next.delete(change.id);
        documents.select(next);
      }
      const places = new Map<string, Point>();
      let ended = false;
      for (const change of changes) {
        // One that is neither dragged nor nudged is made larger, from above or from the left: that is told of elsewhere.
        if (change.type !== "position" || !change.position || change.dragging === undefined) continue;
        const at: Point = change.id.startsWith("point:") ? middleOfPoint(change.position) : [change.position.x, change.position.y];
        places.set(change.id, at);
        if (!change.dragging) ended = true;
      }
      if (places.size === 0) return;
      const guided = gesture.current && changes.length === 1 && settings.getState().guides ? guidesOf(changes[0]!, latest.current.nodes, GUIDE_REACH / flow.getZoom()) : null;
      for (const [id, at] of guided ? [...places] : []) places.set(id, [at[0] + guided!.shift.x, at[1] + guided!.shift.y]);
      setGuides(ended || !guided ? NO_GUIDES : guided.lines);
      const { base, members } = gesture.current ?? { base: new Map<string, Point>(), members: new Map<string, string[]>() };
      for (const [id, at] of [...places]) {
        const from = base.get(id);
        for (const member of members.get(id) ?? []) {
          const was = base.get(member);
          if (from && was && !places.has(member)) places.set(member, [was[0] + at[0] - from[0], was[1] + at[1] - from[1]]);
        }
      }
      if (!ended) {
        setMoved((before) => new Map([...before, ...places]));
        return;
      }
      setMoved(STILL);
      if (gesture.current?.copies) {
        const [[id, at]] = [...places] as [[string, Point]];
        const from = base.get(id) ?? at;
        duplicateAt(editor, new Set(places.keys()), [at[0] - from[0], at[1] - from[1]]);
        return;
      }
      const nudge = gesture.current === null ? `nudge ${[...places.keys()].join("\n")}` : undefined;
      documents.editGraph(editor.t.edits.move, (current) => move(current, places), nudge);
    },
    [latest, documents, editor, settings, flow],
  );

  const onDragStart = useCallback((event: Dragging, node: FlowNode) => {
    const { nodes: all } = latest.current;
    const sizeOf = projection.sizes(latest.current.graph, latest.current.document, library.catalogue, DENSITIES[settings.getState().density]);
    const base = new Map<string, Point>(all.map((other) => [other.id, [other.position.x, other.position.y]]));
    for (const other of all) if (other.id.startsWith("point:")) base.set(other.id, middleOfPoint(other.position));
    const dragged = all.filter((other) => other.id === node.id || other.selected);
    const within = (frame: FlowNode) => (frame.data.kind === "group" ? movableIn(latest.current.graph, frame.data.index, sizeOf) : []);
    const members = new Map(dragged.filter((other) => other.type === "group-frame").map((frame) => [frame.id, within(frame)]));
    for (const ids of members.values()) for (const id of ids) if (!base.has(id)) base.set(id, placeOf(latest.current.graph, id));
    gesture.current = { base, members, copies: event.altKey, hasMoved: false };
  }, [latest, projection, library, settings]);

  const linkUnder = useCallback(
    (event: Dragging, node: FlowNode, all: FlowNode[]): string | null => {
      if (all.length !== 1 || !gesture.current?.hasMoved || gesture.current.copies) return null;
      const pointer = "clientX" in event ? flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false }) : null;
      const drawn = { ...latest.current, links: settings.getState().links };
      return linkBehind(node, pointer && [pointer.x, pointer.y], REACH / flow.getZoom(), drawn, library.catalogue)?.id ?? null;
    },
    [latest, library, settings, flow],
  );
  const onDrag = useCallback(
    (event: Dragging, node: FlowNode, all: FlowNode[]) => {
      if (gesture.current) gesture.current.hasMoved = true;
      setReceiving(linkUnder(event, node, all));
    },
    [linkUnder],
  );
  const onDragStop = useCallback(
    (event: Dragging, node: FlowNode, all: FlowNode[]) => {
      // What is marked may be behind: a quick hand moves and lets go before that is drawn.
      const link = linkUnder(event, node, all);
      gesture.current = null;
      setReceiving(null);
      if (!link) return;
      documents.editGraph(editor.t.edits.insert, (current, whole) => insertOnLink(current, node.id, targetOfEdge(link), whole, library.catalogue) ?? current);
    },
    [linkUnder, documents, library, editor],
  );
  const onDragEnd = useCallback(() => {
    gesture.current = null;
  }, []);
  return { moved, guides, receiving, onNodesChange, onDragStart, onDrag, onDragStop, onDragEnd };
}

/** The lines that a dragged node or note comes near; points of links, and frames with what is in them, have none. */
function guidesOf(change: NodeChange<FlowNode>, nodes: readonly FlowNode[], reach: number): Guided | null {
  const node = change.type === "position" && change.position ? nodes.find((one) => one.id === change.id) : undefined;
  if (!node || change.type !== "position" || !change.position || node.type === "point" || node.type === "group-frame") return null;
  const others = nodes.filter((one) => one !== node && one.type !== "point" && one.type !== "group-frame").map(boxOf);
  return guidesFor({ ...boxOf(node), ...change.position }, others, reach);
}
