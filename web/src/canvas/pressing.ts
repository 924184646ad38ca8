// What presses on the canvas do: a click selects, a double-click enters, renames, adds; the right button opens a menu. What is painted
// is no element, so it is found by its place.
import { useCallback, useMemo, type MouseEvent as ReactMouseEvent, type RefObject } from "react";
import type { ReactFlowInstance, ReactFlowProps } from "@xyflow/react";
import type { Latest } from "@/canvas/dragging";
import { linkAt, REACH } from "@/canvas/pointing";
import { targetOfEdge, type FlowEdge, type FlowNode } from "@/canvas/project";
import { levelOf } from "@/canvas/viewport";
import { linkMenu, nodeMenu, paneMenu } from "@/commands/menus";
import { addPoint } from "@/model/edit";
import { useEditor, type Editor } from "@/store/editor";
import styles from "@/canvas/canvas.module.css";

/** The same functions from one drawing to the next: else the library would draw every node of the view again with every edit. */
export function usePressing(latest: RefObject<Latest>, flow: ReactFlowInstance<FlowNode, FlowEdge>) {
  const editor = useEditor();
  const { documents, settings, view } = editor;
  const nodeAt = useCallback(
    (event: { clientX: number; clientY: number }): FlowNode | undefined => {
      const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false });
      return latest.current.nodes.findLast((node) => node.type !== "group-frame" && at.x >= node.position.x && at.y >= node.position.y && at.x <= node.position.x + (node.width ?? 0) && at.y <= node.position.y + (node.height ?? 0));
    },
    [latest, flow],
  );
  /** A link that is painted, where no node is over it. */
  const paintedLinkAt = useCallback(
    (event: { clientX: number; clientY: number }) => {
      const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false });
      return linkAt(latest.current.painted, latest.current.byId, [x, y], REACH / flow.getZoom(), settings.getState().links);
    },
    [latest, settings, flow],
  );
  const handlers = useMemo<ReactFlowProps<FlowNode, FlowEdge>>(
    () => ({
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
    [editor, documents, view, flow, nodeAt, paintedLinkAt],
  );
  const onDoubleClick = useCallback(
    (event: ReactMouseEvent) => {
      if (!(event.target as Element).classList.contains("react-flow__pane")) return;
      const found = levelOf(flow.getZoom()) === "far" ? nodeAt(event) : undefined;
      const link = found ? null : paintedLinkAt(event);
      if (found) editor.canvas?.fit([found.id]);
      else if (link) giveLinkPoint(editor, link, event);
      else view.set({ palette: { at: { x: event.clientX, y: event.clientY }, place: editor.canvas!.toCanvas({ x: event.clientX, y: event.clientY }) } });
    },
    [editor, view, flow, nodeAt, paintedLinkAt],
  );
  return { handlers, onDoubleClick };
}

function giveLinkPoint(editor: Editor, edge: FlowEdge, { clientX, clientY }: ReactMouseEvent): void {
  editor.documents.editGraph(editor.t.edits.addPoint, (graph) => addPoint(graph, targetOfEdge(edge.id), editor.canvas!.toCanvas({ x: clientX, y: clientY })));
}
