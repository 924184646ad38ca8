// The graph of the open document as a canvas: a view of it that owns nothing but the gesture that is going on. Gestures end in
// edits of the document, one each.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ReactFlow, ReactFlowProvider, SelectionMode, useReactFlow, useStore as useFlow, type EdgeChange, type ReactFlowProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useStore } from "zustand";
import { ConnectionLine } from "@/canvas/ConnectionLine";
import { controlOf, viewOf } from "@/canvas/control";
import { STILL, useDragging, type Latest } from "@/canvas/dragging";
import { useDrawingLinks } from "@/canvas/drawingLinks";
import { Grid } from "@/canvas/Grid";
import { GroupFrame } from "@/canvas/GroupFrame";
import { GuideLines } from "@/canvas/GuideLines";
import { useLastPointer } from "@/canvas/lastPointer";
import { LinkEdge } from "@/canvas/LinkEdge";
import { ManyLinks } from "@/canvas/ManyLinks";
import { Minimap } from "@/canvas/Minimap";
import { NodeCard } from "@/canvas/NodeCard";
import { NoteCard } from "@/canvas/NoteCard";
import { Overview } from "@/canvas/Overview";
import { CanvasPlaceContext, type CanvasPlace } from "@/canvas/place";
import { PointedLink } from "@/canvas/PointedLink";
import { usePointedLink } from "@/canvas/pointing";
import { usePressing } from "@/canvas/pressing";
import { Projection, type FlowEdge, type FlowNode } from "@/canvas/project";
import { LinkPoint, RerouteCard } from "@/canvas/Reroutes";
import { useSeenLinks } from "@/canvas/seenLinks";
import { useSteadyView } from "@/canvas/steadyView";
import { followFingers } from "@/canvas/touch";
import { FURTHEST, levelOf, NEAREST } from "@/canvas/viewport";
import { useMessages } from "@/i18n/messages";
import { graphAt, groupsOf, notesOf, type Graph } from "@/model/document";
import { DENSITIES } from "@/model/geometry";
import { prefixOf, scopeOf, type OpenDocument } from "@/store/documents";
import { useActive, useEditor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const NODE_TYPES = { card: NodeCard, note: NoteCard, "group-frame": GroupFrame, point: LinkPoint, reroute: RerouteCard };
const EDGE_TYPES = { link: LinkEdge };
const NOBODY: FlowNode[] = [];
const NO_NODES: ReadonlyMap<string, FlowNode> = new Map();
const ORIGIN = { x: 0, y: 0, zoom: 1 };
const SNAP: [number, number] = [8, 8];
const BOX_KEYS = ["Shift", "Control"];
const ADDING_KEYS = ["Shift", "Meta", "Control"];

/** The canvas of the active document; another document or subgraph is another canvas. */
export function Canvas() {
  const key = useActive((one) => (one ? `${one.uid}/${prefixOf(one)}` : null));
  if (key === null) return null;
  return (
    <ReactFlowProvider key={key}>
      <GraphCanvas />
    </ReactFlowProvider>
  );
}

function GraphCanvas() {
  const editor = useEditor();
  const { documents, library, settings } = editor;
  const one = useActive((open) => open) as OpenDocument;
  const scope = scopeOf(one);
  const prefix = prefixOf(one);
  const { document, selection, uid } = one;
  const graph = graphAt(document, scope);
  const { ends } = useMessages().canvas;
  const catalogue = useStore(library.store, (state) => state.catalogue);
  const known = useStore(library.store, (state) => state.catalogue.size > 0 || state.state === "unreachable");
  const density = useStore(settings, (state) => state.density);
  const wheel = useStore(settings, (state) => state.wheel);
  const snap = useStore(settings, (state) => state.snap);
  const showMinimap = useStore(settings, (state) => state.minimap);
  const grid = useStore(settings, (state) => state.grid);
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const wrapper = useRef<HTMLDivElement>(null);
  const map = useRef<HTMLDivElement>(null);
  const pointer = useLastPointer(wrapper);
  const zoomed = useFlow((state) => (state.domNode === null ? null : levelOf(state.transform[2])));
  const [projection] = useState(() => new Projection());
  const latest = useRef<Latest>({ nodes: NOBODY, graph, document, edges: [], painted: [], byId: NO_NODES });
  const { connecting, onPress, onConnectStart, onConnect, onConnectEnd, isValid } = useDrawingLinks(latest, scope);
  const { moved, guides, receiving, onNodesChange, onDragStart, onDrag, onDragStop, onDragEnd } = useDragging(latest, projection, flow);

  // Where to look from at first: where one was, else so that all is seen. Where nothing is, what comes stays where it is put. Known
  // before anything is drawn, so that from far away nothing is ever mounted.
  const [start, setStart] = useState(() => one.views[scope] ?? (scope === "" && isEmpty(graph) ? ORIGIN : undefined));
  const level = zoomed === null || start === undefined ? levelOf(start?.zoom ?? 1) : zoomed;

  const place = useMemo<CanvasPlace>(() => ({ uid, scope, key: (name) => `${uid}/${prefix}${name}`, connecting, level }), [uid, scope, prefix, connecting, level]);
  const nodes = useMemo(
    () => projection.cards({ graph, document, scope, catalogue, metrics: DENSITIES[density], ends }, selection, moved),
    [projection, graph, document, scope, catalogue, density, ends, selection, moved],
  );
  const pointsMoved = useMemo(() => ([...moved.keys()].some((id) => id.startsWith("point:")) ? moved : STILL), [moved]);
  const hidden = projection.hidden(graph, document, catalogue, DENSITIES[density]);
  const links = useMemo(() => projection.links(graph, document, scope, catalogue, pointsMoved, hidden), [projection, graph, document, scope, catalogue, pointsMoved, hidden]);
  const { edges, elements, painted, placed, byId } = useSeenLinks(nodes, links, selection, receiving, level);
  const far = level === "far";
  const many = !far && painted.length > 0;
  const pointed = usePointedLink(wrapper, painted, byId, far || many);

  useLayoutEffect(() => {
    if (start !== undefined || nodes.length === 0 || !known) return;
    setStart(viewOf(nodes, wrapper.current!, map.current));
  }, [start, nodes, known]);

  useEffect(() => {
    latest.current = { nodes, graph, document, edges, painted, byId };
  });
  useEffect(() => {
    editor.canvas = controlOf(flow, () => wrapper.current!, () => map.current, () => latest.current.nodes, () => pointer.current);
    return () => {
      editor.canvas = null;
    };
  }, [editor, flow, pointer]);

  useSteadyView(wrapper, flow);
  useEffect(() => followFingers(wrapper.current!, () => flow.getViewport(), (from) => void flow.setViewport(from)), [flow]);

  const onEdgesChange = useCallback(
    (changes: EdgeChange<FlowEdge>[]) => {
      const picked = changes.filter((change) => change.type === "select");
      if (picked.length === 0) return;
      const next = new Set(documents.active?.selection);
      for (const change of picked) if (change.selected) next.add(`link:${change.id}`);
        else next.delete(`link:${change.id}`);
      documents.select(next);
    },
    [documents],
  );

  const { handlers, onDoubleClick } = usePressing(latest, flow);
  const moving = useMemo<ReactFlowProps<FlowNode, FlowEdge>>(
    () => ({
      onSelectionDragStart: (event, all) => all[0] && onDragStart(event, all[0]),
      onSelectionDragStop: onDragEnd,
      onMoveStart: () => wrapper.current?.setAttribute("data-moving", ""),
      onMoveEnd: (_, at) => {
        wrapper.current?.removeAttribute("data-moving");
        documents.setView(uid, scope, at);
      },
    }),
    [documents, uid, scope, onDragStart, onDragEnd],
  );
  return (
    <CanvasPlaceContext value={place}>
      <div
        ref={wrapper}
        className={styles.canvas}
        data-level={level}
        data-testid="canvas"
        tabIndex={-1}
        onPointerDownCapture={onPress}
        onDoubleClick={onDoubleClick}
      >
        {grid && !far && <Grid />}
        {many && <ManyLinks nodes={byId} edges={painted} lit={pointed?.edge.id ?? null} />}
        {start !== undefined && <ReactFlow<FlowNode, FlowEdge>
          nodes={far ? NOBODY : nodes}
          edges={elements}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          defaultViewport={start}
          minZoom={FURTHEST}
          maxZoom={NEAREST}
          onlyRenderVisibleElements
          onNodesChange={onNodesChange}
          onEdgesChange={onEdgesChange}
          onNodeDragStart={onDragStart}
          onNodeDrag={onDrag}
          onNodeDragStop={onDragStop}
          onConnectStart={onConnectStart}
          onConnect={onConnect}
          onConnectEnd={onConnectEnd}
          isValidConnection={isValid}
          connectionLineComponent={ConnectionLine}
          connectionRadius={30}
          snapToGrid={snap}
          snapGrid={SNAP}
          selectionMode={SelectionMode.Partial}
          selectionKeyCode={BOX_KEYS}
          multiSelectionKeyCode={ADDING_KEYS}
          deleteKeyCode={null}
          zoomOnDoubleClick={false}
          zoomOnScroll={wheel === "zoom"}
          panOnScroll={wheel === "pan"}
          nodeDragThreshold={2}
          {...handlers}
          {...moving}
        />}
        {guides.length > 0 && <GuideLines of={guides} />}
        {far && <Overview nodes={nodes} edges={edges} lit={pointed?.edge.id ?? null} />}
        {pointed && <PointedLink of={pointed} nodes={byId} />}
        {showMinimap && nodes.length > 0 && <Minimap ref={map} nodes={placed} edges={links} />}
      </div>
    </CanvasPlaceContext>
  );
}

function isEmpty(graph: Graph): boolean {
  return Object.keys(graph.nodes).length + notesOf(graph).length + groupsOf(graph).length === 0;
}
