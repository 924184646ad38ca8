// The graph of the open document as a canvas: a view of it that owns nothing but the gesture that is going on. Gestures end in
// edits of the document, one each.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type MouseEvent as ReactMouseEvent } from "react";
import {
  ReactFlow,
  ReactFlowProvider,
  SelectionMode,
  useReactFlow,
  useStore as useFlow,
  type Connection,
  type EdgeChange,
  type FinalConnectionState,
  type ReactFlowProps,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useStore } from "zustand";
import { dropLink, Pull } from "@/canvas/gestures";
import { Connecting } from "@/canvas/connecting";
import { ConnectionLine } from "@/canvas/ConnectionLine";
import { boxOf, controlOf } from "@/canvas/control";
import { boxOfCell, cellOf, linksIn } from "@/canvas/culling";
import { STILL, useDragging, type Latest } from "@/canvas/dragging";
import { GroupFrame } from "@/canvas/GroupFrame";
import { Grid } from "@/canvas/Grid";
import { GuideLines } from "@/canvas/GuideLines";
import { LinkEdge } from "@/canvas/LinkEdge";
import { ManyLinks, MOST_LINKS } from "@/canvas/ManyLinks";
import { Minimap } from "@/canvas/Minimap";
import { NodeCard } from "@/canvas/NodeCard";
import { NoteCard } from "@/canvas/NoteCard";
import { Overview } from "@/canvas/Overview";
import { CanvasPlaceContext, type CanvasPlace } from "@/canvas/place";
import { nameOfHandle, Projection, samePlaces, targetOfEdge, type FlowEdge, type FlowNode } from "@/canvas/project";
import { PointedLink } from "@/canvas/PointedLink";
import { linkAt, REACH, usePointedLink } from "@/canvas/pointing";
import { LinkPoint, RerouteCard } from "@/canvas/Reroutes";
import { followFingers } from "@/canvas/touch";
import { boundsOf, fitted, FURTHEST, levelOf, NEAREST } from "@/canvas/viewport";
import { linkMenu, nodeMenu, paneMenu } from "@/commands/menus";
import { useMessages } from "@/i18n/messages";
import { graphAt } from "@/model/document";
import { addPoint, linksFrom } from "@/model/edit";
import { DENSITIES } from "@/model/geometry";
import { connect } from "@/model/linking";
import { prefixOf, scopeOf, type OpenDocument } from "@/store/documents";
import { useActive, useEditor, type Editor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

const NODE_TYPES = { card: NodeCard, note: NoteCard, "group-frame": GroupFrame, point: LinkPoint, reroute: RerouteCard };
const EDGE_TYPES = { link: LinkEdge };
const NOBODY: FlowNode[] = [];
const NOTHING: FlowEdge[] = [];
const NO_NODES: ReadonlyMap<string, FlowNode> = new Map();
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
  const { documents, library, settings, view } = editor;
  const one = useActive((open) => open) as OpenDocument;
  const scope = scopeOf(one);
  const prefix = prefixOf(one);
  const { document, selection, uid } = one;
  const graph = graphAt(document, scope);
  const { ends } = useMessages().canvas;
  const catalogue = useStore(library.store, (state) => state.catalogue);
  const density = useStore(settings, (state) => state.density);
  const wheel = useStore(settings, (state) => state.wheel);
  const snap = useStore(settings, (state) => state.snap);
  const showMinimap = useStore(settings, (state) => state.minimap);
  const grid = useStore(settings, (state) => state.grid);
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const wrapper = useRef<HTMLDivElement>(null);
  const zoomed = useFlow((state) => (state.domNode === null ? null : levelOf(state.transform[2])));
  const [projection] = useState(() => new Projection());
  const [connecting] = useState(() => new Connecting());
  const [pull] = useState(() => new Pull());
  const latest = useRef<Latest>({ nodes: NOBODY, graph, document, painted: NOTHING, byId: NO_NODES });
  const { moved, guides, onNodesChange, onDragStart, onDrag, onDragStop, onDragEnd } = useDragging(latest, projection, flow);

  // Where to look from at first: where one was, else so that all is seen. Known before anything is drawn, so that from far away
  // nothing is ever mounted.
  const [kept] = useState(() => one.views[scope]);
  const [start, setStart] = useState(kept);
  const level = zoomed === null || start === undefined ? levelOf(start?.zoom ?? 1) : zoomed;

  const place = useMemo<CanvasPlace>(() => ({ uid, scope, key: (name) => `${uid}/${prefix}${name}`, connecting, level }), [uid, scope, prefix, connecting, level]);
  const nodes = useMemo(
    () => projection.cards({ graph, document, scope, catalogue, metrics: DENSITIES[density], ends }, selection, moved),
    [projection, graph, document, scope, catalogue, density, ends, selection, moved],
  );
  const pointsMoved = useMemo(() => ([...moved.keys()].some((id) => id.startsWith("point:")) ? moved : STILL), [moved]);
  const hidden = projection.hidden(graph, document, catalogue, DENSITIES[density]);
  const links = useMemo(() => projection.links(graph, document, scope, catalogue, pointsMoved, hidden), [projection, graph, document, scope, catalogue, pointsMoved, hidden]);
  const seen = useFlow((state) => cellOf(state.transform, state.width, state.height));
  // Where nodes are, told apart from what is in them: a key pressed in a prompt moves no link and repaints no map.
  const [places] = useState<{ nodes: readonly FlowNode[] }>(() => ({ nodes: NOBODY }));
  const placed = useMemo(() => (samePlaces(places.nodes, nodes) ? places.nodes : (places.nodes = nodes)), [nodes, places]);
  const byId = useMemo(() => new Map(placed.map((node) => [node.id, node])), [placed]);
  const edges = useMemo(() => lit(links, selection), [links, selection]);
  const edgesSeen = useMemo(() => (level === "far" ? NOTHING : linksIn(edges, byId, boxOfCell(seen))), [edges, byId, seen, level]);
  const many = edgesSeen.length > MOST_LINKS;
  const elements = useMemo(() => (many ? edgesSeen.filter((edge) => edge.className || edge.selected).slice(0, MOST_LINKS) : edgesSeen), [edgesSeen, many]);

  const far = level === "far";
  const painted = far ? edges : many ? edgesSeen : NOTHING;
  const pointed = usePointedLink(wrapper, painted, byId, far || many);

  useLayoutEffect(() => {
    if (start !== undefined || nodes.length === 0 || catalogue.size === 0) return;
    const box = wrapper.current!.getBoundingClientRect();
    setStart(fitted(boundsOf(nodes.map(boxOf)), box.width, box.height));
  }, [start, nodes, catalogue]);

  useEffect(() => {
    latest.current = { nodes, graph, document, painted, byId };
  });
  useEffect(() => {
    editor.canvas = controlOf(flow, () => wrapper.current!, () => latest.current.nodes);
    return () => {
      editor.canvas = null;
    };
  }, [editor, flow]);

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

  const done = useRef(false);
  const onConnectStart = useCallback(
    (event: MouseEvent | TouchEvent, from: { nodeId: string | null; handleId: string | null; handleType: string | null }) => {
      if (!from.nodeId || !from.handleId) return;
      done.current = false;
      const { graph: current, document: whole } = latest.current;
      const pulled = pull.take();
      if (pulled) connecting.start(pulled.from.node, pulled.from.output, "output", pulled.to, current, whole, library.catalogue);
      else connecting.start(from.nodeId, nameOfHandle(from.handleId), from.handleType === "source" ? "output" : "input", null, current, whole, library.catalogue);
      if ("shiftKey" in event && event.shiftKey && from.handleType === "source") connecting.all = linksFrom(current, { node: from.nodeId, output: nameOfHandle(from.handleId) });
    },
    [connecting, library, pull],
  );
  const onConnect = useCallback(
    (made: Connection) => {
      done.current = true;
      const from = { node: made.source, output: nameOfHandle(made.sourceHandle ?? "") };
      const to = { node: made.target, input: nameOfHandle(made.targetHandle ?? "") };
      const pulled = connecting.current?.pulled ?? null;
      documents.editGraph(editor.t.edits.link, (current) => connect(current, from, to, pulled));
    },
    [documents, connecting, editor],
  );
  const onConnectEnd = useCallback(
    (event: MouseEvent | TouchEvent, _state: FinalConnectionState) => {
      const drawing = connecting.current;
      const all = connecting.all;
      connecting.stop();
      if (!drawing || done.current) return;
      const at = "clientX" in event ? event : event.changedTouches[0]!;
      dropLink(editor, drawing, all, { x: at.clientX, y: at.clientY });
    },
    [connecting, editor],
  );
  const isValid = useCallback(
    (made: Connection | FlowEdge) => {
      const drawing = connecting.current;
      if (!drawing) return true;
      const forward = drawing.end === "output";
      // Pulled off an input whose source is out of view, a link goes to what it is dropped on: to the library it begins at that input.
      if (forward && made.source !== drawing.node) return false;
      const node = forward ? made.target : made.source;
      const name = nameOfHandle((forward ? made.targetHandle : made.sourceHandle) ?? "");
      const data = latest.current.nodes.find((other) => other.id === node)?.data;
      if (data?.kind !== "card") return false;
      const port = forward ? data.of.inputs.find((input) => input.name === name) : data.of.outputs.find((output) => output.name === name);
      return port !== undefined && connecting.verdict(node, forward ? "input" : "output", port.type) === true;
    },
    [connecting],
  );

  const nodeAt = useCallback(
    (event: { clientX: number; clientY: number }): FlowNode | undefined => {
      const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false });
      return latest.current.nodes.findLast((node) => node.type !== "group-frame" && at.x >= node.position.x && at.y >= node.position.y && at.x <= node.position.x + (node.width ?? 0) && at.y <= node.position.y + (node.height ?? 0));
    },
    [flow],
  );
  /** A link that is painted, where no node is over it. */
  const paintedLinkAt = useCallback(
    (event: { clientX: number; clientY: number }) => {
      const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false });
      return linkAt(latest.current.painted, latest.current.byId, [x, y], REACH / flow.getZoom());
    },
    [flow],
  );
  // The same from one drawing to the next: else the library would draw every node of the view again with every edit.
  const handlers = useMemo<ReactFlowProps<FlowNode, FlowEdge>>(
    () => ({
      onSelectionDragStart: (event, all) => all[0] && onDragStart(event, all[0]),
      onSelectionDragStop: onDragEnd,
      onMoveStart: () => wrapper.current?.setAttribute("data-moving", ""),
      onMoveEnd: (_, at) => {
        wrapper.current?.removeAttribute("data-moving");
        documents.setView(uid, scope, at);
      },
      onPaneClick: (event) => {
        const found = levelOf(flow.getZoom()) === "far" ? nodeAt(event) : undefined;
        const link = found ? null : paintedLinkAt(event);
        if (link && event.altKey) giveLinkPoint(editor, link, event);
        documents.select(found ? [found.id] : link ? [`link:${link.id}`] : []);
      },
      onNodeDoubleClick: (event, node) => {
        if ((event.target as Element).closest(".nodrag")) return;
        if (node.data.kind === "card" && node.data.of.kind === "subgraph") documents.enter(node.id);
        else if (node.type === "card" && !node.id.startsWith("@") && (event.target as Element).closest(`.${styles.head}`)) view.set({ renaming: node.id });
      },
      onEdgeClick: (event, edge) => event.altKey && giveLinkPoint(editor, edge, event),
      onEdgeDoubleClick: (event, edge) => giveLinkPoint(editor, edge, event),
      onNodeContextMenu: (event, node) => {
        event.preventDefault();
        if (!documents.active?.selection.has(node.id)) documents.select([node.id]);
        const input = (event.target as Element).closest("[data-input]")?.getAttribute("data-input") ?? null;
        view.set({ menu: { at: { x: event.clientX, y: event.clientY }, items: nodeMenu(editor, node.id, input) } });
      },
      onEdgeContextMenu: (event, edge) => {
        event.preventDefault();
        view.set({ menu: { at: { x: event.clientX, y: event.clientY }, items: linkMenu(editor, targetOfEdge(edge.id), { x: event.clientX, y: event.clientY }) } });
      },
      onPaneContextMenu: (event) => {
        event.preventDefault();
        const at = { x: event.clientX, y: event.clientY };
        const link = paintedLinkAt(event);
        view.set({ menu: { at, items: link ? linkMenu(editor, targetOfEdge(link.id), at) : paneMenu(editor, at) } });
      },
      onSelectionContextMenu: (event, all) => {
        event.preventDefault();
        if (all[0]) view.set({ menu: { at: { x: event.clientX, y: event.clientY }, items: nodeMenu(editor, all[0].id, null) } });
      },
    }),
    [editor, documents, view, flow, uid, scope, nodeAt, paintedLinkAt, onDragStart, onDragEnd],
  );
  return (
    <CanvasPlaceContext value={place}>
      <div
        ref={wrapper}
        className={styles.canvas}
        data-level={level}
        data-testid="canvas"
        tabIndex={-1}
        onPointerDownCapture={(event) => pull.begin(event, latest.current.graph, scope)}
        onDoubleClick={(event) => {
          if (!(event.target as Element).classList.contains("react-flow__pane")) return;
          const found = far ? nodeAt(event) : undefined;
          const link = found ? null : paintedLinkAt(event);
          if (found) editor.canvas?.fit([found.id]);
          else if (link) giveLinkPoint(editor, link, event);
          else view.set({ palette: { at: { x: event.clientX, y: event.clientY }, place: editor.canvas!.toCanvas({ x: event.clientX, y: event.clientY }) } });
        }}
      >
        {grid && !far && <Grid />}
        {many && <ManyLinks nodes={byId} edges={edgesSeen} lit={pointed?.edge.id ?? null} />}
        {(start !== undefined || nodes.length === 0) && <ReactFlow<FlowNode, FlowEdge>
          nodes={far ? NOBODY : nodes}
          edges={elements}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          defaultViewport={start ?? { x: 0, y: 0, zoom: 1 }}
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
        />}
        {guides.length > 0 && <GuideLines of={guides} />}
        {far && <Overview nodes={nodes} edges={edges} lit={pointed?.edge.id ?? null} />}
        {pointed && <PointedLink of={pointed} nodes={byId} />}
        {showMinimap && nodes.length > 0 && <Minimap nodes={placed} edges={links} />}
      </div>
    </CanvasPlaceContext>
  );
}

function giveLinkPoint(editor: Editor, edge: FlowEdge, { clientX, clientY }: ReactMouseEvent): void {
  editor.documents.editGraph(editor.t.edits.addPoint, (graph) => addPoint(graph, targetOfEdge(edge.id), editor.canvas!.toCanvas({ x: clientX, y: clientY })));
}

/** Links of selected nodes are drawn over the others; links that are selected themselves are marked. One that is hidden is seen only then. */
function lit(links: readonly FlowEdge[], selection: ReadonlySet<string>): FlowEdge[] {
  return links.flatMap((edge) => {
    const selected = selection.has(`link:${edge.id}`);
    const touched = selection.has(edge.source) || selection.has(edge.target);
    if (edge.data?.hidden && !selected && !touched) return [];
    return selected || touched ? { ...edge, selected, className: touched ? styles.touched! : "", zIndex: touched ? 1 : 0 } : edge;
  });
}
