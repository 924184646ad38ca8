// @vitest-environment jsdom
// Letting go of what is dragged: where it goes is told by where it is then, not by what was drawn last.
import { act, type RefObject } from "react";
import { createRoot, type Root } from "react-dom/client";
import type { ReactFlowInstance } from "@xyflow/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useDragging, type Latest } from "@/canvas/dragging";
import { edgeId, Projection, type FlowEdge, type FlowNode } from "@/canvas/project";
import { linkOf, linkTo, type Point } from "@/model/document";
import { Editor, EditorContext } from "@/store/editor";
import { catalogue, documentOf, sceneOf } from "./documents";
import { fakeService } from "./service";

const NOTHING = new Map();
const ON: Point = [200, -14];
const BESIDE: Point = [200, 400];

let editor: Editor;
let root: Root;
let node: FlowNode;
let dragging: ReturnType<typeof useDragging>;

/** A link from [0, 0] or so to [600, 0] or so, and a node that is dragged. */
const DOCUMENT = documentOf({
  latent: { type: "EmptyLatentImage", ui: { pos: [-240, -45] } },
  decode: { type: "VAEDecode", inputs: { samples: linkTo({ node: "latent", output: "LATENT" }) }, ui: { pos: [600, -45] } },
  node: { type: "LatentUpscale", ui: { pos: [...BESIDE] } },
});

function Dragged({ latest, projection }: { latest: RefObject<Latest>; projection: Projection }) {
  const flow = { getZoom: () => 1, screenToFlowPosition: (at: object) => at } as unknown as ReactFlowInstance<FlowNode, FlowEdge>;
  dragging = useDragging(latest, projection, flow);
  return null;
}

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  fakeService();
  editor = new Editor();
  editor.library.store.setState({ catalogue });
  editor.documents.open(DOCUMENT);
  const projection = new Projection();
  const nodes = projection.cards(sceneOf(DOCUMENT), new Set(), NOTHING);
  const byId = new Map(nodes.map((one) => [one.id, one]));
  const edges = projection.links(DOCUMENT, DOCUMENT, "", catalogue, NOTHING, NOTHING);
  node = byId.get("node")!;
  const latest = { current: { nodes, graph: DOCUMENT, document: DOCUMENT, edges, painted: [], byId } };
  root = createRoot(document.createElement("main"));
  await act(() =>
    root.render(
      <EditorContext value={editor}>
        <Dragged latest={latest} projection={projection} />
      </EditorContext>,
    ),
  );
});

afterEach(() => act(() => root.unmount()));

const source = () => linkOf(editor.documents.active!.document.nodes["decode"]!.inputs!["samples"])!.node;
const pointer = ([x, y]: Point) => new MouseEvent("mousemove", { clientX: x + 100, clientY: y + 14 });
const at = (place: Point): FlowNode => ({ ...node, position: { x: place[0], y: place[1] } });

/** Move to one place after the other, and let go at the last with the handlers that the library has: those of one drawing before. */
async function quickly(...places: Point[]): Promise<void> {
  await act(() => dragging.onDragStart(pointer(BESIDE), node));
  let before = dragging;
  for (const place of places) {
    before = dragging;
    await act(() => dragging.onDrag(pointer(place), at(place), [at(place)]));
  }
  const last = places.at(-1) ?? BESIDE;
  await act(() => before.onDragStop(pointer(last), at(last), [at(last)]));
}

test("it goes into the link that it was moved over last", async () => {
  await quickly(BESIDE, ON);
  expect(source()).toBe("node");
});

test("and not into one that it has left", async () => {
  await quickly(ON, BESIDE);
  expect(source()).toBe("latent");
});

test("what was not moved goes into none", async () => {
  node = at(ON);
  await act(() => dragging.onDragStart(pointer(ON), node));
  await act(() => dragging.onDragStop(pointer(ON), node, [node]));
  expect(source()).toBe("latent");
});

test("the link that takes it in is marked", async () => {
  await act(() => dragging.onDragStart(pointer(BESIDE), node));
  await act(() => dragging.onDrag(pointer(ON), at(ON), [at(ON)]));
  expect(dragging.receiving).toBe(edgeId("decode", "samples"));
});
