import { describe, expect, test } from "vitest";
import { linkAt } from "@/canvas/pointing";
import { edgeId, Projection } from "@/canvas/project";
import type { Point } from "@/model/document";
import { catalogue, documentOf, sceneOf } from "./documents";

const NOTHING = new Map();

/** From an output at [0, 0] or so to an input at [600, 300] or so. */
function graph(via?: [number, number]) {
  const point = via ? { reroutes: [{ id: "1", pos: via }] } : {};
  const document = documentOf(
    {
      latent: { type: "EmptyLatentImage", ui: { pos: [-240, -45] } },
      decode: { type: "VAEDecode", inputs: { samples: { from: ["latent", "LATENT"] } }, ui: { pos: [600, 255], ...(via ? { via: { samples: "1" } } : {}) } },
    },
    { ui: point },
  );
  const projection = new Projection();
  const nodes = new Map(projection.cards(sceneOf(document), new Set(), NOTHING).map((node) => [node.id, node]));
  return { nodes, edges: projection.links(document, document, "", catalogue, NOTHING, NOTHING) };
}

describe("the link at a point", () => {
  test.each<[string, Point, number, boolean]>([
    ["its middle", [300, 150], 10, true],
    ["its beginning", [4, 0], 10, true],
    ["beside its middle", [300, 162], 14, true],
    ["further beside its middle", [300, 180], 10, false],
    ["the straight way, which it does not take", [60, 30], 8, false],
    ["behind its end", [640, 300], 10, false],
  ])("%s", (_, at, reach, found) => {
    const { nodes, edges } = graph();
    expect(linkAt(edges, nodes, at, reach, "spline")?.id ?? null).toBe(found ? edgeId("decode", "samples") : null);
  });

  test("goes through its points", () => {
    const { nodes, edges } = graph([300, -400]);
    expect(linkAt(edges, nodes, [300, -400], 5, "spline")?.id).toBe(edgeId("decode", "samples"));
    expect(linkAt(edges, nodes, [300, 150], 5, "spline")).toBeNull();
  });

  test("is the nearest of several", () => {
    const { nodes, edges } = graph();
    const other = { ...edges[0]!, id: "other", data: { ...edges[0]!.data!, points: [[300, 170] as const] } };
    expect(linkAt([other, ...edges], nodes, [300, 152], 40, "spline")?.id).toBe(edgeId("decode", "samples"));
    expect(linkAt([...edges, other], nodes, [300, 168], 40, "spline")?.id).toBe("other");
  });
});
