import { describe, expect, test } from "vitest";
import { linkBehind } from "@/canvas/inserting";
import type { LinkStyle } from "@/canvas/path";
import { edgeId, Projection } from "@/canvas/project";
import { linkTo, type GraphNode, type Point } from "@/model/document";
import { catalogue, documentOf, sceneOf } from "./documents";

const NOTHING = new Map();
const LINK = edgeId("decode", "samples");

/** A link from [0, 0] or so to [600, 0] or so, and a node over it or elsewhere. */
function dropped(node: GraphNode, pointer: Point | null, more: Record<string, GraphNode> = {}, links: LinkStyle = "spline", selected = false) {
  const document = documentOf({
    latent: { type: "EmptyLatentImage", ui: { pos: [-240, -45] } },
    decode: { type: "VAEDecode", inputs: { samples: linkTo({ node: "latent", output: "LATENT" }) }, ui: { pos: [600, -45] } },
    node,
    ...more,
  });
  const projection = new Projection();
  const byId = new Map(projection.cards(sceneOf(document), new Set(), NOTHING).map((one) => [one.id, one]));
  const edges = projection.links(document, document, "", catalogue, NOTHING, NOTHING);
  return linkBehind(byId.get("node")!, pointer, 8, { graph: document, document, edges: edges.map((edge) => ({ ...edge, selected })), byId, links }, catalogue)?.id ?? null;
}

const upscale = (pos: [number, number], inputs: GraphNode["inputs"] = {}): GraphNode => ({ type: "LatentUpscale", inputs, ui: { pos } });

describe("a node dropped on a link goes into it", () => {
  test("where the pointer is on the link", () => expect(dropped(upscale([200, -14]), [300, 0])).toBe(LINK));
  test("where only its middle is over it", () => expect(dropped(upscale([200, -100]), [210, -90])).toBe(LINK));
  test("where only its rim is over it", () => expect(dropped(upscale([200, -12]), [300, -8])).toBe(LINK));
  test("where it is moved by a finger", () => expect(dropped(upscale([200, -100]), null)).toBe(LINK));
  test("not where it is beside it", () => expect(dropped(upscale([200, 40]), [300, 50])).toBeNull());
  test("not where it does not fit", () => expect(dropped({ type: "CLIPSetLastLayer", ui: { pos: [200, -40] } }, [300, 0])).toBeNull());
  test("not where it is fed already", () => expect(dropped(upscale([200, -100], { samples: linkTo({ node: "latent", output: "LATENT" }) }), [300, 0])).toBeNull());

  test("where it feeds others only if it is aimed", () => {
    const fed = { fed: { type: "VAEDecode", inputs: { samples: linkTo({ node: "node", output: "LATENT" }) }, ui: { pos: [600, 400] } } };
    expect(dropped(upscale([200, -100]), [210, -90], fed)).toBeNull();
    expect(dropped(upscale([200, -14]), [300, 0], fed)).toBe(LINK);
  });

  test("the one at the pointer before the one at its middle", () => {
    const above = { other: { type: "VAEDecode", inputs: { samples: linkTo({ node: "latent", output: "LATENT" }) }, ui: { pos: [600, -145] as [number, number] } } };
    expect(dropped(upscale([250, -66]), [300, -50], above)).toBe(edgeId("other", "samples"));
    expect(dropped(upscale([250, -66]), null, above)).toBe(LINK);
  });
});

describe("a node goes into the link as it is drawn", () => {
  // The link of the other decoder goes from [0, 0] or so to [600, 400] or so: a curve at [108, 42], straight at [150, 100], in steps at [300, 40].
  const below = { decode: { type: "VAEDecode", inputs: { samples: linkTo({ node: "latent", output: "LATENT" }) }, ui: { pos: [600, 355] as [number, number] } } };
  const CURVE: Point = [108, 42];
  const STRAIGHT: Point = [150, 100];
  const STEP: Point = [300, 40];
  test.each<[LinkStyle, Point, boolean, string | null]>([
    ["spline", CURVE, false, LINK],
    ["spline", STRAIGHT, false, null],
    ["spline", STEP, false, null],
    ["straight", CURVE, false, null],
    ["straight", STRAIGHT, false, LINK],
    ["straight", STEP, false, null],
    ["step", CURVE, false, null],
    ["step", STRAIGHT, false, null],
    ["step", STEP, false, LINK],
    ["hidden", CURVE, false, null],
    ["hidden", STRAIGHT, false, null],
    ["hidden", STEP, false, null],
    ["hidden", CURVE, true, LINK],
  ])("%s, at %s, selected: %s", (links, at, selected, found) => {
    // It is fed by nobody and feeds one, so that it has to be aimed.
    const fed = { ...below, fed: { type: "VAEDecode", inputs: { samples: linkTo({ node: "node", output: "LATENT" }) }, ui: { pos: [600, 900] as [number, number] } } };
    expect(dropped(upscale([at[0] - 20, at[1] - 10]), at, fed, links, selected)).toBe(found);
  });
});
