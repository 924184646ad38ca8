// Drawing a link, from the press on a socket to where it is let go: what it may go to, and the edit that it ends in.
import { useCallback, useRef, useState, type PointerEvent as ReactPointerEvent, type RefObject } from "react";
import type { Connection, FinalConnectionState } from "@xyflow/react";
import { Connecting } from "@/canvas/connecting";
import type { Latest } from "@/canvas/dragging";
import { dropLink, Pull } from "@/canvas/gestures";
import { nameOfHandle, type FlowEdge } from "@/canvas/project";
import type { Scope } from "@/model/document";
import { link, linksFrom } from "@/model/edit";
import { connect } from "@/model/linking";
import { useEditor } from "@/store/editor";

export function useDrawingLinks(latest: RefObject<Latest>, scope: Scope) {
  const editor = useEditor();
  const { documents, library } = editor;
  const [connecting] = useState(() => new Connecting());
  const [pull] = useState(() => new Pull());
  const onPress = useCallback((event: ReactPointerEvent) => pull.begin(event, latest.current.graph, scope), [pull, latest, scope]);
  const done = useRef(false);
  const onConnectStart = useCallback(
    (event: MouseEvent | TouchEvent, from: { nodeId: string | null; handleId: string | null; handleType: string | null }) => {
      if (!from.nodeId || !from.handleId) return;
      done.current = false;
      const { graph: current, document: whole } = latest.current;
      const pulled = pull.take();
      if ("shiftKey" in event && event.shiftKey && from.handleType === "source") connecting.all = linksFrom(current, { node: from.nodeId, output: nameOfHandle(from.handleId) });
      if (pulled) connecting.start(pulled.from.node, pulled.from.output, "output", pulled.to, current, whole, library.catalogue);
      else connecting.start(from.nodeId, nameOfHandle(from.handleId), from.handleType === "source" ? "output" : "input", null, current, whole, library.catalogue);
    },
    [latest, connecting, library, pull],
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
    (event: MouseEvent | TouchEvent, { toHandle: onto }: FinalConnectionState) => {
      const drawing = connecting.current;
      const all = onto?.type === "source" ? connecting.all : null;
      const other = all && onto ? { node: onto.nodeId, output: nameOfHandle(onto.id ?? "") } : null;
      const takesAll = other && connecting.verdict(other.node, "output", other.output);
      connecting.stop();
      if (!drawing || done.current) return;
      if (all && other) {
        if (takesAll) documents.editGraph(editor.t.edits.moveLinks, (current) => all.reduce((next, target) => link(next, other, target), current));
        return;
      }
      const at = "clientX" in event ? event : event.changedTouches[0]!;
      dropLink(editor, drawing, { x: at.clientX, y: at.clientY });
    },
    [connecting, documents, editor],
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
      return connecting.verdict(node, forward ? "input" : "output", name) === true;
    },
    [latest, connecting],
  );
  return { connecting, onPress, onConnectStart, onConnect, onConnectEnd, isValid };
}
